"""Gaps of one entry: the bars or sessions that its calendar expects in a window, less those whose rows are there.

Times are int64 nanoseconds UTC, ranges half-open. A bar is there when a row carries exactly its time: a row off the
grid stands for none, and two rows stand for one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from backfill.gaps import events
from backfill.gaps.kinds import GAP, MISSING, MISSING_ROWS, Gap
from datasets.market import calendars, intervals, partitions, tables
from datasets.market.calendars import Sessions
from datasets.market.intervals import DAY
from datasets.market.tables import Table

OPEN_DAYS, OPEN_SHARE = 14, 0.95  # of bars: so long, and so much of the grid


class Window(NamedTuple):
    """Where to look: [start_ns, end_ns) as far as it is over at `now_ns`.

    `excused` are days (since 1970) of which nothing more is expected. Without a calendar, rows farther apart than
    `hole_ns` have a gap between them.
    """

    start_ns: int
    end_ns: int
    now_ns: int
    excused: frozenset[int] = frozenset()
    hole_ns: int = 5 * DAY


def find(table: Table, calendar: str, times: np.ndarray, window: Window) -> list[Gap]:
    """Return the gaps of a window in order, given the times of the rows that are there (rising)."""
    if window.start_ns >= window.end_ns:
        return []
    if table.family == tables.EVENTS:
        return _events(table, calendar, times, window)
    if not calendar and not never_closes(table, times):
        return _between(table, times, window)
    calendar = calendar or calendars.CONTINUOUS
    held = _expected(calendars.sessions(calendar, window.start_ns - 2 * DAY, window.end_ns + 2 * DAY), window)
    if table.interval == "1d":
        return _days(table, held, calendar, times, window)
    if table.family == tables.BARS:
        return _bars(intervals.parse(table.interval), held, times, window)
    return _sessions(held, times, window)


def undecided(table: Table, calendar: str, times: np.ndarray, hole_ns: int) -> str:
    """Return why holes of an entry cannot be told, or not all of them; empty when they can."""
    if table.family == tables.EVENTS:
        why = events.undecided(table, times)
        if why or table.name != "macro_series" or events.days(table, calendar, 0, DAY) is not None:
            return why
    elif calendar or never_closes(table, times):
        return ""
    return f"no calendar is known: only rows more than {hole_ns // DAY} days apart have a gap between them"


def never_closes(table: Table, times: np.ndarray) -> bool:
    """Tell whether bars without a calendar show by themselves that their market is always open.

    A market that rests at week-ends leaves more than a quarter of the grid empty.
    """
    if table.family != tables.BARS or len(times) < 2:
        return False
    length = int(times[-1]) - int(times[0])
    step = intervals.parse(table.interval).duration_ns or DAY
    rows = len(np.unique((times - times[0]) // step))
    return length >= OPEN_DAYS * DAY and rows >= OPEN_SHARE * (length // step + 1)


def _events(table: Table, calendar: str, times: np.ndarray, window: Window) -> list[Gap]:
    if events.undecided(table, times):
        return []
    if table.name == "funding":
        return events.payments(times, window.start_ns, window.end_ns, window.now_ns, window.excused)
    held = events.days(table, calendar, window.start_ns, window.end_ns)
    if held is None:
        return _between(table, times, window)
    return _days(table, _expected(held, window), calendar, times, window)


def _expected(held: Sessions, window: Window) -> Sessions:
    excused = np.isin(held.label_ns // DAY, list(window.excused))
    return Sessions(held.name, held.label_ns[~excused], held.open_ns[~excused], held.close_ns[~excused])


def _between(table: Table, times: np.ndarray, window: Window) -> list[Gap]:
    step = (intervals.parse(table.interval).duration_ns or DAY) if table.interval else 1
    found = []
    for at in np.flatnonzero(np.diff(times) > window.hole_ns).tolist():
        start, end = max(int(times[at]) + step, window.start_ns), min(int(times[at + 1]), window.end_ns)
        if start < end:
            found.append(Gap(start, end, 1, GAP))
    return found


def _days(table: Table, held: Sessions, calendar: str, times: np.ndarray, window: Window) -> list[Gap]:
    """Of daily bars, each session has the day that begins with the earliest stamp which the entry's bars have."""
    days = partitions.session_days(table, calendar, times)
    offsets = times - days * DAY
    low = int(offsets.min()) if len(offsets) else 0
    high = min(int(offsets.max()), low + DAY - 1) if len(offsets) else 0
    stamps = held.label_ns + high
    wanted = (stamps >= window.start_ns) & (stamps < window.end_ns) & (held.close_ns <= window.now_ns)
    wanted &= ~np.isin(held.label_ns // DAY, days)
    labels = held.label_ns[wanted].tolist()
    return [Gap(label + low, label + low + DAY, 1, MISSING, label // DAY) for label in labels]


def _sessions(held: Sessions, times: np.ndarray, window: Window) -> list[Gap]:
    """Of ticks, only a session without any is known to be missing."""
    wanted = (held.open_ns >= window.start_ns) & (held.open_ns < window.end_ns) & (held.close_ns <= window.now_ns)
    ends = np.minimum(held.close_ns, window.end_ns)
    empty = np.searchsorted(times, held.open_ns) == np.searchsorted(times, held.close_ns)
    whole = np.where(held.close_ns <= window.end_ns, held.label_ns // DAY, -1)
    told = zip(*(each[wanted & empty].tolist() for each in (held.open_ns, ends, whole)), strict=True)
    return [Gap(start, end, 1, MISSING, day if day >= 0 else None) for start, end, day in told]


def _bars(interval: intervals.Interval, held: Sessions, times: np.ndarray, window: Window) -> list[Gap]:
    step = interval.duration_ns or DAY
    found = []
    end_ns = min(window.end_ns, window.now_ns - step + 1)
    near = (held.close_ns > window.start_ns) & (held.open_ns < end_ns)
    told = zip(*(each[near].tolist() for each in (held.label_ns, held.open_ns, held.close_ns)), strict=True)
    for label, opened, closed in told:
        first = int(interval.floor(opened))
        bars = np.arange(first, closed, step, dtype=np.int64)
        own = times[np.searchsorted(times, first) : np.searchsorted(times, closed)]
        there = np.isin(bars, own)
        # The first bar of a session that opens inside a bucket may carry the time of either.
        there[0] |= first < opened and bool(np.isin(opened, own))
        kind = MISSING if not len(own) else MISSING_ROWS
        lacking = bars[~there & (bars >= window.start_ns) & (bars < end_ns)]
        day = label // DAY if kind == MISSING and len(lacking) == len(bars) else None
        found += [Gap(start, end, (end - start) // step, kind, day) for start, end in _runs(lacking, step)]
    return found


def _runs(stamps: np.ndarray, step: int) -> list[tuple[int, int]]:
    if not len(stamps):
        return []
    breaks = np.flatnonzero(np.diff(stamps) != step)
    starts = stamps[np.concatenate(([0], breaks + 1))]
    ends = stamps[np.concatenate((breaks, [len(stamps) - 1]))] + step
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
