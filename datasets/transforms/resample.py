"""Reduce rows to bars, and fill the bars nobody traded in.

Both work on a stream: `push` takes the next rows in order and returns the bars that are complete, `finish` returns
the rest. However the rows are cut into pushes, the bars have the same bits: open and close are the first and last
row, high and low are comparisons, volumes are added strictly one after another from the bar's first row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from tradenexus.errors import Unprocessable

FILL_CHUNK = 65_536


class TooManyBars(Unprocessable):
    """Filling every empty bar would write too many. Choose a coarser frequency, or leave empty bars out."""

    code = "DATASET_TRANSFORM_TOO_MANY_BARS"


@dataclass(slots=True)
class Bars:
    """Columns of equal length, sorted by `ts` (open time, ns UTC).

    `volume` is NaN where unknown, `trades` -1 where unknown. `stands` is False where the last quote was withdrawn
    within the bar, so that nothing may be filled after it. Rows of trades are bars of one trade.
    """

    ts: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    trades: np.ndarray
    filled: np.ndarray
    stands: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, part: slice | np.ndarray) -> Bars:
        return Bars(*(getattr(self, field.name)[part] for field in fields(self)))


def ticks(ts: np.ndarray, price: np.ndarray, size: np.ndarray | None, *, counted: bool = True) -> Bars:
    """Return one bar a row; `size` None means unknown, `counted` False leaves the number of trades unknown."""
    rows = len(ts)
    volume = np.full(rows, np.nan) if size is None else size
    trades = np.full(rows, 1 if counted else -1, dtype=np.int64)
    return Bars(ts, price, price, price, price, volume, trades, np.zeros(rows, bool), np.ones(rows, bool))


def join(parts: list[Bars]) -> Bars:
    """Concatenate bars that follow one another."""
    if len(parts) == 1:
        return parts[0]
    return Bars(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Bars)))


class Reducer:
    """Gather rows into the buckets that `label` names (row times -> bucket open times, never decreasing)."""

    def __init__(self, label: Callable[[np.ndarray], np.ndarray]):
        self.label = label
        self.held: Bars | None = None  # the bar still open; its ts is its bucket
        self.held_rows = 0
        self.full_rows: int | None = None  # rows a complete bucket has, when every bucket has the same
        self.short = 0  # bars made of fewer

    def push(self, rows: Bars) -> Bars | None:
        """Take the next rows; return the bars they complete (None when they complete none)."""
        if not len(rows):
            return None
        buckets = self.label(rows.ts)
        starts = np.concatenate(([0], np.flatnonzero(buckets[1:] != buckets[:-1]) + 1))
        counts = np.diff(np.append(starts, len(rows)))
        held, self.held = self.held, None
        if held is not None and held.ts[0] == buckets[0]:
            done = reduce(rows, buckets, starts, counts, held)
            counts[0] += self.held_rows
        else:
            done = reduce(rows, buckets, starts, counts, None)
            if held is not None:
                done = join([held, done])
                counts = np.concatenate(([self.held_rows], counts))
        self.held, self.held_rows = done[-1:], int(counts[-1])
        self._count_short(counts[:-1])
        return done[:-1] if len(done) > 1 else None

    def finish(self) -> Bars | None:
        """Return the bar that was still open."""
        last, self.held = self.held, None
        if last is not None:
            self._count_short(np.array([self.held_rows]))
        return last

    def _count_short(self, counts: np.ndarray) -> None:
        if self.full_rows is not None:
            self.short += int((counts < self.full_rows).sum())


def reduce(rows: Bars, buckets: np.ndarray, starts: np.ndarray, counts: np.ndarray, held: Bars | None) -> Bars:
    """Return one bar a bucket; the first goes on from `held`, the open bar of the same bucket."""
    ends = starts + counts - 1
    done = Bars(
        ts=buckets[starts],
        open=rows.open[starts],
        high=np.maximum.reduceat(rows.high, starts),
        low=np.minimum.reduceat(rows.low, starts),
        close=rows.close[ends],
        volume=_sums(rows.volume, counts, held),
        trades=_counts(rows.trades, starts, held),
        filled=np.zeros(len(starts), bool),
        stands=rows.stands[ends],
    )
    if held is not None:
        done.open[0] = held.open[0]
        done.high[0] = max(held.high[0], done.high[0])
        done.low[0] = min(held.low[0], done.low[0])
    return done


def _sums(volume: np.ndarray, counts: np.ndarray, held: Bars | None) -> np.ndarray:
    # bincount adds one weight after another; add.reduceat sums pairwise, and its bits depend on where a chunk was cut
    groups = np.repeat(np.arange(len(counts)), counts)
    if held is not None:
        volume, groups = np.concatenate((held.volume, volume)), np.concatenate(([0], groups))
    known = ~np.isnan(volume)
    if known.all():
        return np.bincount(groups, weights=volume, minlength=len(counts))
    sums = np.bincount(groups[known], weights=volume[known], minlength=len(counts)).astype(np.float64)
    sums[np.bincount(groups[known], minlength=len(counts)) == 0] = np.nan
    return sums


def _counts(trades: np.ndarray, starts: np.ndarray, held: Bars | None) -> np.ndarray:
    sums = np.add.reduceat(np.maximum(trades, 0), starts)
    known = np.maximum.reduceat(trades, starts)
    if held is not None:
        sums[0] += max(int(held.trades[0]), 0)
        known[0] = max(known[0], held.trades[0])
    return np.where(known < 0, -1, sums)


class Buckets(Protocol):
    """What a filler asks of a grid: buckets are numbered in order, without gaps."""

    def position(self, ts: np.ndarray) -> np.ndarray:
        """Return the number of each bucket."""

    def at(self, position: np.ndarray) -> np.ndarray:
        """Return the open time of each number."""


class Filler:
    """Put a flat bar (volume 0, filled) into every bucket the stream left out; TooManyBars beyond `limit`."""

    def __init__(self, grid: Buckets, limit: int = 50_000_000):
        self.grid = grid
        self.limit = limit
        self.last: Bars | None = None
        self.filled = 0

    def push(self, bars: Bars) -> Iterator[Bars]:
        """Yield the bars up to the last of these, with the empty ones among them, a bounded number at a time."""
        bars = bars if self.last is None else join([self.last, bars])
        self.last = bars[-1:]
        if len(bars) == 1:
            return
        position = self.grid.position(bars.ts)
        empty = np.where(bars.stands[:-1], np.diff(position) - 1, 0)
        self.filled += int(empty.sum())
        if self.filled > self.limit:
            raise TooManyBars(f"filling would write more than {self.limit} bars", {"limit": self.limit})
        ends = np.cumsum(empty + 1)
        for begin in range(0, int(ends[-1]), FILL_CHUNK):
            number = np.arange(begin, min(begin + FILL_CHUNK, int(ends[-1])))
            source = np.searchsorted(ends, number, side="right")
            yield self._expanded(bars[source], position[source], number - (ends - empty - 1)[source])

    def finish(self) -> Bars | None:
        """Return the last bar: nothing is filled after it."""
        last, self.last = self.last, None
        return last

    def _expanded(self, bars: Bars, position: np.ndarray, steps: np.ndarray) -> Bars:
        # `steps` buckets after its bar; 0 is the bar itself
        empty = steps > 0
        bars.ts = np.where(empty, self.grid.at(position + steps), bars.ts)
        for name in ("open", "high", "low"):
            setattr(bars, name, np.where(empty, bars.close, getattr(bars, name)))
        bars.volume = np.where(empty & ~np.isnan(bars.volume), 0.0, bars.volume)
        bars.trades = np.where(empty, np.minimum(bars.trades, 0), bars.trades)
        bars.filled = bars.filled | empty
        return bars
