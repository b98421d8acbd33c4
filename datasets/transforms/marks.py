"""Which rows of a source a step drops, where that takes more than the row itself: duplicates and a check's offenders.

Rows are named by their number in the source, which neither earlier steps nor the cutting into batches change.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.quality import identity

BUCKETS = 64
HELD_ENTRIES = 2_000_000  # keys in memory before they are put on disk
_ENTRY = np.dtype([("one", np.uint64), ("two", np.uint64), ("at", np.int64)])
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB), np.uint64(0x9E3779B97F4A7C15))


class Marks:
    """A set of row numbers, one byte a row up to the highest."""

    def __init__(self) -> None:
        self._flags = np.zeros(0, bool)

    def add(self, rows: np.ndarray) -> None:
        """Mark rows."""
        if not len(rows):
            return
        if (most := int(rows.max())) >= len(self._flags):
            self._flags = np.concatenate((self._flags, np.zeros(most + 1 - len(self._flags), bool)))
        self._flags[rows] = True

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Tell which of the rows are marked."""
        found = np.zeros(len(rows), bool)
        known = rows < len(self._flags)
        found[known] = self._flags[rows[known]]
        return found


class Duplicates:
    """Takes the keys of all rows, whatever their order, and tells which rows have the key of another one.

    A key is weighed as two 64-bit numbers; two different ones agree in both with a probability below 1e-30. What does
    not fit into memory is put on disk, apart by key.
    """

    def __init__(self, by: list[str], keep: str, folder: Path):
        self.by, self.keep, self.folder = by, keep, folder
        self._held: list[np.ndarray] = []
        self._entries = 0
        self._spilled = False

    def push(self, table: pa.Table, symbols: pa.Array, rows: np.ndarray) -> None:
        """Take rows; one that has nothing in any column of the key is nobody's duplicate."""
        known = np.zeros(len(rows), bool)
        pairs = [identity.numbers_of(symbols)]
        for name in self.by:
            valid, pair = _numbers(table.column(name).combine_chunks())
            known |= valid
            pairs += [(valid.astype(np.uint64), np.zeros(len(rows), np.uint64)), pair]
        entries = np.empty(int(known.sum()), _ENTRY)
        entries["one"], entries["two"] = (each[known] for each in _mixed(pairs))
        entries["at"] = rows[known]
        self._held.append(entries)
        self._entries += len(entries)
        if self._entries >= HELD_ENTRIES:
            self._spill()

    def marks(self) -> Marks:
        """Return the rows to drop."""
        found = Marks()
        if not self._spilled:
            found.add(self._later(np.concatenate(self._held)) if self._held else np.empty(0, np.int64))
            return found
        self._spill()
        for path in map(self._path, range(BUCKETS)):
            found.add(self._later(np.fromfile(path, _ENTRY)))
            path.unlink()
        return found

    def _later(self, entries: np.ndarray) -> np.ndarray:
        at = entries["at"] if self.keep == "first" else -entries["at"]
        order = np.lexsort((at, entries["two"], entries["one"]))
        one, two, at = (entries[name][order] for name in ("one", "two", "at"))
        return at[1:][(one[1:] == one[:-1]) & (two[1:] == two[:-1])]

    def _spill(self) -> None:
        entries = np.concatenate(self._held) if self._held else np.empty(0, _ENTRY)
        self._held, self._entries, self._spilled = [], 0, True
        places = entries["one"] >> np.uint64(58)
        for number in range(BUCKETS):
            with self._path(number).open("ab") as file:
                entries[places == number].tofile(file)

    def _path(self, number: int) -> Path:
        return self.folder / f"keys-{number:02d}.bin"


def _numbers(column: pa.Array) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return (there is a value, a pair of numbers that stands for it); NaN is none."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_string(column.type):
        return valid, identity.numbers_of(column.fill_null(""))
    if pa.types.is_floating(column.type):
        values = np.ascontiguousarray(column.fill_null(0.0).to_numpy(zero_copy_only=False)) + 0.0  # -0.0 is 0.0
        return valid, (values.view(np.uint64), np.zeros(len(values), np.uint64))
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    whole = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return valid, (whole.view(np.uint64), np.zeros(len(whole), np.uint64))


def _mixed(pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    one = np.full(len(pairs[0][0]), 1, np.uint64)
    two = np.full(len(pairs[0][0]), 2, np.uint64)
    for left, right in pairs:
        one = _stirred(_stirred(one ^ left) + right)
        two = _stirred(_stirred(two + left * _MIX[2]) ^ right)
    return one, two


def _stirred(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint64(30))) * _MIX[0]
    values = (values ^ (values >> np.uint64(27))) * _MIX[1]
    return values ^ (values >> np.uint64(31))
