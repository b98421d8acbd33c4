"""Which entries of the lake have gaps: the catalog says what was asked for and answered, children read the times.

Nothing is a gap before what the entry's vendor gave first, unless a caller asks for earlier days; nor before the first
time that any vendor says it has (`genesis`). Days that a vendor or a reviewer settled are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from backfill.gaps.kinds import KINDS, SCHEDULED, UNSCHEDULED, Gap
from datasets.engine import children, executor, handover
from datasets.lake import absences, scan
from datasets.market import dates, intervals, tables
from datasets.market.intervals import DAY
from datasets.market.ranges import Range
from datasets.models import Grade, LakeEntry, LakeMember, LakePartition, LakeSegment
from datasets.storage import blobs
from tradenexus import db

ENTRIES = 20  # of one child
Genesis = Callable[[LakeEntry], int | None]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which gaps: of entries `TABLE/VENUE:SYMBOL` or `VENUE:SYMBOL` (with * and ?), in a range, of some kinds."""

    entries: tuple[str, ...] = ()
    start_ns: int | None = None
    end_ns: int | None = None
    kinds: tuple[str, ...] = KINDS
    again: bool = False  # also sessions of which a vendor said that nothing was traded

    def names(self, entry: LakeEntry) -> bool:
        """Tell whether an entry is meant."""
        return not self.entries or any(
            fnmatchcase(str(entry) if "/" in each else entry.instrument, each) for each in self.entries
        )


@dataclass(slots=True)
class Found:
    """The gaps of one entry in order; `more` were not told one by one. `fault`: it could not be read.

    `undecided`: why nobody can say what is missing, or not all of it.
    """

    entry: LakeEntry
    gaps: list[Gap]
    more: int = 0
    fault: str = ""
    undecided: str = ""


def entries(tenant_id: UUID, selection: Selection) -> Iterator[LakeEntry]:
    """Return the entries that a selection names."""
    rows = LakeEntry.of(tenant_id).filter(updated_at__isnull=False)
    exact = [each for each in selection.entries if not set("*?[") & set(each)]
    if exact and len(exact) == len(selection.entries):
        rows = rows.filter(instrument__in={each.rpartition("/")[2] for each in exact})
    return (row for row in rows.order_by("table", "instrument").iterator(500) if selection.names(row))


def find(named: Iterator[LakeEntry], selection: Selection, genesis: Genesis, run: Any = None) -> Iterator[Found]:
    """Yield what each entry lacks; one child reads ENTRIES of them. With a `run` a cancel is seen between them."""
    while some := list(islice(named, ENTRIES)):
        if run:
            run.check()
        yield from (
            Found(entry, [], undecided=UNSCHEDULED[entry.table]) for entry in some if entry.table in UNSCHEDULED
        )
        some = [entry for entry in some if entry.table not in UNSCHEDULED]
        windows = [window(entry, selection, genesis(entry)) for entry in some]
        yield from look(
            [(entry, each) for entry, each in zip(some, windows, strict=True) if each],
            selection.kinds,
            run,
            again=selection.again,
        )


def window(entry: LakeEntry, selection: Selection, genesis: int | None) -> Range | None:
    """Return the range in which an entry's rows are expected; None when that is empty.

    It is all between what was first and last asked for and answered; a selection's own edges take their places.
    """
    step = step_of(entry.table)
    starts = [each[0] for each in entry.coverage] + ([entry.first_ns] if entry.first_ns is not None else [])
    ends = [each[1] for each in entry.coverage] + ([entry.last_ns + step] if entry.last_ns is not None else [])
    start, end = selection.start_ns, selection.end_ns
    start = min(starts, default=None) if start is None else start
    end = max(ends, default=None) if end is None else end
    if start is None or end is None:
        return None
    start = max(start, genesis) if genesis is not None else start
    return (start, end) if start < end else None


