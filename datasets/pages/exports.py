"""The pages of nightly bundles: a calendar of nights with Build now, and one bundle with all that is in it."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import path

from datasets.exports import bundles, places
from datasets.market import instruments, tables
from datasets.models import ExportBundle, ExportFile, ExportPull, ExportState, LakeEntry
from tradenexus import db
from tradenexus.errors import BadRequest, ProblemError
from tradenexus.jobs.models import Job
from tradenexus.web import copy
from tradenexus.web import tables as web_tables
from tradenexus.web.page import Page

WEEKS, LEAST_WEEKS = 6, 2
HELD_SHOWN = 100  # groups of sessions: an instrument of a table and a reason
HELD_BYTES = 4_000_000  # a longer list is for programs: the page leads to the file
FILES, PULLS = 100, 50
BUSY = (ExportState.QUEUED, ExportState.BUILDING)
REFUSED = (BadRequest, bundles.NothingToExport, bundles.ExportRunning, tables.TableUnknown, instruments.SymbolRefused)


class Exports(Page):
    """All nights, and the button that builds tonight's bundle."""

    template = "datasets/exports.html"
    fragment = "datasets/_exports.html"
    nav = "exports"
    title = "Exports"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the calendar, a page of bundles, and when the next one is due."""
        now = db.now()
        rows = ExportBundle.of(self.actor.tenant_id)
        since = rows.order_by("night").values_list("night", flat=True).first() or now.date()
        shown = max(LEAST_WEEKS, min(WEEKS, (now.date() - since).days // 7 + 2))
        first = now.date() - timedelta(days=now.date().weekday() + 7 * (shown - 1))
        nights = {row.night: row for row in rows.filter(night__gte=first)}
        tonight = nights.get(now.date())
        told = copy.commands("POST", "/v1/exports", {}, cli="nexus export build --wait")
        return {
            "weeks": _weeks(first, now.date(), nights, since, shown),
            "pager": web_tables.page(self.request, rows.annotate(pulled=Count("pulls__user", distinct=True))),
            "tonight": tonight,
            "running": self._running(tonight),
            "late": self._late(now, tonight),
            "busy": any(row.state in BUSY for row in nights.values()),
            "next": self._next(now, now.date() in nights),
            "kept": settings.NEXUS_EXPORT_NIGHTS,
            "filled": LakeEntry.of(self.actor.tenant_id).filter(rows__gt=0).exists(),
            "build": told,
            "copy": copy.commands("GET", "/v1/exports", cli="nexus export list"),
            "twin": "/v1/exports",
        }

    @staticmethod
    def _next(now: datetime, done: bool) -> datetime | None:
        """Return when the next night's bundle is asked for by itself; None when that is switched off."""
        hour = settings.NEXUS_EXPORT_HOUR
        if hour < 0:
            return None
        due = now.replace(hour=hour, minute=0, second=0, microsecond=0)
        return due + timedelta(days=1) if done else max(due, now)

    def _running(self, tonight: ExportBundle | None) -> Job | None:
        """Return the job that builds tonight's bundle, waiting or at work."""
        if tonight is None or tonight.state not in BUSY:
            return None
        return Job.of(self.actor.tenant_id).filter(subject=tonight.ref).order_by("-created_at").first()

    @staticmethod
    def _late(now: datetime, tonight: ExportBundle | None) -> datetime | None:
        """Return when tonight's bundle was due, if it should be there and is not."""
        hour = settings.NEXUS_EXPORT_HOUR
        if hour < 0 or now.hour < hour or (tonight and tonight.folder):
            return None
        return now.replace(hour=hour, minute=0, second=0, microsecond=0)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Build tonight's bundle and lead to it."""
        self.require("write")
        asked = {"includeAmber": bool(request.POST.get("amber"))}
        try:
            with db.atomic():
                row, _ = bundles.request(self.actor, asked)
        except REFUSED as problem:
            return self.refused(problem)
        return self.done(f"/exports/{row.night}/")

    def refused(self, problem: ProblemError) -> HttpResponse:
        """Return the page again with what is wrong."""
        return self.invalid(self.template, self.context() | {"problem": problem.message})


