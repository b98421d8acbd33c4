"""Candles: trades, quotes or finer bars of each instrument -> bars of a frequency, one canonical file an instrument.

Runs in a capped child. A part of one row group is in memory at a time. Anything coarser than a minute goes by way of
one-minute bars, always: sums of doubles differ in the last bit by path, and one path gives one answer. The policy that
comes back states every choice and count, so that the bars can be made again from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.engine import canonical
from datasets.market import intervals, kinds, schemas, sessions
from datasets.market.intervals import MINUTE, Interval
from datasets.quality.progress import Progress
from datasets.transforms import columns, grid, registry
from datasets.transforms.resample import Bars, Filler, Reducer, Ticks, join
from tradenexus.errors import Unprocessable

BATCH_ROWS = 131072
TABLE_ROWS = 8_192  # bars written at once
ORDER = "ts_event, then sequence (trade or update id), then file order"
FILTERS = {
    kinds.TRADES: "every accepted trade with a price and a positive or unknown size",
    kinds.QUOTES: "every accepted uncrossed quote; it stands until the next, and a bar opens at the standing one",
    kinds.BARS: "every accepted bar with all four prices; one that reaches over a border is refused",
}


class NothingToConvert(Unprocessable):
    """No row of this version is usable for bars: `details` counts what was left out and why."""

    code = "DATASET_TRANSFORM_EMPTY"


def build(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Write bars of every input to `out_dir` -> {files, rows, policy}.

    params: inputs [{instrument, venue, path, rows, interval?}], kind, frequency, price, emptyBars, session, out_dir.
    Refuses with FrequencyUnsupported, PriceUnsupported, BadRequest, SessionUnknown, BarsCrossBorder, TooManyBars,
    NothingToConvert.
    """
    inputs, kind = params["inputs"], params["kind"]
    asked = _checked(inputs, kind, params)
    progress = Progress(emit, "candles", sum(int(each.get("rows") or 0) for each in inputs), "rows")
    counts: Counter[str] = Counter()
    excluded: Counter[str] = Counter()
    files = []
    for number, each in enumerate(inputs):
        path = Path(params["out_dir"]) / f"{number:05d}.parquet"
        one = _Instrument(each, kind, asked, counts, excluded)
        written = one.write(path, lambda: progress.report(counts["read"]))
        if written.rows:
            files.append(_file(each, written, asked["frequency"]))
        else:
            path.unlink()
    progress.report(counts["read"], last=True)
    if not files:
        raise NothingToConvert("no row of this version is usable for bars", {"excluded": dict(excluded), **counts})
    rows = sum(file["rows"] for file in files)
    return {"files": files, "rows": rows, "policy": _policy(kind, asked, counts, excluded, rows)}


def _checked(inputs: list[dict[str, Any]], kind: str, params: dict[str, Any]) -> dict[str, Any]:
    asked = registry.check_candles(kind, _interval(inputs[0]) if inputs else None, params)
    for each in inputs[1:] if kind == kinds.BARS else []:
        registry.check_candles(kind, _interval(each), params)
    return asked


def _interval(each: dict[str, Any]) -> str | None:
    if each.get("interval"):
        return str(each["interval"])
    metadata = pq.read_metadata(each["path"]).metadata or {}
    return metadata.get(b"nexus.interval", b"").decode() or None


class _Instrument:
    """The chain of one instrument: source -> (1m) -> target -> empty bars -> file."""

    def __init__(self, each: dict, kind: str, asked: dict, counts: Counter[str], excluded: Counter[str]):
        self.each, self.counts, self.excluded = each, counts, excluded
        self.parquet = pq.ParquetFile(each["path"], pre_buffer=False)
        target = intervals.parse(asked["frequency"])
        span = _span(self.parquet) if asked["session"] else (0, 0)  # the days of no session need no span
        finer = intervals.parse(_interval(each) or "") if kind == kinds.BARS else None
        session = None if finer and _is_dated(finer, span[0], asked["session"]) else asked["session"]
        days = grid.days(session, *_whole_buckets(target, *span))
        minute = intervals.parse("1m")
        self.grids = [grid.Grid(target, days)]
        if kind != kinds.BARS and through_minutes(target) and _on_minutes(days):
            self.grids.insert(0, grid.Grid(minute))
        self.reducers = [Reducer(each_grid.label) for each_grid in self.grids]
        if kind == kinds.BARS:
            self.reducers[-1].full_rows = _rows_of_full_bar(_interval(each), target, self.grids[-1])
        hours = days if session and not sessions.is_zone(session) else None
        self.source = columns.source(kind, asked["price"], hours, self.grids[0], finer, str(each["instrument"]))
        self.filler = Filler(self.grids[-1]) if asked["emptyBars"] == "fill" else None
        self.metadata = schemas.metadata(kinds.BARS, each["instrument"], each.get("venue") or "", target.text)

    def write(self, path: Path, report: Callable[[], None]) -> canonical.Written:
        with canonical.writer(path, kinds.BARS, self.metadata) as writer:
            for bars in _gathered(self._filled(self._reduced(report))):
                writer.write(columns.bar_table(bars))
            written = writer.close()
        self.counts["instruments"] += 1
        self.excluded.update(self.source.excluded)
        self.counts["filled"] += self.filler.filled if self.filler else 0
        self.counts["incomplete"] += self.reducers[-1].short
        return written

    def _rows(self, report: Callable[[], None]) -> Iterator[Bars | Ticks]:
        for batch in self.parquet.iter_batches(BATCH_ROWS, columns=list(self.source.columns), use_threads=False):
            self.counts["read"] += batch.num_rows
            rows = self.source.push(batch)
            yield rows
            report()
        rest = self.source.finish()
        if rest is not None:
            yield rest

    def _reduced(self, report: Callable[[], None]) -> Iterator[Bars]:
        first, *others = self.reducers
        stream = _gather(self._rows(report), first)
        for reducer in others:
            stream = _gather(stream, reducer)
        return stream

    def _filled(self, stream: Iterator[Bars]) -> Iterator[Bars]:
        if self.filler is None:
            yield from stream
            return
        for bars in stream:
            yield from self.filler.push(bars)
        last = self.filler.finish()
        if last is not None:
            yield last


