"""The difference between two revisions of an entry: which files are not shared, and what a child finds in those.

A revision never changes, so neither does an answer; the newest few are kept in this process. What the ledger says of
the sessions that differ is that of today and is looked up anew.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings

from datasets.engine import children, executor, handover
from datasets.lake import ledger, scan
from datasets.market import dates, tables
from datasets.market.times import time_text
from datasets.models import LakeEntry, LakePartition, LakeRevision, LakeSegment
from datasets.storage import blobs
from tradenexus.errors import BadRequest, NotFound

SHOWN = 100  # rows of each kind
WALL_S = 120
_turns = threading.BoundedSemaphore(2)  # comparisons at once in this process; each may use a child's memory
_UNREADABLE = ("READER_CRASHED", "CHILD_FAILED")


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
    """Return what turns revision `a` into `b`, as `comparing.compare` tells it, and over which files.

    More keys: complete, files (not shared by both), shared (files) and sharedRows, versions (of the schema, a side).
    SegmentDamaged when a file that is needed is; the child's limits.
    """
    return _kept(entry.id, a.number, b.number, settings.NEXUS_LAKE_DIFF_ROWS)


@lru_cache(maxsize=16)
def _kept(entry_id: UUID, a: int, b: int, budget: int) -> dict[str, Any]:
    entry = LakeEntry.everyone.get(id=entry_id)
    sides = {name: scan.of_revision(entry, number).segments for name, number in (("a", a), ("b", b))}
    digests = {name: {each.sha256 for each in segments} for name, segments in sides.items()}
    both = [each for each in sides["a"] if each.sha256 in digests["b"]]
    spans = _spans(sides, {each.sha256 for each in both})
    edges = [ns for each in both for ns in (each.t0_ns, each.t1_ns)]
    found = _compared(entry, spans, edges, budget) if spans else _nothing()
    told = {
        "complete": found["untilNs"] is None,
        "files": sum(bool(each) for _, *pair in spans for each in pair),
        "shared": len(both),
        "sharedRows": sum(each.rows for each in both),
        "versions": {name: sorted({each.schema_version for each in segments}) for name, segments in sides.items()},
    }
    counts = found["counts"]
    if told["complete"]:
        # What is told must add up to what both revisions hold.
        kept = told["sharedRows"] + counts["unchanged"] + counts["changed"]
        rows = {name: sum(each.rows for each in segments) for name, segments in sides.items()}
        assert rows == {"a": kept + counts["removed"], "b": kept + counts["added"]}, (str(entry), a, b, rows, counts)
    return {**found, **told}


def _nothing() -> dict[str, Any]:
    counts = dict.fromkeys(("added", "removed", "changed", "unchanged"), 0)
    told: dict[str, list[Any]] = {"sessions": [], "columns": [], "rows": []}
    return {**told, "counts": counts, "columnsOf": {"a": [], "b": []}, "rowsRead": 0, "untilNs": None}


Span = tuple[int, LakeSegment | None, LakeSegment | None]


def _spans(sides: dict[str, list[LakeSegment]], shared: set[str]) -> list[Span]:
    held = {name: {each.span_start_ns: each for each in segments if each.sha256 not in shared}
            for name, segments in sides.items()}  # fmt: skip
    return [(at, held["a"].get(at), held["b"].get(at)) for at in sorted({*held["a"], *held["b"]})]


def _compared(entry: LakeEntry, spans: list[Span], edges: list[int], budget: int) -> dict[str, Any]:
    with _turns, ExitStack() as stack:
        given, rows = [], 0
        for start, a, b in spans:
            # One span beyond the budget is named and not opened: the comparison ends before it.
            paths = [_local(each, stack) if each and rows < budget else None for each in (a, b)]
            given.append({"startNs": start, "a": paths[0], "b": paths[1]})
            if rows >= budget:
                break
            rows += sum(each.rows for each in (a, b) if each)
        params = {"table": entry.table, "calendar": entry.calendar, "spans": given, "edges": edges}
        try:
            (found,) = executor.run(
                settings.NEXUS_COMPUTE,
                "datasets.lake.comparing:compare",
                [params | {"budget": budget, "shown": SHOWN}],
                limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES, wall_s=WALL_S),
                on_message=lambda number, said: None,
                cancelled=lambda: False,
            )
        except children.ChildFailed as failed:
            if failed.code not in _UNREADABLE:
                raise
            names = [each.ref for _, *pair in spans for each in pair if each][:50]
            words = f"a segment of {entry} cannot be read"
            raise scan.SegmentDamaged(words, {"segments": names, "lastWords": failed.message}) from failed
    return dict(found)


def _local(segment: LakeSegment, stack: ExitStack) -> handover.Input:
    details = {"segment": segment.ref, "sha256": segment.sha256}
    damaged = scan.SegmentDamaged(f"a segment of {segment.table}/{segment.instrument} cannot be read", details)
    if segment.damaged_at:
        raise damaged
    try:
        path = stack.enter_context(blobs.local(segment.key))
    except blobs.BlobMissing as missing:
        raise damaged from missing
    if path.stat().st_size != segment.size_bytes:
        raise damaged
    return handover.reads(path)


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
