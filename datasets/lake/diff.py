"""The difference between two revisions of an entry: what a child finds in the files that they do not share.

A revision never changes, so neither does an answer; the newest few are kept in this process. One that takes more rows
than NEXUS_LAKE_DIFF_ROWS is the work of a job (`fulldiff`). What the ledger says of the sessions that differ is that
of today and is looked up anew.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings

from datasets.lake import bins, ledger, scan, stretches
from datasets.market import dates, tables
from datasets.market.times import time_text
from datasets.models import LakeEntry, LakePartition, LakeRevision
from tradenexus.errors import BadRequest, NotFound

WALL_S = 120
_turns = threading.BoundedSemaphore(2)  # comparisons at once in this process; each may use a child's memory


def revision_of(entry: LakeEntry, text: str) -> LakeRevision:
    """Return the revision that a number or a time means; NotFound, RevisionGone, BadRequest for neither."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        number = int(text)
        if 1 <= number <= entry.revision:
            scan.check_kept(entry, number)
    else:
        number = scan.revision_at(entry, _moment(text))
    found = LakeRevision.objects.select_related("commit__created_by").filter(entry=entry, number=number).first()
    if found is None:
        raise NotFound(f"{entry} has no revision {number}", {"entry": str(entry), "newest": entry.revision})
    return found


def pair_of(entry: LakeEntry, span: str) -> tuple[LakeRevision, LakeRevision]:
    """Return the two revisions that `a...b` means, each a number or a time; either may be the later one."""
    first, dots, second = span.partition("...")
    if not (dots and first and second):
        words = "name two revisions as a...b, each a number or a time"
        raise BadRequest(words, {"fields": {"span": [words]}})
    return revision_of(entry, first), revision_of(entry, second)


def _moment(text: str) -> datetime:
    words = "a revision is a number from 1, or a time such as 2026-11-20T14:03:11Z"
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is None and len(text) > 10:
            raise ValueError("no zone")
        return (parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest(words, {"fields": {"span": [text[:40]]}}) from error


def between(entry: LakeEntry, a: LakeRevision, b: LakeRevision) -> dict[str, Any]:
    """Return what turns revision `a` into `b`, as `comparing.compare` tells it, and over which files; at once.

    More keys: complete, files (not shared by both), shared (files) and sharedRows, versions (of the schema, a side).
    SegmentDamaged when a file that is needed is; the child's limits.
    """
    return _kept(entry.id, a.number, b.number)


def weight(entry: LakeEntry, a: LakeRevision, b: LakeRevision) -> int:
    """Return how many rows a comparison has to read, of both sides."""
    return _weight(entry.id, a.number, b.number)


@lru_cache(maxsize=64)
def _weight(entry_id: UUID, a: int, b: int) -> int:
    return stretches.plan_of(LakeEntry.everyone.get(id=entry_id), a, b).weight


@lru_cache(maxsize=16)
def _kept(entry_id: UUID, a: int, b: int) -> dict[str, Any]:
    plan = stretches.plan_of(LakeEntry.everyone.get(id=entry_id), a, b)
    found = stretches.nothing(plan)
    if plan.spans:
        with _turns:
            found = stretches.compared(plan, 0, len(plan.spans), wall_s=WALL_S)
    return stretches.summed(plan, found)


def header_of(found: dict[str, Any]) -> dict[str, Any]:
    """Return how much was compared and what it comes to: {complete, compared, rows}."""
    until = found["untilNs"]
    return {
        "complete": found["complete"],
        "compared": {
            "files": found["files"],
            "sharedFiles": found["shared"],
            "rows": found["rowsRead"],
            "budget": settings.NEXUS_LAKE_DIFF_ROWS,
            "until": None if until is None else time_text(until),
        },
        "rows": {**found["counts"], "shared": found["sharedRows"]},
    }


def schema_of(entry: LakeEntry, found: dict[str, Any]) -> dict[str, Any]:
    """Return how the columns differ: {versions: {a, b}, added, removed}; types never change in the lake."""
    held = {name: set(names) for name, names in found["columnsOf"].items()}
    compared = bool(held["a"] and held["b"])
    order = tables.find(entry.table).names
    return {
        "versions": found["versions"],
        "added": [name for name in order if compared and name in held["b"] - held["a"]],
        "removed": [name for name in order if compared and name in held["a"] - held["b"]],
    }


def distributions_of(entry: LakeEntry, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how each numeric column of the rows that changed is distributed on both sides, as the API tells it.

    {name, measure, rows, scale, width, before, after, bins: [{from, to, before, after}]}, see `bins`.
    """
    rows = "changed" if tables.find(entry.table).key else "removed and added"
    told = []
    for each in found["distributions"]:
        shown = bins.shown(each["measure"], each["fine"])
        listed = [{"from": one.start, "to": one.end, "before": one.before, "after": one.after} for one in shown["bins"]]
        named = {name: each[name] for name in ("name", "measure", "before", "after")}
        told.append({**named, "rows": rows, **shown, "bins": listed})
    return told


def quality_of(entry: LakeEntry, found: dict[str, Any]) -> tuple[dict[str, Any], dict[int, LakePartition]]:
    """Return how complete the sessions that differ were and are, and their verdicts of today, by day.

    {sessions, verdicts: {GREEN, AMBER, RED}, completeness: {sessions, a, b}}: the mean over sessions of which the
    calendar expects a number of rows of min(1, rows / expected), in percent; None without one.
    """
    changed = found["sessions"]
    days = {each["day"]: each for each in changed}
    judged: dict[int, LakePartition] = {}
    if days:
        rows = ledger.in_force(LakePartition.objects.filter(entry=entry))
        rows = rows.filter(session__gte=dates.to_date(min(days)), session__lte=dates.to_date(max(days)))
        judged = {day: row for row in rows if (day := dates.to_day(row.session)) in days}
    verdicts = dict.fromkeys(("GREEN", "AMBER", "RED"), 0)
    for row in judged.values():
        verdicts[row.verdict] += 1  # type: ignore[attr-defined]
    counted = [
        (each, judged[each["day"]].expected or 0)
        for each in changed
        if not each["partial"] and each["day"] in judged and judged[each["day"]].expected
    ]
    share = {
        side: round(100 * sum(min(1, each[rows] / expected) for each, expected in counted) / len(counted), 4)
        if counted
        else None
        for side, rows in (("a", "before"), ("b", "after"))
    }
    told = {"sessions": len(changed), "verdicts": verdicts, "completeness": {"sessions": len(counted), **share}}
    return told, judged