def _gathered(stream: Iterator[Bars]) -> Iterator[Bars]:
    # a table costs the same for one bar as for some thousands
    held: list[Bars] = []
    for bars in stream:
        held.append(bars)
        if sum(map(len, held)) >= TABLE_ROWS:
            yield join(held)
            held = []
    if held:
        yield join(held)


def _gather(stream: Iterator[Bars | Ticks], reducer: Reducer) -> Iterator[Bars]:
    for rows in stream:
        done = reducer.push(rows)
        if done is not None:
            yield done
    last = reducer.finish()
    if last is not None:
        yield last


def _is_dated(finer: Interval, first: int, session: str | None) -> bool:
    # Bars of a day or longer carry a date already: the hours of a calendar say nothing about them, and a zone only
    # where they are stamped with its midnight instead of a plain date.
    daily = finer.duration_ns is None or finer.duration_ns >= intervals.DAY
    return daily and not (session and sessions.is_zone(session) and first % intervals.DAY)


def through_minutes(target: Interval) -> bool:
    """Tell whether bars of this interval are made by way of one-minute bars: every one coarser that minutes divide."""
    return target.text != "1m" and intervals.parse("1m").divides(target)


def _on_minutes(days: grid.Days | None) -> bool:
    return days is None or not ((days.opens % MINUTE).any() or (days.closes % MINUTE).any())


def _rows_of_full_bar(interval: str | None, target: Interval, target_grid: grid.Grid) -> int | None:
    finer = intervals.parse(interval or "1m")
    if target_grid.days is not None or target.duration_ns is None or finer.duration_ns is None:
        return None
    return target.duration_ns // finer.duration_ns


def _span(parquet: pq.ParquetFile) -> tuple[int, int]:
    groups = parquet.num_row_groups
    if not groups or not parquet.metadata.num_rows:
        return 0, 0
    ends = [parquet.read_row_group(number, columns=["ts_event"]).column(0) for number in (0, groups - 1)]
    first, last = (end.cast(pa.int64()) for end in ends)
    return first[0].as_py(), last[-1].as_py()


def _whole_buckets(target: Interval, first: int, last: int) -> tuple[int, int]:
    # A bar of several days is named by its bucket's first day, wherever in it the data begins.
    return target.floor(first - intervals.DAY), last


def _file(each: dict[str, Any], written: canonical.Written, frequency: str) -> dict[str, Any]:
    return {
        "instrument": each["instrument"],
        "venue": each.get("venue") or "",
        "path": written.path,
        "rows": written.rows,
        "sizeBytes": written.size_bytes,
        "sha256": written.sha256,
        "t0Ns": written.t0_ns,
        "t1Ns": written.t1_ns,
        "interval": frequency,
    }


def _policy(kind: str, asked: dict, counts: Counter[str], excluded: Counter[str], rows: int) -> dict[str, Any]:
    target = intervals.parse(asked["frequency"])
    stages = [kind, "1m", target.text] if kind != kinds.BARS and through_minutes(target) else [kind, target.text]
    return {
        **asked,
        "source": kind,
        "tradeFilter": FILTERS[kind],
        "order": ORDER,
        "ties": "open is the first and close the last row in that order",
        "path": " -> ".join(stages),
        "stamp": "open time; a day of a calendar is stamped 00:00 UTC of its session date",
        "anchor": "1970-01-01T00:00Z; weeks from Monday; calendar months",
        "volume": "added strictly in row order" if kind != kinds.QUOTES else "unknown: quotes are not traded",
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "counts": {
            "instruments": counts["instruments"],
            "read": counts["read"],
            "used": counts["read"] - sum(excluded.values()),
            "excluded": dict(sorted(excluded.items())),
            "bars": rows,
            "filled": counts["filled"],
            "incomplete": counts["incomplete"],
        },
    }
