"""From canonical rows to what a reducer takes, and back: which columns feed a price, and which rows are left out of it.

Trades without a positive size are no trades; a crossed quote (bid above ask) is no price; both are left out and
counted. A quote stands until the next one replaces it: a bar opens at the quote that stood when it began. A bar that
reaches over the border of a coarser one belongs to neither: such bars are refused.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from datasets.market import kinds, schemas
from datasets.market.intervals import DAY, HOUR, MINUTE, SECOND, Interval
from datasets.transforms.grid import Days, Grid
from datasets.transforms.resample import Bars, Ticks, steps
from tradenexus.errors import Unprocessable

# Stamps of events come some milliseconds late; an early one would stand in the bar before its own.
_LATE_NS = SECOND // 2
# Dates are stamped from midnight (from 00:00 UTC, west of Greenwich later) to the open of an American session (14:30).
_DATED_NS = 9 * HOUR


class BarsCrossBorder(Unprocessable):
    """A bar of this version reaches over a border of the bars asked for, so that it belongs to two. Correct its stamp,
    name the `session` whose days the bars follow, or choose a frequency whose borders they keep."""

    code = "DATASET_TRANSFORM_BARS_CROSS"


class Source:
    """Turns record batches of one instrument into rows for a reducer; `excluded` counts rows left out, by reason."""

    columns: tuple[str, ...]

    def __init__(self, hours: Days | None):
        self.hours = hours  # rows outside are left out
        self.excluded: Counter[str] = Counter()

    def push(self, table: pa.RecordBatch) -> Bars | Ticks:
        """Take the next rows in canonical order; return what the reducer shall see."""
        raise TypeError("a source says how its rows are read")

    def finish(self) -> Bars | None:
        """Return a row still held back."""
        return None

    def keep(self, rows: np.ndarray, reason: str) -> None:
        """Count the rows that are False."""
        left_out = len(rows) - int(np.count_nonzero(rows))
        if left_out:
            self.excluded[reason] += left_out

    def open_hours(self, ts: np.ndarray) -> np.ndarray:
        """Tell which rows lie inside the session hours, counting the others."""
        inside = np.ones(len(ts), bool) if self.hours is None else self.hours.hold(ts)
        self.keep(inside, "outsideSession")
        return inside


class Trades(Source):
    """Price and size of trades."""

    columns = ("ts_event", "price", "size")

    def push(self, table: pa.RecordBatch) -> Ticks:
        """Return one tick a trade that has a price, a positive or unknown size, and lies inside the hours."""
        ts, price, size = times(table), floats(table, "price"), floats(table, "size")
        priced = np.isfinite(price)
        if not (priced.all() and size.min(initial=np.inf) > 0):  # the least of sizes is NaN if one is unknown
            sized = ~(size <= 0)
            self.keep(priced, "noPrice")
            self.keep(sized | ~priced, "sizeNotPositive")
            use = sized & priced
            ts, price, size = ts[use], price[use], size[use]
        if self.hours is None:
            return Ticks(ts, price, size)
        inside = self.open_hours(ts)
        return Ticks(ts, price, size) if inside.all() else Ticks(ts[inside], price[inside], size[inside])


class Quotes(Source):
    """Bid, ask or mid of quotes, as a step function on `grid`: bars begin with the quote that stands."""

    columns = ("ts_event", "bid", "ask")

    def __init__(self, hours: Days | None, price: str, grid: Grid):
        super().__init__(hours)
        self.price, self.grid = price, grid
        self.pending: tuple[np.ndarray, np.ndarray] | None = None  # the newest quote, until the next is seen
        self.standing = np.nan  # the quote before the pending one
        self.bucket: int | None = None  # and its bucket

    def push(self, table: pa.RecordBatch) -> Bars:
        """Return the ticks of the quotes that stood, each bar led by the one that stood at its opening."""
        ts, bid, ask = times(table), floats(table, "bid"), floats(table, "ask")
        uncrossed = ~(bid > ask)
        self.keep(uncrossed, "crossed")
        if not uncrossed.all():
            ts, bid, ask = ts[uncrossed], bid[uncrossed], ask[uncrossed]
        price = {"bid": bid, "ask": ask}.get(self.price)
        if price is None:
            price = (bid + ask) / 2
        inside = self.open_hours(ts)
        return self._steps(ts[inside], price[inside], last=False)

    def finish(self) -> Bars | None:
        """Return the newest quote."""
        return self._steps(np.empty(0, np.int64), np.empty(0), last=True) if self.pending else None

    def _steps(self, ts: np.ndarray, price: np.ndarray, *, last: bool) -> Bars:
        if self.pending is not None:
            ts, price = np.concatenate((self.pending[0], ts)), np.concatenate((self.pending[1], price))
        if len(ts) and not last:
            self.pending = (ts[-1:], price[-1:])
        rows = len(ts) if last else len(ts) - 1
        if rows <= 0:
            return steps(ts[:0], price[:0], np.empty(0, bool))
        stands = np.append(~np.isnan(price[1:]), True)[:rows]
        ts, price, stands = self._lead(ts[:rows], price[:rows], stands)
        known = ~np.isnan(price)
        return steps(ts[known], price[known], stands[known])

    def _lead(self, ts: np.ndarray, price: np.ndarray, stands: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        buckets = self.grid.label(ts)
        before = np.concatenate(([self.standing], price[:-1]))
        fresh = np.concatenate(([self.bucket is not None and self.bucket != buckets[0]], buckets[1:] != buckets[:-1]))
        self.standing, self.bucket = price[-1], int(buckets[-1])
        # a quote that arrives at the very opening has already replaced the standing one
        at = np.flatnonzero(fresh & ~np.isnan(before) & (ts != buckets))
        withdrawn = np.isnan(price[at])
        return np.insert(ts, at, buckets[at]), np.insert(price, at, before[at]), np.insert(stands, at, ~withdrawn)


class FinerBars(Source):
    """Bars, to be gathered into coarser ones."""

    columns = ("ts_event", "open", "high", "low", "close", "volume", "trades")

    def __init__(self, hours: Days | None, grid: Grid, interval: Interval, instrument: str):
        super().__init__(hours)
        self.grid, self.interval, self.instrument = grid, interval, instrument

    def push(self, table: pa.RecordBatch) -> Bars:
        """Return the bars that have all four prices and open inside the hours; BarsCrossBorder names the first."""
        ts = times(table)
        prices = opens, highs, lows, closes = tuple(floats(table, name) for name in ("open", "high", "low", "close"))
        counts = table.column("trades").fill_null(-1).to_numpy().astype(np.int64)
        bars = Bars(
            ts,
            opens,
            highs,
            lows,
            closes,
            floats(table, "volume"),
            counts,
            np.zeros(len(ts), bool),
            np.ones(len(ts), bool),
        )
        priced = np.logical_and.reduce([np.isfinite(price) for price in prices])
        self.keep(priced, "noPrice")
        inside = self.open_hours(ts[priced])
        self._refuse_crossing(ts[priced], inside)
        return bars[priced][inside]

    def _refuse_crossing(self, ts: np.ndarray, inside: np.ndarray) -> None:
        last = ts + _reach(self.interval)
        crosses = inside & (self.grid.label(ts) != self.grid.label(last))
        if self.hours is not None:  # begun before the open, it holds the first trades of the session
            crosses |= ~inside & self.hours.hold(last)
        if not crosses.any():
            return
        opens = f"{np.datetime64(int(ts[np.argmax(crosses)]), 'ns')}Z"
        finer, coarser = self.interval.text, self.grid.interval.text
        raise BarsCrossBorder(
            f"The {finer} bar of {self.instrument[:60]} that opens at {opens} reaches over a border of the {coarser} "
            f"bars. Correct the stamps, name the session whose days the bars follow, or choose another frequency.",
            {"instrument": self.instrument[:60], "ts": opens, "interval": finer, "frequency": coarser},
        )


def source(kind: str, price: str, hours: Days | None, grid: Grid, interval: Interval | None, instrument: str) -> Source:
    """Return the source for a kind of data; `grid` is the first one rows are gathered on, `interval` that of bars."""
    if kind == kinds.TRADES:
        return Trades(hours)
    if kind == kinds.QUOTES or interval is None:
        return Quotes(hours, price, grid)
    return FinerBars(hours, grid, interval, instrument)


def _reach(interval: Interval) -> int:
    """Return how far after its stamp a bar must still lie in the same coarser one, ns."""
    length = interval.duration_ns
    if length is None:
        return 0  # of months nothing coarser is made
    if length >= DAY:
        return length - DAY + _DATED_NS
    return length - 1 - (_LATE_NS if length >= MINUTE else 0)


def times(table: pa.RecordBatch) -> np.ndarray:
    """Return ts_event as int64 ns UTC."""
    return table.column("ts_event").view(pa.int64()).to_numpy()


def floats(table: pa.RecordBatch, name: str) -> np.ndarray:
    """Return a float column, NaN where null."""
    return table.column(name).to_numpy(zero_copy_only=False)


def bar_table(bars: Bars) -> pa.Table:
    """Return bars as a table of the canonical bar schema."""
    unknown = np.isnan(bars.volume)
    arrays = [
        pa.array(bars.ts).cast(schemas.TIMESTAMP),
        *(pa.array(prices) for prices in (bars.open, bars.high, bars.low, bars.close)),
        pa.array(bars.volume, mask=unknown) if unknown.any() else pa.array(bars.volume),
        pa.array(bars.trades, mask=bars.trades < 0),
        pa.array(bars.filled),
    ]
    return pa.Table.from_arrays(arrays, schema=schemas.BAR)