def step_of(table: str) -> int:
    """Return the length of a table's bar, or the usual pause between its events; of ticks a nanosecond."""
    if table in SCHEDULED:
        return SCHEDULED[table]
    interval = tables.find(table).interval
    return (intervals.parse(interval).duration_ns or DAY) if interval else 1


def look(
    works: Sequence[tuple[LakeEntry, Range]], kinds: Sequence[str], run: Any = None, *, again: bool = False
) -> Iterator[Found]:
    """Yield what each entry lacks in its range, in order; with `again` also where a vendor said that nothing was."""
    with ExitStack() as stack:
        asked, faults = [], {}
        for entry, (start, end) in works:
            try:
                asked.append(_work(entry, start, end, kinds, stack) | {"excused": _excused(entry, start, end, again)})
            except (scan.SegmentDamaged, blobs.BlobMissing) as fault:
                faults[entry.id] = Found(entry, [], fault=fault.message)
        answers = iter(_in_child(asked, run) if asked else [])
        for entry, _ in works:
            yield faults.get(entry.id) or _told(entry, next(answers))


def _told(entry: LakeEntry, answer: dict[str, Any]) -> Found:
    gaps = [Gap(*each) for each in answer["gaps"]]
    return Found(entry, gaps, answer["more"], answer["unreadable"], answer["undecided"])


def _in_child(asked: list[dict[str, Any]], run: Any) -> list[dict[str, Any]]:
    (found,) = executor.run(
        settings.NEXUS_COMPUTE,
        "backfill.gaps.reading:find",
        [{"entries": asked}],
        limits=children.Limits(memory_bytes=settings.NEXUS_CHILD_MEMORY_BYTES),
        on_message=lambda number, said: None,
        cancelled=run.cancelled if run else lambda: False,
    )
    return list(found)


def _work(entry: LakeEntry, start: int, end: int, kinds: Sequence[str], stack: ExitStack) -> dict[str, Any]:
    def local(segment: LakeSegment) -> handover.Input:
        if segment.damaged_at:
            raise scan.SegmentDamaged(f"a segment of {entry} is damaged", {"segment": segment.ref})
        return handover.reads(stack.enter_context(blobs.local(segment.key)))

    members = LakeMember.objects.filter(entry=entry, until_revision=None).select_related("segment")
    table = tables.find(entry.table)
    # How rows are stamped, how often they come and whether their market ever closes is seen in all of them: these are
    # few, or there is no calendar that says it.
    if table.family == tables.TICKS or (table.family == tables.BARS and entry.calendar and table.interval != "1d"):
        members = members.filter(t1_ns__gte=start - DAY, t0_ns__lt=end + DAY)
    return {
        "table": entry.table,
        "calendar": entry.calendar,
        "paths": [local(each.segment) for each in members.order_by("span_start_ns")],
        "startNs": start,
        "endNs": end,
        "nowNs": int(db.now().timestamp()) * 10**9,
        "holeNs": settings.NEXUS_INGEST_GAP_DAYS * DAY,
        "kinds": list(kinds),
    }


def _excused(entry: LakeEntry, start: int, end: int, again: bool) -> list[int]:
    """Return the days on which nothing was traded, as a vendor said, and those that a reviewer let pass.

    A vendor's word excuses nothing that rows of another table contradict meanwhile.
    """
    first, last = (dates.to_date(at // DAY + shift) for at, shift in ((start, -2), (end, 2)))
    rows = LakePartition.objects.filter(entry=entry, session__gte=first, session__lte=last)
    let_pass = Q(override_status__in=[Grade.GREEN, Grade.AMBER], override_until__gt=db.now())
    passed = {dates.to_day(session) for session in rows.filter(let_pass).values_list("session", flat=True)}
    if again:
        return sorted(passed)
    silent = rows.filter(code=absences.NO_DATA).values_list("session", flat=True)
    told = {dates.to_day(session) for session in silent}
    return sorted(passed | told - set(absences.contradicted(entry, told)))
