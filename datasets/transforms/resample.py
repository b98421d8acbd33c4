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
_STRIDE = 64  # rows between the times that are looked at to find where buckets begin


class TooManyBars(Unprocessable):
    """Filling every empty bar would write too many. Choose a coarser frequency, or leave empty bars out."""

    code = "DATASET_TRANSFORM_TOO_MANY_BARS"


@dataclass(slots=True)
class Bars:
    """Columns of equal length, sorted by `ts` (open time, ns UTC).

    `volume` is NaN where unknown, `trades` -1 where unknown. `stands` is False where the last quote was withdrawn
    within the bar, so that nothing may be filled after it.
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


@dataclass(slots=True)
class Ticks:
    """Trades of equal length, sorted by `ts`: bars of one trade each. `volume` is NaN where the size is unknown."""

    ts: np.ndarray
    price: np.ndarray
    volume: np.ndarray

    def __len__(self) -> int:
        return len(self.ts)


def steps(ts: np.ndarray, price: np.ndarray, stands: np.ndarray) -> Bars:
    """Return one bar a row, its volume and number of trades unknown."""
    rows = len(ts)
    trades = np.full(rows, -1, dtype=np.int64)
    return Bars(ts, price, price, price, price, np.full(rows, np.nan), trades, np.zeros(rows, bool), stands)


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

    def push(self, rows: Bars | Ticks) -> Bars | None:
        """Take the next rows; return the bars they complete (None when they complete none)."""
        if not len(rows):
            return None
        starts, names = cut(self.label, rows.ts)
        counts = np.diff(starts, append=len(rows))
        held, self.held = self.held, None
        if held is not None and held.ts[0] == names[0]:
            done = reduce(rows, names, starts, counts, held)
            counts[0] += self.held_rows
        else:
            done = reduce(rows, names, starts, counts, None)
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


def cut(label: Callable[[np.ndarray], np.ndarray], ts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the buckets of sorted times begin, and their names; long buckets cost a look at one row in 64."""
    heads = label(ts[::_STRIDE])
    changes = np.flatnonzero(heads != np.append(heads[1:], label(ts[-1:])))
    if len(changes) * 4 > len(heads):
        every = label(ts)
        within = np.flatnonzero(every[1:] != every[:-1]) + 1
        return np.append(0, within), np.append(every[:1], every[within])
    # of a stretch that ends in another bucket than it begins in, all rows, with the first of the next stretch
    rows = np.minimum(changes[:, None] * _STRIDE + np.arange(_STRIDE + 1), len(ts) - 1)
    names = label(ts[rows.ravel()]).reshape(rows.shape)
    begins = names[:, 1:] != names[:, :-1]
    return np.append(0, rows[:, 1:][begins]), np.append(heads[:1], names[:, 1:][begins])


def reduce(rows: Bars | Ticks, names: np.ndarray, starts: np.ndarray, counts: np.ndarray, held: Bars | None) -> Bars:
    """Return one bar a bucket; the first goes on from `held`, the open bar of the same bucket."""
    volume = _sums(rows.volume, counts, held)
    if isinstance(rows, Ticks):
        done = _of_ticks(rows, names, starts, counts, volume)
    else:
        done = _of_bars(rows, names, starts, starts + counts - 1, volume)
    if held is not None:
        done.open[0] = held.open[0]
        done.high[0] = max(held.high[0], done.high[0])
        done.low[0] = min(held.low[0], done.low[0])
        done.trades[0] = _added(int(held.trades[0]), int(done.trades[0]))
    return done


def _of_ticks(rows: Ticks, names: np.ndarray, starts: np.ndarray, counts: np.ndarray, volume: np.ndarray) -> Bars:
    price, ends, bars = rows.price, starts + counts - 1, len(starts)
    high, low = np.maximum.reduceat(price, starts), np.minimum.reduceat(price, starts)
    filled, stands = np.zeros(bars, bool), np.ones(bars, bool)
    return Bars(names, price[starts], high, low, price[ends], volume, counts.copy(), filled, stands)


def _of_bars(rows: Bars, names: np.ndarray, starts: np.ndarray, ends: np.ndarray, volume: np.ndarray) -> Bars:
    return Bars(
        ts=names,
        open=rows.open[starts],
        high=np.maximum.reduceat(rows.high, starts),
        low=np.minimum.reduceat(rows.low, starts),
        close=rows.close[ends],
        volume=volume,
        trades=_counts(rows.trades, starts),
        filled=np.zeros(len(starts), bool),
        stands=rows.stands[ends],
    )


def _sums(volume: np.ndarray, counts: np.ndarray, held: Bars | None) -> np.ndarray:
    # bincount adds one weight after another; add.reduceat sums pairwise, and its bits depend on where a chunk was cut
    groups = np.repeat(np.arange(len(counts)), counts)
    if np.isnan(volume.min()):
        return _sums_of_known(volume, groups, len(counts), held)
    sums = np.bincount(groups, weights=volume)
    if held is not None and not np.isnan(held.volume[0]):
        # accumulate has to keep every step, so it adds one after another too
        sums[0] = np.add.accumulate(np.append(held.volume, volume[: counts[0]]))[-1]
    return sums


def _sums_of_known(volume: np.ndarray, groups: np.ndarray, bars: int, held: Bars | None) -> np.ndarray:
    if held is not None:
        volume, groups = np.append(held.volume, volume), np.append(0, groups)
    known = ~np.isnan(volume)
    sums = np.bincount(groups[known], weights=volume[known], minlength=bars).astype(np.float64)
    sums[np.bincount(groups[known], minlength=bars) == 0] = np.nan
    return sums


def _counts(trades: np.ndarray, starts: np.ndarray) -> np.ndarray:
    sums = np.add.reduceat(np.maximum(trades, 0), starts)
    return np.where(np.maximum.reduceat(trades, starts) < 0, -1, sums)


def _added(held: int, more: int) -> int:
    return -1 if held < 0 and more < 0 else max(held, 0) + max(more, 0)


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
