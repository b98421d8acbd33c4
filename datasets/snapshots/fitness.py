"""Whether entries of the lake are fit for a snapshot: there, fresh, graded and long enough; each fault with its facts.

Grades are those of the sessions in the range, reviewers' overrides included. The ledger is asked by index for what is
not GREEN only, so the work does not grow with the sessions that are.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from datasets.market import ranges, tables
from datasets.models import Grade, LakeEntry, LakePartition, Snapshot
from datasets.reads import time_text

MISSING, STALE, UNGRADED, SHORT = "MISSING", "STALE", "UNGRADED", "SHORT"
ANY = "ANY"
_BY = ("entry_id", "verdict")
GRADES = (Grade.GREEN.value, Grade.AMBER.value, ANY)


@dataclass(frozen=True)
class Tally:
    """Sessions of an entry in a range that are not GREEN."""

    amber: int = 0
    red: int = 0

    @property
    def grade(self) -> str:
        """The worst verdict."""
        return Grade.RED.value if self.red else Grade.AMBER.value if self.amber else Grade.GREEN.value


def tallies(entries: Collection[LakeEntry], start_ns: int, end_ns: int, now: datetime) -> dict[UUID, Tally]:
    """Count the sessions in [start_ns, end_ns) whose verdict in force is not GREEN, by entry; two queries."""
    from datasets.lake import ledger  # numpy comes with it

    rows = LakePartition.objects.filter(
        entry_id__in=[entry.id for entry in entries],
        session__gte=_date(start_ns),
        session__lte=_date(end_ns - 1),
    )
    judged = Q(override_until__gt=now) & ~Q(override_status="")
    counted: dict[UUID, dict[str, int]] = {}
    for some in (rows.filter(status__in=[Grade.AMBER, Grade.RED]), rows.filter(judged, status=Grade.GREEN)):
        verdicts = ledger.in_force(some, now).filter(~Q(verdict=Grade.GREEN)).order_by().values(*_BY)
        for entry_id, verdict, count in verdicts.annotate(n=Count("id")).values_list(*_BY, "n"):
            known = counted.setdefault(entry_id, {Grade.AMBER.value: 0, Grade.RED.value: 0})
            known[verdict] += count
    return {entry_id: Tally(each["AMBER"], each["RED"]) for entry_id, each in counted.items()}


def missing() -> list[dict[str, Any]]:
    """Return the fault of an entry that the lake does not have."""
    return [{"code": MISSING, "words": "the lake has none of it"}]


def faults(
    entry: LakeEntry, tally: Tally, has_rows: bool, asked: Snapshot, now: datetime, *, allow_short: bool
) -> list[dict[str, Any]]:
    """Return what makes an entry unfit for what is asked, the gravest first; empty when nothing does."""
    window = (asked.start_ns, asked.end_ns)
    uncovered = ranges.missing(window, map(tuple, entry.coverage))
    events = tables.find(entry.table).family == tables.EVENTS
    if not has_rows and not (events and not uncovered):
        return [{"code": MISSING, "words": "no rows in the range", **_held(entry)}]
    found = [*_stale(entry, asked.max_staleness_s, now), *_ungraded(entry, tally, asked.grade, has_rows)]
    if uncovered and not allow_short:
        listed = [{"start": time_text(start), "end": time_text(end)} for start, end in uncovered[:20]]
        found.append({"code": SHORT, "words": "not the whole range was asked of a source", "uncovered": listed})
    return found


def _held(entry: LakeEntry) -> dict[str, Any]:
    if entry.first_ns is None or entry.last_ns is None:
        return {"held": None}
    return {"held": {"first": time_text(entry.first_ns), "last": time_text(entry.last_ns)}}


def _stale(entry: LakeEntry, most_s: float | None, now: datetime) -> list[dict[str, Any]]:
    if most_s is None:
        return []
    age_s = None if entry.fetched_at is None else (now - entry.fetched_at).total_seconds()
    if age_s is not None and age_s <= most_s:
        return []
    fetched = entry.fetched_at.astimezone(UTC).isoformat() if entry.fetched_at else None
    age = None if age_s is None else round(age_s, 1)
    return [
        {"code": STALE, "words": "fetched too long ago", "fetchedAt": fetched, "ageSeconds": age, "mostSeconds": most_s}
    ]


def _ungraded(entry: LakeEntry, tally: Tally, least: str, has_rows: bool) -> list[dict[str, Any]]:
    if least == ANY or not has_rows:
        return []
    if not entry.sessions:
        return [{"code": UNGRADED, "words": "no session was ever judged", "grade": None, "wanted": least}]
    if tally.red or (least == Grade.GREEN and tally.amber):
        words = f"{tally.red} red and {tally.amber} amber sessions in the range"
        told = {"grade": tally.grade, "wanted": least, "red": tally.red, "amber": tally.amber}
        return [{"code": UNGRADED, "words": words, **told}]
    return []


def _date(ns: int) -> date:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).date()
