"""The rhythm of bars: their interval, the phase of its grid, and the calendar they keep.

The interval is the mode of the differences between neighbours, provided that four in five differences are multiples
of it; the phase is the mode of (time modulo interval). Without a declared calendar, bars that never fall on a
Saturday over two weeks keep XNYS if 99.5 % of them fit it; else daily ones keep the weekdays, and the hours of finer
ones are unknown. All others are taken as round the clock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.market import calendars, intervals
from datasets.market.intervals import DAY, HOUR, MINUTE, SECOND, WEEK, Interval
from datasets.quality.checks.spec import Spec

WEEKDAYS = "weekdays"
UNKNOWN = "unknown"
ROWS = 131_072  # the first rows of an instrument decide; how a file is cut into blocks must not
_QUARTER = 15 * MINUTE
_WITHOUT_HOURS = (calendars.CONTINUOUS, WEEKDAYS, UNKNOWN)
_BARS = ("bars",)

SPECS = (
    Spec(
        "interval.known",
        "Bars have one interval",
        "count",
        "These symbols have no regular interval, or another than the first symbol; the row is their first.",
        "Without an interval, missing bars cannot be counted and coarser bars cannot be made.",
        "Check that the file holds bars of one interval only, or upload the symbols apart.",
        _BARS,
    ),
    Spec(
        "interval.declared",
        "The interval is the declared one",
        "count",
        "The interval found differs from the declared one; the row is the symbol's first.",
        "Missing bars were counted on the declared grid.",
        "Leave the interval out or declare the true one.",
        _BARS,
    ),
    Spec(
        "interval.regular",
        "Bars stand on the grid",
        "count",
        "These stamps lie off the grid of the interval, which begins at midnight UTC or at the open of the calendar's "
        "session; days may begin at any quarter of an hour. A sample says by how many seconds.",
        "Joins by time with other data miss such rows; coarser bars whose border one of them crosses are refused.",
        "Declare the calendar if the bars follow its sessions. Leave the stamps if they are those of events (funding, "
        "for example). Else correct them at their source: a bar is stamped with the time it opens.",
        _BARS,
    ),
)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is expected of an instrument's bars; `interval` None when irregular, `found` what the stamps say."""

    interval: Interval | None
    found: Interval | None
    phase_ns: int
    calendar: str
    inferred: bool


def read(ts: np.ndarray, declared: str | None, calendar: str | None) -> Rhythm:
    """Return the rhythm of sorted stamps (the first ROWS of an instrument)."""
    found = interval_of(ts)
    interval = intervals.parse(declared) if declared else found
    phase = phase_of(ts, interval)
    if calendar:
        return Rhythm(interval, found, phase, calendar, False)
    return Rhythm(interval, found, phase, infer_calendar(ts, interval), True)


def interval_of(ts: np.ndarray) -> Interval | None:
    """Return the interval of sorted stamps, None when they have none."""
    steps = np.diff(ts)
    steps = steps[steps > 0]
    if not len(steps):
        return None
    # stamps of events jitter by milliseconds around their grid
    rounded = np.where(steps >= MINUTE, (steps + SECOND // 2) // SECOND * SECOND, steps)
    lengths, counts = np.unique(rounded, return_counts=True)
    mode = int(lengths[np.argmax(counts)])
    if 28 * DAY <= mode <= 31 * DAY and ((lengths >= 28 * DAY) & (lengths <= 31 * DAY)).mean() >= 0.5:
        return intervals.parse("1M")
    fits = counts[(lengths % mode) == 0].sum()
    if mode % SECOND or mode > 366 * DAY or (fits < 0.8 * counts.sum() and mode % DAY):
        return None
    return intervals.parse("1w") if mode == WEEK else intervals.from_ns(mode)


def phase_of(ts: np.ndarray, interval: Interval | None) -> int:
    """Return where on the epoch's grid the stamps stand: the mode of time modulo interval, ns."""
    if interval is None or interval.duration_ns is None:
        return 0
    phases, counts = np.unique(ts % interval.duration_ns, return_counts=True)
    return int(phases[np.argmax(counts)])


def off_grid(ts: np.ndarray, rhythm: Rhythm) -> np.ndarray:
    """Return by how much each stamp lies off the grid, ns, the nearer way; 0 for those on it."""
    if rhythm.interval is None or rhythm.interval.duration_ns is None:
        return np.zeros(len(ts), np.int64)
    step = rhythm.interval.duration_ns
    if step >= DAY:
        return _off_days(ts, step, rhythm.phase_ns)
    off = nearest(ts, step)
    if off.any() and rhythm.calendar not in _WITHOUT_HOURS:
        of_session = nearest(ts - _opens(ts, rhythm.calendar), step)
        off = np.where(np.abs(of_session) < np.abs(off), of_session, off)
    return off


def shift_of(rhythm: Rhythm) -> int:
    """Return by how much most stamps lie off the grid, ns."""
    if rhythm.interval is None or rhythm.interval.duration_ns is None:
        return 0
    step = rhythm.interval.duration_ns
    return int(nearest(np.array(rhythm.phase_ns), step if step < DAY else _QUARTER))


def nearest(distance: np.ndarray, step: int) -> np.ndarray:
    """Return what a distance lacks (negative) or exceeds the nearest multiple of `step` by."""
    return (distance + step // 2) % step - step // 2


def _off_days(ts: np.ndarray, step: int, phase: int) -> np.ndarray:
    # Days begin at midnight of some zone or at the open of some session, and move by the hour of summer time.
    moved = nearest(ts - phase, step)
    kept = (moved % DAY == 0) | (np.abs(moved) == HOUR)
    return np.where(kept, nearest(ts, _QUARTER), moved)


def _opens(ts: np.ndarray, calendar: str) -> np.ndarray:
    # of the session at hand: extended hours come before the open
    held = calendars.sessions(calendar, int(ts[0]) - WEEK, int(ts[-1]) + WEEK)
    at = np.searchsorted(held.open_ns, ts + DAY // 2, side="right") - 1
    return held.open_ns[np.maximum(at, 0)] if len(held) else np.zeros(len(ts), np.int64)


def infer_calendar(ts: np.ndarray, interval: Interval | None) -> str:
    """Return the calendar that stamps keep when nobody declared one."""
    length = interval.duration_ns if interval else None
    if length is None or length > DAY or ts[-1] - ts[0] < 2 * WEEK:
        return calendars.CONTINUOUS
    days = ts // DAY
    if ((days + 3) % 7 == 5).any():  # some Saturday; 1970-01-01 was a Thursday
        return calendars.CONTINUOUS
    sessions = calendars.sessions("XNYS", int(ts[0]), int(ts[-1]) + 1)
    inside = np.isin(days * DAY, sessions.label_ns) if length == DAY else sessions.locate(ts) >= 0
    if inside.mean() >= 0.995:
        return "XNYS"
    return WEEKDAYS if length == DAY else UNKNOWN
