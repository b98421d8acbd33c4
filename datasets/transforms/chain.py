"""The chain of one instrument: rows -> (1m) -> bars of each frequency -> empty bars -> one canonical file each.

The rows are decoded once, whatever the number of frequencies. All that are coarser than a minute share one root of
one-minute bars, those that are not have a root each; a file is the same whether it was made alone or with others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.engine import canonical
from datasets.market import intervals, kinds, schemas, sessions
from datasets.market.intervals import MINUTE, Interval
from datasets.transforms import columns, grid
from datasets.transforms.resample import Bars, Filler, Reducer, Ticks, join

BATCH_ROWS = 131_072
TABLE_ROWS = 8_192  # bars written at once: a table costs the same for one as for some thousands


class Output:
    """Bars of one frequency on their way into a file; `reducer` gathers what the root sends, None: they are there."""

    def __init__(self, each: dict[str, Any], asked: dict[str, Any], path: Path, bars: grid.Grid):
        self.asked, self.path, self.grid = asked, path, bars
        self.reducer: Reducer | None = None
        self.filler = Filler(bars) if asked["emptyBars"] == "fill" else None
        self.held: list[Bars] = []
        self.held_bars = 0
        metadata = schemas.metadata(kinds.BARS, each["instrument"], each.get("venue") or "", asked["frequency"])
        self.writer = canonical.writer(path, kinds.BARS, metadata)

    @property
    def filled(self) -> int:
        """Tell how many empty bars were filled."""
        return self.filler.filled if self.filler else 0

    def take(self, bars: Bars | None) -> None:
        """Take the next bars of the root."""
        if bars is not None and self.reducer is not None:
            bars = self.reducer.push(bars)
        if bars is not None:
            self._fill(bars)

    def close(self) -> canonical.Written:
        """Write the rest."""
        last = self.reducer.finish() if self.reducer else None
        if last is not None:
            self._fill(last)
        rest = self.filler.finish() if self.filler else None
        if rest is not None:
            self._hold(rest)
        self._write()
        return self.writer.close()

    def _fill(self, bars: Bars) -> None:
        for each in [bars] if self.filler is None else self.filler.push(bars):
            self._hold(each)

    def _hold(self, bars: Bars) -> None:
        self.held.append(bars)
        self.held_bars += len(bars)
        if self.held_bars >= TABLE_ROWS:
            self._write()

    def _write(self) -> None:
        if self.held:
            self.writer.write(columns.bar_table(join(self.held)))
        self.held, self.held_bars = [], 0


class Root:
    """What rows are first made into, and the outputs it goes on to. Roots of trades share one source."""

    def __init__(self, source: columns.Source, reducer: Reducer):
        self.source, self.reducer = source, reducer
        self.outputs: list[Output] = []

    def push(self, rows: Bars | Ticks) -> None:
        """Take the next rows of the source."""
        self._send(self.reducer.push(rows))

    def finish(self) -> None:
        """Send on what was still open."""
        self._send(self.reducer.finish())

    def _send(self, bars: Bars | None) -> None:
        for output in self.outputs:
            output.take(bars)


class Chain:
    """Makes the files of one instrument: iterate over `rows()` to its end, then `close()`."""

    def __init__(self, each: dict[str, Any], kind: str, asked: list[dict[str, Any]], folder: Path, number: int):
        self.each, self.kind = each, kind
        self.parquet = pq.ParquetFile(each["path"], pre_buffer=False)
        self.roots: dict[str, Root] = {}
        self.found: list[tuple[Root, Output]] = []
        session = asked[0]["session"]
        self.span = _span(self.parquet) if session else (0, 0)  # the days of no session need no span
        self.finer = intervals.parse(interval_of(each) or "") if kind == kinds.BARS else None
        if self.finer and _is_dated(self.finer, self.span[0], session):
            session = None
        for one in asked:
            self._add(one, session, folder / f"{number:05d}-{one['frequency']}.parquet")

    def _add(self, asked: dict[str, Any], session: str | None, path: Path) -> None:
        target = intervals.parse(asked["frequency"])
        # A bar of several days is named by its bucket's first day, wherever in it the data begins.
        days = grid.days(session, target.floor(self.span[0] - intervals.DAY), self.span[1])
        output = Output(self.each, asked, path, grid.Grid(target, days))
        through = self.kind != kinds.BARS and through_minutes(target) and _on_minutes(days)
        name = "1m" if through else target.text
        if name not in self.roots:
            hours = days if session and not sessions.is_zone(session) else None
            self.roots[name] = self._root(grid.Grid(intervals.parse("1m")) if through else output.grid, asked, hours)
        root = self.roots[name]
        if through:
            output.reducer = Reducer(output.grid.label)
        elif self.kind == kinds.BARS:
            root.reducer.full_rows = _rows_of_full_bar(interval_of(self.each), target, output.grid)
        root.outputs.append(output)
        self.found.append((root, output))

    def _root(self, bars: grid.Grid, asked: dict[str, Any], hours: grid.Days | None) -> Root:
        instrument = str(self.each["instrument"])
        standing = next(iter(self.roots.values()), None) if self.kind == kinds.TRADES else None
        if standing is not None:  # which trades are left out does not depend on the bars
            return Root(standing.source, Reducer(bars.label))
        source = columns.source(self.kind, asked["price"], hours, bars, self.finer, instrument)
        return Root(source, Reducer(bars.label))

    def rows(self) -> Iterator[int]:
        """Make the bars, yielding the number of rows of each batch that was read."""
        wanted = list(self.found[0][0].source.columns)
        for batch in self.parquet.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
            for source, roots in self._by_source():
                rows = source.push(batch)
                for root in roots:
                    root.push(rows)
            yield batch.num_rows
        for source, roots in self._by_source():
            rest = source.finish()
            for root in roots:
                if rest is not None:
                    root.push(rest)
                root.finish()

    def _by_source(self) -> list[tuple[columns.Source, list[Root]]]:
        roots = list(self.roots.values())
        sources = {id(root.source): root.source for root in roots}
        return [(source, [root for root in roots if root.source is source]) for source in sources.values()]

    def close(self) -> list[canonical.Written]:
        """Finish the files, in the order of what was asked."""
        return [output.close() for _, output in self.found]


def interval_of(each: dict[str, Any]) -> str | None:
    """Return the interval of an input's bars, None when it has none."""
    if each.get("interval"):
        return str(each["interval"])
    metadata = pq.read_metadata(each["path"]).metadata or {}
    return metadata.get(b"nexus.interval", b"").decode() or None


def through_minutes(target: Interval) -> bool:
    """Tell whether bars of this interval are made by way of one-minute bars: every one coarser that minutes divide."""
    return target.text != "1m" and intervals.parse("1m").divides(target)


def _is_dated(finer: Interval, first: int, session: str | None) -> bool:
    # Bars of a day or longer carry a date already: the hours of a calendar say nothing about them, and a zone only
    # where they are stamped with its midnight instead of a plain date.
    daily = finer.duration_ns is None or finer.duration_ns >= intervals.DAY
    return daily and not (session and sessions.is_zone(session) and first % intervals.DAY)


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
