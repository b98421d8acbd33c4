"""What Home shows of the lake: what needs somebody, the night's steps one after another, the last nights, the tiles.

Steps of other apps are asked for by address, as Home asks for its parts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F

from datasets.lake import catalog
from datasets.maintenance import records
from datasets.models import (
    Chore,
    ExportBundle,
    ExportState,
    Grade,
    LakeCommit,
    LakeEntry,
    LakePartition,
    LakeQuarantine,
    Snapshot,
    Upkeep,
)
from datasets.pages.lake_frame import url_of
from tradenexus import db
from tradenexus.jobs.models import Job
from tradenexus.web import figures
from tradenexus.web.page import Page

NIGHTS = 14
DAY = timedelta(days=1)


class HomePart(Page):
    """The part of Home that the lake fills; nothing while it is empty."""

    template = fragment = "datasets/_lake_home.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return needs, steps, nights and tiles."""
        tenant, now = self.actor.tenant_id, db.now()
        told = catalog.summary(tenant)
        if not told["entries"]:
            return {"lake": told}
        held = LakeQuarantine.of(tenant).filter(state="held").aggregate(
            sessions=Count("id"), entries=Count("entry", distinct=True)
        )  # fmt: skip
        audit = audit_of(tenant)
        bundle = ExportBundle.of(tenant).filter(night=now.date()).first()
        fetched = catalog.entries(tenant).exclude(fetched_at=None)
        return {
            "lake": told,
            "covered": 100 * (told["green"] + told["amber"]) / told["sessions"] if told["sessions"] else None,
            "freshest": _aged(fetched.order_by("-fetched_at").first(), now),
            "stalest": _aged(fetched.order_by("fetched_at").first(), now),
            "held": held,
            "needs": [*_needs(tenant, told, held), *_broken(tenant, bundle, audit)],
            "audit": audit,
            "audit_said": audit_words(audit) if audit else "",
            "missing": _missing(tenant),
            "commits": _commits(tenant, now),
            "export": bundle,
            "job": _job(tenant, bundle),
            "due": (due := _due(now)),
            "late": due is not None and now >= due and not (bundle and bundle.folder),
            "nights": _nights(tenant, now),
        }


def _needs(tenant: Any, told: dict[str, Any], held: dict[str, int]) -> list[dict[str, str]]:
    """Return what waits for a person, one a cause: {title, words, url, label}."""
    found = []
    if held["sessions"]:
        words = f"Rows of {_times(held['entries'], 'entry', 'entries')} were kept out of the golden copy."
        title = f"{_times(held['sessions'], 'session')} in quarantine"
        found.append({"title": title, "words": words, "url": "/lakehouse/quality/", "label": "Settle"})
    oldest = catalog.entries(tenant, freshness=catalog.LATE).order_by("expected_next").first() if told["late"] else None
    if oldest:
        words = f"Longest {oldest.instrument} in {oldest.table}, due {oldest.expected_next:%Y-%m-%d %H:%M}Z."
        url = "/lakehouse/ingests/refresh/?all=1&freshness=late"
        found.append(
            {
                "title": f"{_times(told['late'], 'entry', 'entries')} late",
                "words": words,
                "url": url,
                "label": "Refresh",
            }
        )
    return found


def _broken(tenant: Any, bundle: ExportBundle | None, audit: Upkeep | None) -> list[dict[str, str]]:
    found = []
    if bundle and bundle.error:
        found.append(
            {
                "title": "Tonight's export failed",
                "words": str(bundle.error.get("message", ""))[:200],
                "url": f"/exports/{bundle.night}/",
                "label": "Look at it",
            }
        )
    for snapshot in Snapshot.of(tenant).filter(damaged__gt=0, state="frozen")[:3]:
        words = f"{_times(snapshot.damaged, 'member')} differed when it was verified."
        url = f"/lakehouse/snapshots/{snapshot.ref}/"
        found.append({"title": f"Snapshot {snapshot.name}", "words": words, "url": url, "label": "Look at it"})
    if audit and not audit.ok:
        words = f"Checked {audit.finished_at:%Y-%m-%d %H:%M}Z: {audit_words(audit)}."
        found.append(
            {"title": "The data audit found something", "words": words, "url": _QUALITY, "label": "Look at it"}
        )
    return found


_QUALITY = "/lakehouse/quality/"


def audit_of(tenant: Any) -> Upkeep | None:
    """Return the newest data audit that had something to look at: its own one, or that of the whole installation."""
    for of in (tenant, None):
        found = records.newest(of, [Chore.AUDIT])[Chore.AUDIT]
        if found and found.result.get("entries"):
            return found
    return None


def audit_words(audit: Upkeep) -> str:
    """Return what an audit found, in words."""
    drifted, toxic = (audit.result.get(name, {}).get("count", 0) for name in ("drifted", "toxic"))
    entries = audit.result.get("entries", 0)
    return f"{_times(entries, 'entry', 'entries')}, {drifted:,} drifted, {_times(toxic, 'toxic session')}"


def _times(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _aged(entry: LakeEntry | None, now: datetime) -> dict[str, Any] | None:
    if entry is None or entry.fetched_at is None:
        return None
    late = catalog.freshness(entry, now) == catalog.LATE
    age = figures.span((now - entry.fetched_at).total_seconds())
    return {"entry": entry, "age": age, "url": url_of(entry), "late": late}


def _missing(tenant: Any) -> dict[str, int]:
    gone = LakePartition.objects.filter(entry__tenant_id=tenant, status=Grade.RED, code="MISSING")
    return gone.aggregate(sessions=Count("id"), entries=Count("entry", distinct=True))


def _commits(tenant: Any, now: datetime) -> dict[str, Any]:
    rows = LakeCommit.of(tenant)
    newest = rows.order_by("-created_at").first()
    return {"newest": newest, "day": rows.filter(created_at__gte=now - DAY).count()}


def _job(tenant: Any, bundle: ExportBundle | None) -> Job | None:
    if bundle is None or bundle.state not in (ExportState.QUEUED, ExportState.BUILDING):
        return None
    return Job.of(tenant).filter(subject=bundle.ref).order_by("-created_at").first()


def _due(now: datetime) -> datetime | None:
    hour = settings.NEXUS_EXPORT_HOUR
    return now.replace(hour=hour, minute=0, second=0, microsecond=0) if hour >= 0 else None


def _nights(tenant: Any, now: datetime) -> list[dict[str, Any]]:
    """Return the last nights, the oldest first: what became of each one's bundle; `none` before the first."""
    days = [now.date() - timedelta(days=back) for back in range(NIGHTS - 1, -1, -1)]
    rows = {row.night: row for row in ExportBundle.of(tenant).filter(night__gte=days[0])}
    since = ExportBundle.of(tenant).order_by(F("night").asc()).values_list("night", flat=True).first()
    nights = []
    for day in days:
        row = rows.get(day)
        state = row.state if row else "missing" if since and since < day < now.date() else "none"
        nights.append({"day": day, "state": "failed" if row and row.error else state, "bundle": row})
    return nights
