"""Sorted runs on disk, and one exact, stable merge of them in bounded memory.

Rows are ordered by (ts_event, sequence, file order), a missing sequence first. A run is an Arrow file of small record
batches, each of one instrument; runs are numbered in file order, so that equal keys keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from datasets.quality.strips import Strip

BATCH_ROWS = 16_384
FAN_IN = 48
_FIRST = int(np.iinfo(np.int64).min)


def keys(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return (ts_event, sequence) as int64; a kind without sequence has zeros."""
    ts = table.column("ts_event").cast(pa.int64()).to_numpy()
    if "sequence" not in table.schema.names:
        return ts, np.zeros(len(ts), np.int64)
    sequence = table.column("sequence")
    if sequence.null_count == len(sequence):
        return ts, np.full(len(ts), _FIRST)
    return ts, sequence.fill_null(_FIRST).to_numpy() if sequence.null_count else sequence.to_numpy()


def in_order(ts: np.ndarray, sequence: np.ndarray) -> bool:
    """Tell whether keys never decrease."""
    step = ts[1:] - ts[:-1]
    if (step < 0).any():
        return False
    return not ((step == 0) & (sequence[1:] < sequence[:-1])).any()


def ordered(table: pa.Table) -> pa.Table:
    """Return the table in canonical order, equal keys as they stood."""
    ts, sequence = keys(table)
    if in_order(ts, sequence):
        return table
    return table.take(pa.array(np.lexsort((sequence, ts))))


def keys_of(strip: Strip) -> tuple[np.ndarray, np.ndarray | None]:
    """Return (ts_event, sequence) of a strip as int64; None for a sequence that no row has."""
    sequence = strip.columns.get("sequence")
    if sequence is None:
        return strip.ts, None
    return strip.ts, np.where(strip.valid["sequence"], sequence, _FIRST) if "sequence" in strip.valid else sequence


def end_of(ts: np.ndarray, sequence: np.ndarray | None, at: int) -> tuple[int, int]:
    """Return the key of one row."""
    return int(ts[at]), _FIRST if sequence is None else int(sequence[at])


def arranged(ts: np.ndarray, sequence: np.ndarray | None) -> np.ndarray | None:
    """Return the canonical order of rows by their keys, equal keys as they stood; None when it stands in it."""
    back = (ts[1:] < ts[:-1]).any()
    if sequence is None:
        return np.argsort(ts, kind="stable") if back else None
    if not back and (not (sequence[1:] < sequence[:-1]).any() or in_order(ts, sequence)):
        return None
    return np.lexsort((sequence, ts))


def by_code(codes: np.ndarray) -> np.ndarray:
    """Return the stable order of small numbers; those of sixteen bits numpy sorts by radix, ten times as fast."""
    narrow = codes.astype(np.uint16) if len(codes) and codes.max() <= np.iinfo(np.uint16).max else codes
    return np.argsort(narrow, kind="stable")


