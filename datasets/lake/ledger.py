"""The quality ledger: one verdict a session of an entry, written by commits, overridden by reviewers for a time.

The green ratio and the score of an entry count expected sessions, observed or not: a missing one weighs zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Avg, Case, CharField, Count, F, Q, QuerySet, When

from datasets.lake.offers import Offer
from datasets.market import dates
from datasets.models import Grade, LakeCommit, LakeEntry, LakePartition
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, NotFound
from tradenexus.events import outbox

SCORE_FORMULA = (
    "mean over expected sessions of 100 x min(1, rows / expected), less 10 for each amber code but MISSING_ROWS; "
    "0 for a red or missing session, 100 for one in which nothing was traded, as its vendor says"
)
TALLIED = ("sessions", "green", "amber", "red", "grade", "quality_score")
_WRITTEN = (
    *("status", "code", "codes", "expected", "rows", "score", "digest", "mark", "first_ns", "last_ns", "vendor"),
    *("fetched_at", "notes", "commit"),
)
to_date = dates.to_date


def write(
    commit: LakeCommit, entries: Sequence[LakeEntry], offers: Sequence[Offer], found: Sequence[dict[str, Any]]
) -> None:
    """Write the verdicts of a commit over those that stood; overrides stay. In the commit's transaction."""
    rows = [
        LakePartition(
            entry=entry,
            session=to_date(each["day"]),
            status=each["status"],
            code=each["code"],
            codes=each["codes"],
            expected=each["expected"],
            rows=each["rows"],
            score=each["score"],
            digest=each["digest"],
            mark=mark_of(work, each["day"]),
            first_ns=each["firstNs"],
            last_ns=each["lastNs"],
            vendor=each.get("vendor", offer.vendor),
            fetched_at=offer.fetched_at,
            notes=each["notes"],
            commit=commit,
        )
        for entry, offer, work in zip(entries, offers, found, strict=True)
        for each in work["partitions"]
    ]
    LakePartition.objects.bulk_create(
        rows, batch_size=500, update_conflicts=True, unique_fields=["entry", "session"], update_fields=_WRITTEN
    )


def mark_of(work: dict[str, Any], day: int) -> int | None:
    """Return the mark of a daily session as it stands now."""
    told = work["remembered"].get(day)
    return told["mark"] if told and told["stands"] else None


def in_force(rows: QuerySet[LakePartition], now: datetime | None = None) -> Any:
    """Annotate partitions with `verdict`: the override while it holds, else the status."""
    held = Q(override_until__gt=now or db.now()) & ~Q(override_status="")
    verdict = Case(When(held, then=F("override_status")), default=F("status"), output_field=CharField())
    return rows.annotate(verdict=verdict)


def tally(entries: Sequence[LakeEntry]) -> None:
    """Set each entry's counts of sessions, its grade and its score from the ledger; the caller saves them."""
    rows = in_force(LakePartition.objects.filter(entry__in=entries))
    counts = rows.values("entry_id").annotate(
        total=Count("id"),
        greens=Count("id", filter=Q(verdict=Grade.GREEN)),
        ambers=Count("id", filter=Q(verdict=Grade.AMBER)),
        mean=Avg("score"),
    )
    by_entry: dict[Any, dict[str, Any]] = {row["entry_id"]: dict(row) for row in counts}
    for entry in entries:
        row = by_entry.get(entry.id, {"total": 0, "greens": 0, "ambers": 0, "mean": None})
        entry.sessions, entry.green, entry.amber = row["total"], row["greens"], row["ambers"]
        entry.red = entry.sessions - entry.green - entry.amber
        entry.grade = "" if not entry.sessions else "RED" if entry.red else "AMBER" if entry.amber else "GREEN"
        entry.quality_score = None if row["mean"] is None else round(row["mean"], 2)


def override(actor: Actor, entry: LakeEntry, session: date, status: str, reason: str, until: datetime) -> LakePartition:
    """Let a reviewer's verdict stand until a time; inside `db.atomic()`. An empty status takes it back.

    Rows in quarantine enter with the next commit that offers them. NotFound for a session that the ledger lacks.
    """
    faults: dict[str, list[str]] = {}
    if status not in ("", *Grade.values):
        faults["status"] = ["GREEN, AMBER, RED, or empty to take an override back"]
    if len(reason.strip()) < 3:
        faults["reason"] = ["say why, in a few words"]
    if status and until <= db.now():
        faults["until"] = ["must lie in the future"]
    if faults:
        raise BadRequest("the override is not complete", {"fields": faults})
    row = LakePartition.objects.filter(entry=entry, session=session).first()
    if row is None:
        raise NotFound(f"{entry} has no session {session} in its ledger")
    old = row.override_status or row.status
    row.override_status, row.override_reason = status, reason[:2000] if status else ""
    row.override_until, row.override_by_id = (until, actor.user_id) if status else (None, None)
    row.save(update_fields=["override_status", "override_reason", "override_until", "override_by"])
    tally([entry])
    LakeEntry.everyone.filter(id=entry.id).update(**{name: getattr(entry, name) for name in TALLIED})
    details = {"entry": str(entry), "session": str(session), "until": until.isoformat() if status else None}
    outbox.record(actor, "lake.override", entry.ref, old=old, new=status or row.status, reason=reason, details=details)
    return row
