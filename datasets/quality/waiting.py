"""Rows that wait: until there are enough of an instrument to be looked at, and then for their row group to be full.

Many instruments wait at once. What they hold in memory together is bounded: beyond it, what waits for its row group
goes to one scratch file, which is gone with the process.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.quality.strips import ROW, Column, Strip, joined

LOOK_ROWS = 16_384  # rows of an instrument that are looked at together
FILLING_ROWS = 1 << 21  # of all instruments that wait for others to be looked at with
HELD_BYTES = 128 << 20  # of all row groups that are not full
_LEAST_ROWS = 256
_TEXT = pa.schema([("text", pa.string())])


class Room:
    """What the instruments of one scan share: the bytes they hold, and the scratch file for the others."""

    def __init__(self, folder: Path):
        self.held = 0
        self.look_rows = LOOK_ROWS  # of an instrument, together: fewer when there are many of them
        path = folder / "scratch.bin"
        self._file = path.open("w+b", buffering=0)
        path.unlink()
        self._end = 0

    def enter(self, instruments: int) -> None:
        """Make room for so many instruments."""
        self.look_rows = max(min(LOOK_ROWS, FILLING_ROWS // instruments), min(LOOK_ROWS, _LEAST_ROWS))

    def put(self, data: np.ndarray | pa.Buffer) -> int:
        """Write to the scratch file; return where."""
        offset, left = self._end, _bytes(data)
        while left:
            written = os.pwrite(self._file.fileno(), left, self._end)
            self._end, left = self._end + written, left[written:]
        return offset

    def get(self, offset: int, kind: Any, count: int) -> np.ndarray:
        """Read `count` values back."""
        found = np.empty(count, kind)
        left = _bytes(found)
        while left:
            read = os.preadv(self._file.fileno(), [left], offset)
            if not read:
                raise EOFError("the scratch file is shorter than what was written to it")
            offset, left = offset + read, left[read:]
        return found

    def close(self) -> None:
        """Let the scratch file go."""
        self._file.close()


class Filling:
    """Gathers rows of an instrument, by copy: what they are cut from need not stay in memory."""

    def __init__(self) -> None:
        self.rows = 0
        self._room = 0
        self._columns: dict[str, Any] = {}
        self._valid: dict[str, np.ndarray] = {}

    def add(self, strip: Strip, start: int, end: int, most: int) -> None:
        """Copy rows of a strip in; about `most` are expected in all."""
        until = self.rows + end - start
        if until > self._room:
            # the last step at once: each one copies what is there
            wanted = most if until * 16 >= most else 4 * max(until, 64)
            self._grow(max(until, wanted))
        for name, column in strip.columns.items():
            own = self._columns.get(name)
            if isinstance(column, np.ndarray):
                if own is None:
                    own = self._columns[name] = np.empty(self._room, column.dtype)
                    if self.rows:
                        self._valid[name] = np.zeros(self._room, bool)
                own[self.rows : until] = column[start:end]
                if name in strip.valid or name in self._valid:
                    self._note(name, strip.valid[name][start:end] if name in strip.valid else True, until)
            elif column is None and isinstance(own, np.ndarray):
                self._note(name, False, until)
            elif column is None and own is not None:
                own.append(pa.nulls(end - start, pa.string()))
            elif column is not None:
                self._text(name).append(column.slice(start, end - start))
        self.rows = until

    def _note(self, name: str, valid: np.ndarray | bool, until: int) -> None:
        if name not in self._valid:
            self._valid[name] = np.ones(self._room, bool)
        self._valid[name][self.rows : until] = valid

    def _text(self, name: str) -> list[pa.Array]:
        if self._columns.get(name) is None:
            self._columns[name] = [pa.nulls(self.rows, pa.string())]
        return self._columns[name]

    def _grow(self, room: int) -> None:
        for held in (self._columns, self._valid):
            for name, column in held.items():
                if isinstance(column, np.ndarray):
                    held[name] = np.empty(room, column.dtype)
                    held[name][: self.rows] = column[: self.rows]
        self._room = room

    def settle(self) -> None:
        """Copy text too, of which until now only a view is held."""
        for column in self._columns.values():
            if isinstance(column, list):
                column[:] = [_copied(column)]

    def out(self, names: list[str]) -> Strip:
        """Return what was gathered, in the order of `names`, and begin anew."""
        rows, tight = self.rows, self._room <= self.rows * 5 // 4
        columns: dict[str, Column] = {}
        for name in names:
            own = self._columns.get(name)
            if isinstance(own, np.ndarray):
                columns[name] = own[:rows] if tight else own[:rows].copy()
            else:
                columns[name] = None if own is None else _copied(own)
        valid = {name: marks[:rows] if tight else marks[:rows].copy() for name, marks in self._valid.items()}
        self.__init__()  # type: ignore[misc]
        return Strip(columns, valid, rows)


def _bytes(data: Any) -> memoryview:
    return memoryview(data).cast("B")


def _copied(parts: list[pa.Array]) -> pa.Array:
    return pa.concat_arrays([*parts, pa.nulls(0, pa.string())])


class _Spilled:
    """A strip in the scratch file."""

    def __init__(self, strip: Strip, room: Room):
        self.rows, self._room = strip.rows, room
        self._columns = {name: self._put(column) for name, column in strip.columns.items()}
        self._valid = {name: self._put(marks) for name, marks in strip.valid.items()}

    def _put(self, column: Column) -> tuple[int, Any, int] | None:
        if column is None:
            return None
        if isinstance(column, np.ndarray):
            return self._room.put(np.ascontiguousarray(column)), column.dtype, len(column)
        data = pa.record_batch([column], schema=_TEXT).serialize()
        return self._room.put(data), None, data.size

    def _get(self, place: tuple[int, Any, int] | None) -> Column:
        if place is None:
            return None
        offset, kind, count = place
        if kind is not None:
            return self._room.get(offset, kind, count)
        return pa.ipc.read_record_batch(pa.py_buffer(self._room.get(offset, np.uint8, count)), _TEXT).column(0)

    def load(self) -> Strip:
        columns = {name: self._get(place) for name, place in self._columns.items()}
        return Strip(columns, {name: self._get(place) for name, place in self._valid.items()}, self.rows)


class Pending:
    """Rows of an instrument that wait for others, in memory or in the scratch file."""

    def __init__(self, room: Room):
        self.rows = 0
        self._room = room
        self._parts: list[Strip | _Spilled] = []

    def add(self, strip: Strip) -> None:
        """Take rows; a strip must own what it holds."""
        self._parts.append(strip)
        self.rows += strip.rows
        self._room.held += strip.size_bytes
        if self._room.held > HELD_BYTES:
            self._spill()

    def _spill(self) -> None:
        for at, part in enumerate(self._parts):
            if isinstance(part, Strip):
                self._room.held -= part.size_bytes
                self._parts[at] = _Spilled(part, self._room)

    def out(self) -> Strip:
        """Return all rows, and begin anew."""
        self._room.held -= sum(part.size_bytes for part in self._parts if isinstance(part, Strip))
        whole = joined([part if isinstance(part, Strip) else part.load() for part in self._parts])
        self._parts, self.rows = [], 0
        return whole


class Numbers:
    """The record numbers of rows that were written: a range where they follow each other, else in the scratch file."""

    def __init__(self, room: Room):
        self.first: int | None = None
        self._room = room
        self._starts: list[int] = []
        self._extents: list[tuple[int, int | None]] = []  # first number, place in the scratch file
        self._rows = 0

    def add(self, row: np.ndarray) -> None:
        """Take the numbers of the next rows."""
        if self.first is None:
            self.first = int(row[0])
        follows = int(row[-1]) - int(row[0]) == len(row) - 1 and bool((row[1:] > row[:-1]).all())
        self._starts.append(self._rows)
        self._extents.append((int(row[0]), None if follows else self._room.put(np.ascontiguousarray(row))))
        self._rows += len(row)

    def between(self, start: int, end: int) -> np.ndarray:
        """Return the numbers of the rows from `start` to before `end`, counted from the first written."""
        return np.concatenate(list(self._between(start, end)))

    def _between(self, start: int, end: int) -> Iterator[np.ndarray]:
        at = bisect_right(self._starts, start) - 1
        while start < end:
            border = self._starts[at + 1] if at + 1 < len(self._starts) else self._rows
            until = min(end, border)
            first, place = self._extents[at]
            skipped = start - self._starts[at]
            if place is None:
                yield np.arange(first + skipped, first + skipped + until - start)
            else:
                yield self._room.get(place + 8 * skipped, np.int64, until - start)
            start, at = until, at + 1


def without_numbers(strip: Strip) -> Strip:
    """Return a strip without its record numbers."""
    columns = {name: column for name, column in strip.columns.items() if name != ROW}
    return Strip(columns, strip.valid, strip.rows)
