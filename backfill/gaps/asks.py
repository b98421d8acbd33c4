"""Joins gaps of one entry that lie close together into ranges worth one call each, and cuts those that are too long."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backfill.gaps.kinds import Gap
from datasets.market import ranges
from datasets.market.ranges import Range

MOST_GAPS = 1_000  # of one range


@dataclass(slots=True)
class Ask:
    """A range to be asked for, with the gaps in it, in order."""

    gaps: list[Gap]

    @property
    def start_ns(self) -> int:
        """The start of the first gap."""
        return self.gaps[0].start_ns

    @property
    def end_ns(self) -> int:
        """The end of the last one."""
        return self.gaps[-1].end_ns

    @property
    def count(self) -> int:
        """How much is missing in it."""
        return sum(gap.missing for gap in self.gaps)


def join(gaps: Iterable[Gap], close_ns: int, step_ns: int, most_rows: int) -> list[Ask]:
    """Return ranges in order: gaps at most `close_ns` apart together, no range longer than `most_rows` steps."""
    found: list[Ask] = []
    for gap in (part for each in gaps for part in _cut(each, step_ns, most_rows)):
        last = found[-1] if found else None
        fits = last and len(last.gaps) < MOST_GAPS and gap.end_ns - last.start_ns <= most_rows * step_ns
        if last and fits and gap.start_ns - last.end_ns <= close_ns:
            last.gaps.append(gap)
        else:
            found.append(Ask([gap]))
    return found


def _cut(gap: Gap, step_ns: int, most_rows: int) -> Iterator[Gap]:
    if gap.end_ns - gap.start_ns <= most_rows * step_ns or gap.missing == 1:
        yield gap
        return
    for start, end in ranges.chunks((gap.start_ns, gap.end_ns), most_rows * step_ns):
        yield Gap(start, end, (end - start) // step_ns, gap.kind)


def unanswered(gaps: Iterable[Gap], answered: list[Range]) -> list[Gap]:
    """Return the gaps that no answered range holds whole."""
    known = ranges.union(answered)
    starts = [start for start, _ in known]

    def held(gap: Gap) -> bool:
        at = bisect_right(starts, gap.start_ns) - 1
        return at >= 0 and gap.end_ns <= known[at][1]

    return [gap for gap in gaps if not held(gap)]