class Run:
    """One sorted run: `batches[code]` numbers the record batches of an instrument."""

    def __init__(self, path: Path, schema: pa.Schema):
        self.path, self.batches = path, dict[int, list[int]]()
        self._count = 0
        self._writer: pa.ipc.RecordBatchFileWriter | None = pa.ipc.new_file(str(path), schema)
        self._reader: pa.ipc.RecordBatchFileReader | None = None

    def add(self, code: int, table: pa.Table) -> None:
        """Append rows of an instrument; those of one instrument come in order."""
        assert self._writer is not None
        for batch in table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS):
            self._writer.write_batch(batch)
            self.batches.setdefault(code, []).append(self._count)
            self._count += 1

    def close(self) -> None:
        """Finish writing."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def read(self, code: int) -> Iterator[pa.Table]:
        """Yield the rows of an instrument."""
        if self._reader is None:
            self._reader = pa.ipc.open_file(pa.OSFile(str(self.path)))
        for number in self.batches.get(code, ()):
            yield pa.Table.from_batches([self._reader.get_batch(number)])

    def remove(self) -> None:
        """Delete the file."""
        self._reader = None
        self.path.unlink()


class Runs:
    """Collects rows of many instruments into runs; refuses nothing, holds at most `buffer_rows` in memory."""

    def __init__(self, folder: Path, buffer_rows: int):
        self.folder, self.buffer_rows = folder, buffer_rows
        self.held: list[tuple[pa.Table, np.ndarray]] = []
        self.held_rows = 0
        self.runs: list[Run] = []
        self._made = 0

    def add(self, table: pa.Table, codes: np.ndarray) -> None:
        """Take rows in file order; `codes` tell their instruments."""
        self.held.append((table, codes))
        self.held_rows += len(codes)
        if self.held_rows >= self.buffer_rows:
            self.flush()

    def flush(self) -> None:
        """Sort what is held into a run."""
        if not self.held_rows:
            return
        table = pa.concat_tables([part for part, _ in self.held]).combine_chunks()
        codes = np.concatenate([part for _, part in self.held])
        self.held, self.held_rows = [], 0
        order = by_code(codes)
        codes = codes[order]
        starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
        ends = np.append(starts[1:], len(codes))
        run = self._new(table.schema)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            # most files are in time order, and so is then each instrument: nothing is left to be sorted
            run.add(int(codes[start]), ordered(table.take(pa.array(order[start:end]))))
        run.close()
        self.runs.append(run)

    def settle(self) -> None:
        """Sort the rest, and merge neighbouring runs until few enough are left to be read at once."""
        self.flush()
        while len(self.runs) > FAN_IN:
            group, self.runs = self.runs[:FAN_IN], self.runs[FAN_IN:]
            schema = next(group[0].read(next(iter(group[0].batches)))).schema
            merged = self._new(schema)
            for code in sorted(set().union(*(run.batches for run in group))):
                for table in merge([run.read(code) for run in group]):
                    merged.add(code, table)
            merged.close()
            for run in group:
                run.remove()
            self.runs.insert(0, merged)

    def read(self, code: int, before: Iterable[pa.Table] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of an instrument in canonical order; `before` are rows that precede all runs in the file."""
        sources = [iter(before)] if before is not None else []
        return merge(sources + [run.read(code) for run in self.runs if code in run.batches])

    def remove(self) -> None:
        """Delete the runs."""
        for run in self.runs:
            run.remove()
        self.runs = []

    def _new(self, schema: pa.Schema) -> Run:
        self._made += 1
        return Run(self.folder / f"run-{self._made:06d}.arrow", schema)


class _Source:
    """A sorted stream and the part of it that is loaded."""

    def __init__(self, tables: Iterator[pa.Table]):
        self._tables = tables
        self.table: pa.Table | None = None
        self.load()

    def load(self) -> None:
        self.table = next((table for table in self._tables if table.num_rows), None)
        if self.table is not None:
            self.ts, self.sequence = keys(self.table)

    @property
    def last(self) -> tuple[int, int]:
        return int(self.ts[-1]), int(self.sequence[-1])

    def cut(self, key: tuple[int, int], *, through: bool) -> pa.Table:
        """Take the rows before a key, or through it."""
        assert self.table is not None
        low, high = np.searchsorted(self.ts, key[0], side="left"), np.searchsorted(self.ts, key[0], side="right")
        at = int(low + np.searchsorted(self.sequence[low:high], key[1], side="right" if through else "left"))
        taken, self.table = self.table.slice(0, at), self.table.slice(at)
        self.ts, self.sequence = self.ts[at:], self.sequence[at:]
        if not self.table.num_rows:
            self.load()
        return taken


def merge(streams: list[Iterator[pa.Table]]) -> Iterator[pa.Table]:
    """Yield the rows of sorted streams in order; of equal keys, those of an earlier stream come first."""
    sources = [source for source in map(_Source, streams) if source.table is not None]
    while len(sources) > 1:
        # Every loaded row up to the least of the last keys is safe to hand on. Of the rows that equal it, only those of
        # streams up to the one it belongs to: a later part of that stream may hold more of them.
        lasts = [source.last for source in sources]
        bound = min(lasts)
        owner = lasts.index(bound)
        parts = [source.cut(bound, through=number <= owner) for number, source in enumerate(sources)]
        yield ordered(pa.concat_tables(parts).combine_chunks())
        sources = [source for source in sources if source.table is not None]
    while sources and sources[0].table is not None:
        yield sources[0].table
        sources[0].load()
