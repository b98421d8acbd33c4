"""Strips: rows as plain columns of numpy, so that splitting, gathering and checking them copies no more than it must.

A column is an array, None where every row of it is null, or an Arrow array where it is text. `valid` has a bool a row
for the columns that are null in some rows; what stands there in the column itself means nothing.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

ROW = "row"
Column: TypeAlias = Any  # np.ndarray, pa.Array or None


class Strip:
    """Consecutive rows of the canonical columns of a kind and of `row`, their numbers in the file; ts_event is ns."""

    __slots__ = ("columns", "rows", "valid")

    def __init__(self, columns: dict[str, Column], valid: dict[str, np.ndarray], rows: int):
        self.columns, self.valid, self.rows = columns, valid, rows

    @property
    def ts(self) -> np.ndarray:
        """Return the times, ns UTC."""
        return self.columns["ts_event"]

    @property
    def row(self) -> np.ndarray:
        """Return the record numbers."""
        return self.columns[ROW]

    @property
    def size_bytes(self) -> int:
        """Return what the columns hold in memory."""
        held = [*self.columns.values(), *self.valid.values()]
        return sum(column.nbytes for column in held if column is not None)

    def null_count(self, name: str) -> int:
        """Return how many rows of a column are null."""
        column = self.columns[name]
        if column is None:
            return self.rows
        if isinstance(column, pa.Array):
            return column.null_count
        return self.rows - int(np.count_nonzero(self.valid[name])) if name in self.valid else 0

    def floats(self, name: str) -> np.ndarray:
        """Return a column of numbers as float64, NaN where it is null."""
        column = self.columns[name]
        if column is None:
            return np.full(self.rows, np.nan)
        values = column.astype(np.float64, copy=False)
        return np.where(self.valid[name], values, np.nan) if name in self.valid else values

    def slice(self, start: int, end: int) -> Strip:
        """Return the rows from `start` to before `end`, as views."""
        if start == 0 and end == self.rows:
            return self
        columns = {name: _part(column, start, end) for name, column in self.columns.items()}
        return Strip(columns, {name: valid[start:end] for name, valid in self.valid.items()}, end - start)

    def take(self, order: np.ndarray) -> Strip:
        """Return copies of the rows that `order` names by place or marks by True."""
        if order.dtype == bool:
            order = np.flatnonzero(order)
        columns: dict[str, Column] = {}
        for name, column in self.columns.items():
            if column is None or isinstance(column, np.ndarray):
                columns[name] = None if column is None else column.take(order)
            else:
                columns[name] = column.take(pa.array(order))
        return Strip(columns, {name: valid.take(order) for name, valid in self.valid.items()}, len(order))

    def table(self, schema: pa.Schema) -> pa.Table:
        """Return the columns of a schema as an Arrow table; views where Arrow allows."""
        return pa.Table.from_arrays([self._arrow(field.name, field.type) for field in schema], schema=schema)

    def _arrow(self, name: str, kind: pa.DataType) -> pa.Array:
        column = self.columns[name]
        if column is None:
            return pa.nulls(self.rows, kind)
        if isinstance(column, pa.Array):
            return column
        array = pa.array(column, mask=~self.valid[name] if name in self.valid else None)
        return array.view(kind) if pa.types.is_timestamp(kind) else array


def of(table: pa.Table) -> Strip:
    """Return the rows of a table of canonical columns and `row`; views where Arrow allows."""
    columns: dict[str, Column] = {}
    valid: dict[str, np.ndarray] = {}
    for name, chunks in zip(table.schema.names, table.columns, strict=True):
        array = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
        if isinstance(array, pa.ChunkedArray):  # of no rows
            array = pa.array([], chunks.type)
        nulls = array.null_count
        if nulls and nulls == len(array):
            columns[name] = None
        elif pa.types.is_string(array.type):
            columns[name] = array
        else:
            if nulls:
                valid[name] = array.is_valid().to_numpy(zero_copy_only=False)
                array = array.fill_null(False if pa.types.is_boolean(array.type) else 0)
            array = array.view(pa.int64()) if pa.types.is_timestamp(array.type) else array
            columns[name] = array.to_numpy(zero_copy_only=False)
    return Strip(columns, valid, table.num_rows)


def joined(parts: list[Strip]) -> Strip:
    """Return strips one after another; a copy unless it is one."""
    if len(parts) == 1:
        return parts[0]
    columns: dict[str, Column] = {}
    valid: dict[str, np.ndarray] = {}
    for name in parts[0].columns:
        pieces = [part.columns[name] for part in parts]
        if all(piece is None for piece in pieces):
            columns[name] = None
        elif any(isinstance(piece, pa.Array) for piece in pieces):
            columns[name] = pa.concat_arrays([part._arrow(name, pa.string()) for part in parts])
        else:
            kind = next(piece.dtype for piece in pieces if piece is not None)
            columns[name] = np.concatenate([_filled(part, name, kind) for part in parts])
            if any(part.columns[name] is None or name in part.valid for part in parts):
                valid[name] = np.concatenate([_known(part, name) for part in parts])
    return Strip(columns, valid, sum(part.rows for part in parts))


def copied(strip: Strip) -> Strip:
    """Return a strip that shares no memory with what it was cut from."""
    columns: dict[str, Column] = {}
    for name, column in strip.columns.items():
        if isinstance(column, pa.Array):
            columns[name] = pa.concat_arrays([column, column.slice(0, 0)])
        else:
            columns[name] = None if column is None else column.copy()
    return Strip(columns, {name: valid.copy() for name, valid in strip.valid.items()}, strip.rows)


def _part(column: Column, start: int, end: int) -> Column:
    if column is None or isinstance(column, np.ndarray):
        return None if column is None else column[start:end]
    return column.slice(start, end - start)


def _filled(part: Strip, name: str, kind: np.dtype) -> np.ndarray:
    column = part.columns[name]
    return np.zeros(part.rows, kind) if column is None else column


def _known(part: Strip, name: str) -> np.ndarray:
    if part.columns[name] is None:
        return np.zeros(part.rows, bool)
    return part.valid[name] if name in part.valid else np.ones(part.rows, bool)
