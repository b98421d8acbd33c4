"""Rows of one instrument under another one's name: bars that two instruments share, in a commit or with the lake.

Two instruments do not trade the same prices and volume at the same moments. Where they do, the one whose own level the
rows do not fit is named; where neither tells, both are. What stands in the lake is never taken out by what is offered:
it is suspected, which its ledger says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from datasets.lake import marking, rules
from datasets.lake.judging import Session
from datasets.market.tables import Table

LEVEL = float(np.log(1.05))


@dataclass
class Side:
    """One instrument's bars in sessions, and its own rows that stand around them (they say what fits it)."""

    name: str
    table: Table
    rows: pa.Table
    sessions: list[Session]
    around: Callable[[], list[pa.Table]] = list
    before: Callable[[], float | None] = lambda: None  # the last good close before all of them

    @cached_property
    def marks(self) -> np.ndarray:
        """The marks of its bars."""
        return marking.bars(self.table, self.rows)

    @cached_property
    def standing(self) -> np.ndarray:
        """The marks of what stands around them."""
        return np.concatenate([np.empty(0, np.uint64), *(marking.bars(self.table, each) for each in self.around())])

    def apart(self, shared: np.ndarray) -> Apart:
        """Part the bars into the shared ones and this instrument's own."""
        times, closes = levels(pa.concat_tables([self.rows, *self.around()]))
        own = ~np.isin(np.concatenate([self.marks, self.standing]), shared)
        order = np.argsort(times[own], kind="stable")
        block = np.isin(self.marks, shared)
        offered = levels(self.rows)
        return Apart(offered[0][block], offered[1][block], times[own][order], closes[own][order], self.before())


@dataclass
class Apart:
    """Shared bars and an instrument's own, each in order of time."""

    times: np.ndarray
    closes: np.ndarray
    own_times: np.ndarray
    own_closes: np.ndarray
    before: float | None

    def misfit(self, start: int, end: int) -> float | None:
        """Return how far the run of shared bars around [start, end] lies from what stands beside it, as a log ratio.

        None when there is nothing to tell by.
        """
        first = int(np.searchsorted(self.own_times, start, side="right")) - 1
        last = int(np.searchsorted(self.own_times, end, side="left"))
        steps = []
        if first >= 0:
            at = int(np.searchsorted(self.times, self.own_times[first], side="left"))
            steps.append((self.closes[at], self.own_closes[first]))
        elif self.before:
            steps.append((self.closes[0], self.before))
        if last < len(self.own_times):
            at = int(np.searchsorted(self.times, self.own_times[last], side="right")) - 1
            steps.append((self.closes[at], self.own_closes[last]))
        # the smaller of both: a true step is on one side of a run, a foreign run has one on either
        return min((abs(float(np.log(one / other))) for one, other in steps if one > 0 and other > 0), default=None)


@dataclass
class Shared:
    """A session that two sides share, how many bars, and whom they are not."""

    mine: Session
    theirs: Session
    bars: int
    mine_foreign: bool
    theirs_foreign: bool


def check(sides: list[Side]) -> None:
    """Note CONTAMINATED in the sessions of offered bars that hold a block of rows of another offer."""
    by_table: dict[str, list[Side]] = defaultdict(list)
    for side in sides:
        if side.rows.num_rows:
            by_table[side.table.name].append(side)
    for group in by_table.values():
        for one, other in _meeting(group):
            for found in compare(one, other):
                if found.mine_foreign:
                    _note(one, found.mine, found.bars, other.name)
                if found.theirs_foreign:
                    _note(other, found.theirs, found.bars, one.name)


def _note(side: Side, session: Session, bars: int, name: str) -> None:
    marks = side.marks[session.start : session.stop]
    # what stands already was judged when it entered, perhaps by a reviewer: it is suspected again, not refused
    stands = bool(np.isin(marks[marks != 0], side.standing).all())
    session.add(rules.SUSPECT if stands else "CONTAMINATED", f"{bars} bar(s) are those of {name}")


def against(offered: Side, standing: Side) -> list[Shared]:
    """Note CONTAMINATED in offered sessions that hold another instrument's rows of the lake -> all that is shared."""
    found = list(compare(offered, standing))
    for each in found:
        if each.mine_foreign:
            words = f"{each.bars} bar(s) are those of {standing.name}, which stand in the lake"
            each.mine.add("CONTAMINATED", words)
    return found


def compare(one: Side, other: Side) -> Iterator[Shared]:
    """Yield the sessions in which two sides share a block of bars, with the verdict on each."""
    shared = np.intersect1d(one.marks[one.marks != 0], other.marks[other.marks != 0])
    if not len(shared):
        return
    here, there = np.isin(one.marks, shared), np.isin(other.marks, shared)
    values, mine, theirs = marking.values(one.rows), None, None
    times, others = levels(one.rows)[0], levels(other.rows)[0]
    later = {session.day: session for session in other.sessions}
    for session in one.sessions:
        twin = later.get(session.day)
        if twin is None:
            continue
        block = np.flatnonzero(here[session.start : session.stop]) + session.start
        # five times the same bar is one that many may have
        if len(np.unique(values[block])) < marking.least(one.table):
            continue
        # what stands around is read for a block only: of hundreds of instruments many share a bar by chance
        mine, theirs = mine or one.apart(shared), theirs or other.apart(shared)
        again = np.flatnonzero(there[twin.start : twin.stop]) + twin.start
        left = mine.misfit(int(times[block[0]]), int(times[block[-1]]))
        right = theirs.misfit(int(others[again[0]]), int(others[again[-1]]))
        yield Shared(session, twin, len(block), *blamed(left, right))


def blamed(left: float | None, right: float | None) -> tuple[bool, bool]:
    """Tell whose the rows are not, by how far they lie from what is each one's own; both where neither tells."""
    if left is not None and right is not None:
        return left >= right - LEVEL, right >= left - LEVEL
    # who has nothing to tell by is cleared by nothing; the other is when the rows fit it
    return left is None or left > LEVEL, right is None or right > LEVEL


def _meeting(sides: list[Side]) -> Iterator[tuple[Side, Side]]:
    """Yield the pairs of sides that have any mark in common."""
    if len(sides) < 2:
        return
    merged = np.concatenate([side.marks for side in sides])
    owner = np.repeat(np.arange(len(sides)), [len(side.marks) for side in sides])
    merged, owner = merged[merged != 0], owner[merged != 0]
    order = np.argsort(merged, kind="stable")
    merged, owner = merged[order], owner[order]
    twin = np.flatnonzero((merged[1:] == merged[:-1]) & (owner[1:] != owner[:-1]))
    pairs = np.unique(np.stack([owner[twin], owner[twin + 1]], axis=1), axis=0)
    for one, other in pairs.tolist():
        yield sides[one], sides[other]


def levels(rows: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return times (ns) and closes of bars."""
    times = rows.column("ts_event").cast(pa.int64()).to_numpy()
    return times, rows.column("close").to_numpy()