class Export(Page):
    """One bundle: tables, sessions held back and why, files with their checksums, and how to pull it."""

    template = "datasets/export.html"
    fragment = "datasets/_export.html"
    nav = "exports"

    def context(self, ref: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the bundle and one page of its files."""
        row = bundles.find(self.actor, ref)
        held, cut = _held(row)
        pulled = ExportPull.of(self.actor.tenant_id).filter(bundle=row).select_related("user")
        at = f"/v1/exports/{row.ref}"
        pull = f"nexus export pull {row.night} --to bundles"
        return {
            "title": f"Export of {row.night}",
            "export": row,
            "state": row.state,
            "job": Job.of(self.actor.tenant_id).filter(subject=row.ref).order_by("-created_at").first(),
            "busy": row.state in BUSY,
            "tables": row.summary.items(),
            "held": held,
            "pulls": pulled.order_by("-last_at")[:PULLS],
            "kept": settings.NEXUS_EXPORT_NIGHTS,
            "held_cut": cut,
            "pager": web_tables.page(self.request, ExportFile.objects.filter(bundle=row), ("path",), FILES),
            "at": at,
            "pull": [
                ("Command line", f"{pull}\nnexus export verify bundles/{row.night}"),
                ("curl", copy.download(f"{at}/archive", {}, f"{row.night}.tar.zst", "").curl),
                ("On the server's disk", f"rsync -aL NEXUS_HOME/exports/{row.tenant_id.hex}/nightly/{row.night}/ to/"),
            ],
            "crumbs": [("Exports", "/exports/"), (f"{row.night}", "")],
            "copy": copy.commands("GET", at, cli=pull),
            "twin": at,
        }


def _weeks(
    first: date, today: date, nights: dict[date, ExportBundle], since: date, weeks: int
) -> list[list[dict[str, Any]]]:
    """Return the calendar by weeks; a night without a bundle is `missed` once there had been one before it."""
    days = [first + timedelta(days=number) for number in range(7 * weeks)]
    cells = [
        {
            "date": day,
            "bundle": nights.get(day),
            "missed": since < day < today and day not in nights,
            "month": day == first or day.day == 1,
            "today": day == today,
        }
        for day in days
    ]
    return [cells[start : start + 7] for start in range(0, len(cells), 7)]


def _held(row: ExportBundle) -> tuple[list[dict[str, Any]], bool]:
    """Return what a bundle holds back, the gravest and the most first, and whether there is more."""
    if not row.folder or not row.held_back:
        return [], False
    place: Path = places.bundle(row.tenant_id, row.folder) / "held_back.json"
    try:
        if place.stat().st_size > HELD_BYTES:
            return [], True
        told = json.loads(place.read_bytes())["partitions"]
    except FileNotFoundError:  # it expires at this moment
        return [], False
    grouped: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for each in told:
        grouped.setdefault((each["instrument"], each["table"], each["status"], each["code"]), []).append(each)
    gravest = sorted(grouped.values(), key=lambda each: (each[0]["status"] != "RED", -len(each)))
    groups = [_group(each) for each in gravest]
    return groups[:HELD_SHOWN], len(groups) > HELD_SHOWN


def _group(each: list[dict[str, Any]]) -> dict[str, Any]:
    """Return sessions of one entry that were left out for one reason as one row."""
    sessions = sorted(one["session"] for one in each)
    some = ", ".join(sessions[:20])
    return each[0] | {"sessions": len(each), "first": sessions[0], "last": sessions[-1], "some": some}


urlpatterns = [
    path("exports/", Exports.as_view(), name="exports"),
    path("exports/<str:ref>/", Export.as_view()),
]
