"""Gaps: bars missing from their grid, counted exactly against the calendar, and silences between ticks.

A gap across closed hours is no gap; half-days are as long as the calendar says; a missing day is one missing bar of a
day. With an exchange calendar the first and last session count as whole: 195 of 390 minutes are not a half-day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datasets.market import calendars
from datasets.market.calendars import Sessions
from datasets.market.intervals import DAY, SECOND, Interval
from datasets.quality.checks import rhythm
from datasets.quality.checks.rhythm import Rhythm
from datasets.quality.checks.spec import Spec
from datasets.quality.result import Block, Findings, Sample

_TICKS = ("trades", "quotes")

SPECS = (
    Spec(
        "gaps.bars",
        "No bars are missing",
        "share",
        "Bars that the calendar expects are absent; the count is bars, a sample is the bar after a gap.",
        "Indicators run over a gap as if it were one step; a backtest cannot trade inside it.",
        "Fetch the missing range. For thinly traded instruments, where no trade means no bar, nothing is wrong.",
        ("bars",),
    ),
    Spec(
        "gaps.silence",
        "No long silences",
        "count",
        "No tick came for longer than silence_s within open hours; a sample is the tick after it.",
        "An outage of the recorder or the venue looks like a calm market.",
        "Fetch the missing range, or declare the venue's calendar if it was closed.",
        _TICKS,
    ),
    Spec(
        "sessions.calendar",
        "The trading hours are known",
        "count",
        "These symbols rest on Saturdays and keep no hours we know; missing bars were not counted.",
        "Without a calendar, a closed market and a hole in the data look the same.",
        "Declare the calendar of the venue and validate again.",
        ("bars",),
    ),
    Spec(
        "sessions.outside",
        "Rows lie within sessions",
        "share",
        "These rows lie outside the sessions of the calendar.",
        "They may be extended hours, a wrong time zone or a wrong calendar.",
        "Declare the right calendar and zone. Daily candles by session leave such rows out.",
    ),
)


@dataclass(frozen=True, slots=True)
class Expected:
    """For stamps: how many expected bars lie before each, and whether each is an expected one itself."""

    before: np.ndarray
    on: np.ndarray


def sessions(calendar: str, start_ns: int, end_ns: int) -> Sessions:
    """Return the sessions of a calendar, or of plain weekdays, that touch [start, end]."""
    if calendar != rhythm.WEEKDAYS:
        return calendars.sessions(calendar, start_ns - DAY, end_ns + 2 * DAY)
    days = np.arange(start_ns // DAY - 1, end_ns // DAY + 2)
    labels = days[(days + 3) % 7 < 5] * DAY
    return Sessions(calendar, labels, labels, labels + DAY)


class Bars:
    """Missing bars and off-grid stamps of one instrument."""

    def __init__(self, findings: Findings, beat: Rhythm):
        self.findings, self.beat = findings, beat
        self.last: int | None = None
        self.tail = 0  # bars still to come in the session of the last stamp

    def push(self, block: Block) -> None:
        """Look at the rows; the last stamp is carried, so a gap on a border counts."""
        self._off_grid(block)
        self.findings.figure("gaps.bars", "bars", len(block))
        if self.beat.interval is None or self.beat.calendar == rhythm.UNKNOWN:
            return
        ts = block.ts if self.last is None else np.concatenate(([self.last], block.ts))
        expected, head, self.tail = expect(ts, self.beat)
        missing = np.diff(expected.before) - expected.on[:-1]
        offset = 0 if self.last is None else 1
        self.findings["sessions.outside"].add(block, ~expected.on[offset:])
        first = offset == 0
        self.last = int(block.ts[-1])
        if first and head:
            self._gap(block, 0, head, "before it")
        at = np.flatnonzero(missing > 0)
        for position in at[: 1 << 16].tolist():
            self._gap(block, position + 1 - offset, int(missing[position]), "before it")
        rest = at[1 << 16 :]
        if len(rest):
            self.findings["gaps.bars"].count += int(missing[rest].sum())
            self.findings.figure("gaps.bars", "runs", len(rest))

    def finish(self) -> None:
        """Count what the last session still lacked."""
        if self.tail:
            self.findings["gaps.bars"].count += self.tail
            self.findings.figure("gaps.bars", "runs", 1)

    def _off_grid(self, block: Block) -> None:
        off = rhythm.off_grid(block.ts, self.beat)
        if not off.any():
            return
        self.findings["interval.regular"].add(block, off != 0, off / SECOND)
        whole = rhythm.shift_of(self.beat)  # tells data that is shifted as a whole from a few stray stamps
        shifted = int(np.count_nonzero(off == whole))
        if whole and shifted:
            self.findings.figure("interval.regular", f"off by {whole / SECOND:+.9g} s", shifted)

    def _gap(self, block: Block, at: int, missing: int, where: str) -> None:
        value = f"{missing} missing {where}"
        self.findings["gaps.bars"].add_one(
            Sample(int(block.row[at]), int(block.ts[at]), value, block.instrument), missing
        )
        self.findings.figure("gaps.bars", "runs", 1)
        self.findings.figure("gaps.bars", "longest", missing)


def expect(ts: np.ndarray, beat: Rhythm) -> tuple[Expected, int, int]:
    """Return what is expected at sorted stamps, and the bars missing at the head and tail of the outermost sessions."""
    interval = beat.interval
    assert interval is not None
    if interval.duration_ns is None:
        months = ts.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
        return Expected(months, np.ones(len(ts), bool)), 0, 0
    if beat.calendar == calendars.CONTINUOUS or interval.duration_ns > DAY:
        nearest = (ts - beat.phase_ns + interval.duration_ns // 2) // interval.duration_ns
        return Expected(nearest, np.ones(len(ts), bool)), 0, 0
    held = sessions(beat.calendar, int(ts[0]), int(ts[-1]))
    if interval.duration_ns == DAY:
        days = ts // DAY * DAY
        return Expected(np.searchsorted(held.label_ns, days), np.isin(days, held.label_ns)), 0, 0
    return _within(ts, beat, interval, held)


def _within(ts: np.ndarray, beat: Rhythm, interval: Interval, held: Sessions) -> tuple[Expected, int, int]:
    step = interval.duration_ns
    assert step is not None
    # the bars of a session are the grid's buckets that touch it
    first = held.open_ns - (held.open_ns - beat.phase_ns) % step
    bars = -(-(held.close_ns - first) // step)
    done = np.concatenate(([0], np.cumsum(bars)))
    snapped = (ts - beat.phase_ns + step // 2) // step * step + beat.phase_ns
    at = np.searchsorted(first, snapped, side="right") - 1
    nth = np.where(at >= 0, (snapped - first[np.maximum(at, 0)]) // step, 0)
    on = (at >= 0) & (nth < bars[np.maximum(at, 0)])
    before = np.where(at >= 0, done[np.maximum(at, 0)] + np.minimum(nth, bars[np.maximum(at, 0)]), 0)
    if beat.calendar == rhythm.WEEKDAYS:  # nobody said that such days are traded from midnight to midnight
        return Expected(before, on), 0, 0
    head = int(before[0] - done[at[0]]) if on[0] else 0
    tail = int(done[at[-1] + 1] - before[-1] - 1) if on[-1] else 0
    return Expected(before, on), head, tail


class Silence:
    """Gaps between ticks longer than a limit, closed hours not counted, and ticks outside sessions."""

    def __init__(self, findings: Findings, limit_s: float, calendar: str | None):
        self.findings, self.limit_ns = findings, int(limit_s * SECOND)
        self.calendar = None if calendar in (None, calendars.CONTINUOUS) else calendar
        self.last: int | None = None

    def push(self, block: Block) -> None:
        """Look at the rows; the last stamp is carried, so a silence on a border counts."""
        first = int(block.ts[0]) if self.last is None else self.last
        if self.calendar is None and int(block.ts[0]) - first <= self.limit_ns and self._steady(block.ts):
            self.last = int(block.ts[-1])
            return
        before = np.concatenate(([first], block.ts[:-1]))
        self.last = int(block.ts[-1])
        silent = block.ts - before
        long = silent > self.limit_ns
        if self.calendar is not None:
            held = sessions(self.calendar, int(before[0]), int(block.ts[-1]))
            self.findings["sessions.outside"].add(block, held.locate(block.ts) < 0)
            silent[long] = _open_ns(before[long], block.ts[long], held)
            long = silent > self.limit_ns
        if long.any():
            self.findings["gaps.silence"].add(block, long, silent / SECOND)
            self.findings.figure("gaps.silence", "longest_s", int(silent.max() // SECOND))

    def _steady(self, ts: np.ndarray) -> bool:
        return len(ts) < 2 or int((ts[1:] - ts[:-1]).max()) <= self.limit_ns


def _open_ns(start: np.ndarray, end: np.ndarray, held: Sessions) -> np.ndarray:
    lengths = np.concatenate(([0], np.cumsum(held.close_ns - held.open_ns)))

    def opened(ts: np.ndarray) -> np.ndarray:
        at = np.searchsorted(held.open_ns, ts, side="right") - 1
        within = np.minimum(ts, held.close_ns[np.maximum(at, 0)]) - held.open_ns[np.maximum(at, 0)]
        return np.where(at >= 0, lengths[np.maximum(at, 0)] + within, 0)

    return opened(end) - opened(start)
