"""Ids that repeat anywhere in an instrument, found by sorting them; used only when ids do not ascend.

Ids are compared as pairs of 64-bit numbers: integers as they are, texts by two independent multiply-add hashes (two
different texts agree in both with a probability below 1e-30). Large instruments are split by hash into buckets on
disk, so that memory stays flat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BUCKET_ROWS = 2_000_000
MARKS_IN_MEMORY = 32_000_000
_LONGEST = 512
CELLS = 2_000_000  # text bytes weighed at once
_WEIGHTS = np.random.default_rng(20_240_229).integers(0, 1 << 63, (2, _LONGEST + 1)).astype(np.uint64) * 2 + 1
_MIX = np.uint64(0x9E3779B97F4A7C15)
_ENTRY = np.dtype([("one", np.uint64), ("two", np.uint64), ("at", np.int64)])


def repeats(path: Path, column: str, scratch: Path) -> np.ndarray | None:
    """Return which rows of a canonical file repeat the id of an earlier row (a bool a row), None when none does."""
    parquet = pq.ParquetFile(path)
    rows = parquet.metadata.num_rows
    buckets = -(-rows // BUCKET_ROWS)
    if buckets == 1:
        parts = iter([np.concatenate(list(_entries(parquet, column)))])
    else:
        parts = _split(parquet, column, scratch, buckets)
    marks: np.ndarray | None = None
    for entries in parts:
        later = _later(entries)
        if len(later):
            marks = _blank(rows, scratch) if marks is None else marks
            marks[later] = True
    return marks


def _blank(rows: int, scratch: Path) -> np.ndarray:
    if rows <= MARKS_IN_MEMORY:
        return np.zeros(rows, bool)
    path = scratch / "repeats.bin"
    marks = np.memmap(path, bool, "w+", shape=(rows,))
    path.unlink()  # the mapping keeps the bytes until it is let go
    return marks


def _entries(parquet: pq.ParquetFile, column: str) -> Iterator[np.ndarray]:
    at = 0
    for number in range(parquet.num_row_groups):
        ids = parquet.read_row_group(number, columns=[column]).column(0).combine_chunks()
        known = ids.is_valid().to_numpy(zero_copy_only=False)
        entries = np.empty(int(known.sum()), _ENTRY)
        entries["at"] = at + np.flatnonzero(known)
        entries["one"], entries["two"] = numbers_of(ids.drop_null())
        at += len(ids)
        yield entries


def _split(parquet: pq.ParquetFile, column: str, scratch: Path, buckets: int) -> Iterator[np.ndarray]:
    paths = [scratch / f"ids-{number:04d}.bin" for number in range(buckets)]
    for path in paths:
        path.unlink(missing_ok=True)  # of a process that was killed here before us
    for entries in _entries(parquet, column):
        places = (((entries["one"] ^ entries["two"]) * _MIX) >> np.uint64(40)) % np.uint64(buckets)
        for number in range(buckets):
            with paths[number].open("ab") as file:
                entries[places == number].tofile(file)
    for path in paths:
        yield np.fromfile(path, _ENTRY)
        path.unlink()


def _later(entries: np.ndarray) -> np.ndarray:
    order = np.lexsort((entries["at"], entries["two"], entries["one"]))
    one, two, at = (entries[name][order] for name in ("one", "two", "at"))
    return at[1:][(one[1:] == one[:-1]) & (two[1:] == two[:-1])]


def numbers_of(ids: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the pair of numbers that stands for each id, none of them null."""
    if pa.types.is_integer(ids.type):
        one = ids.to_numpy().astype(np.int64).view(np.uint64)
        return one, np.zeros(len(one), np.uint64)
    ids = ids.cast(pa.large_binary())
    offsets = np.frombuffer(ids.buffers()[1], np.int64)[ids.offset : ids.offset + len(ids) + 1]
    data = np.frombuffer(ids.buffers()[2] or b"", np.uint8)
    lengths = offsets[1:] - offsets[:-1]
    sums = np.zeros((2, len(ids)), np.uint64)
    for length in np.unique(lengths[lengths <= _LONGEST]).tolist():
        members = np.flatnonzero(lengths == length)
        rows = max(CELLS // max(length, 1), 1)
        for begin in range(0, len(members), rows):
            part = members[begin : begin + rows]
            texts = data[offsets[part][:, None] + np.arange(length)].astype(np.uint64) + np.uint64(1)
            sums[:, part] = _sums(texts, length)
    for at in np.flatnonzero(lengths > _LONGEST).tolist():
        digest = hashlib.blake2b(ids[at].as_py(), digest_size=16).digest()
        sums[:, at] = np.frombuffer(digest, np.uint64)
    return sums[0], sums[1]


def _sums(texts: np.ndarray, length: int) -> np.ndarray:
    ends = _WEIGHTS[:, _LONGEST] * np.uint64(length)
    return np.stack([(texts * weight[:length]).sum(axis=1, dtype=np.uint64) for weight in _WEIGHTS]) + ends[:, None]
