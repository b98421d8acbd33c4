"""What differs between two revisions of an entry, row by row, as a child does it: only files that are not the same.

Rows of a table with a key are matched by it. Ticks have none: they are compared as a bag, and a row that occurs once
more is one more. Values are compared bit by bit. Both sides stream in stretches of time, a row group or two at once.
A comparison may be cut between two spans and gone on with elsewhere: what it adds up to is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from datasets.lake import merging
from datasets.lake.deltas import Deltas, bits, identical, ns_of
from datasets.market import schemas, tables
from datasets.market.tables import Table


def compare(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Compare two revisions, or go on with it; a task for a child.

    params: table, calendar, spans ([{a, b}] in order: paths of the two sides, null where one lacks it), edges (ns of
    the first and last rows of the files that both share), shown (rows of each kind that are told), untilNs (null, or
    from where on others go on: all before it is compared then), state (of those who compared what is before; null).
    Returns counts, sessions, columns, distributions, rows, columnsOf, rowsRead, untilNs and, when there is more to
    compare, state. ArrowInvalid and OSError for files that cannot be read.
    """
    table, before, until = tables.find(params["table"]), params["state"] or {}, params["untilNs"]
    found = Deltas(table, params["calendar"], params["edges"], params["shown"], before.get("deltas"))
    read, held = before.get("rowsRead", 0), {name: set(before.get("columnsOf", {}).get(name, ())) for name in "ab"}
    for span in params["spans"]:
        found.begin()
        for a, b in _windows(*(_Side(table, span[name], held[name]) for name in ("a", "b"))):
            found.add(a, b, *(_matched(table, a, b) if table.key else bag(table, a, b)))
            read += a.num_rows + b.num_rows
            emit({"phase": "comparing", "done": read, "unit": "rows"})
    told = {"rowsRead": read, "untilNs": until, "columnsOf": {name: sorted(names) for name, names in held.items()}}
    if until is not None:
        told["state"] = {"deltas": found.state(), **{name: told[name] for name in ("rowsRead", "columnsOf")}}
    return {**found.told(until), **told}


class _Side:
    """The rows of one file in order, as many as are wanted at a time."""

    def __init__(self, table: Table, path: str | None, names: set[str]):
        self._groups = _groups(table, path, names)
        self.rows = schemas.table_form(table).schema.empty_table()
        self.done = path is None

    def fill(self) -> None:
        """Take the next row group to what is at hand; `done` when there is none."""
        following = next(self._groups, None)
        if following is None:
            self.done = True
        else:
            self.rows = pa.concat_tables([self.rows, following]).combine_chunks()

    @property
    def last_ns(self) -> int:
        """The time of the last row at hand."""
        return int(ns_of(self.rows.slice(self.rows.num_rows - 1))[0])

    def take(self, limit: int | None) -> pa.Table:
        """Return the rows at hand before `limit` (ns), all without one, and keep the others."""
        count = self.rows.num_rows if limit is None else int(ns_of(self.rows).searchsorted(limit, side="left"))
        taken, self.rows = self.rows.slice(0, count), self.rows.slice(count)
        return taken


def _groups(table: Table, path: str | None, names: set[str]) -> Iterator[pa.Table]:
    if path is None:
        return
    schema = schemas.table_form(table).schema
    with parquet.ParquetFile(path) as reader:
        held = [name for name in schema.names if name in reader.schema_arrow.names]
        names.update(held)
        for number in range(reader.num_row_groups):
            rows = reader.read_row_group(number, columns=held)
            arrays = [
                rows.column(field.name).cast(field.type) if field.name in held else pa.nulls(len(rows), field.type)
                for field in schema
            ]
            yield pa.table(arrays, schema=schema)


def _windows(a: _Side, b: _Side) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield the rows of the same stretch of time from both sides.

    A stretch ends before the last instant of a row group: rows of that instant may go on in the next one.
    """
    while True:
        for side in (a, b):
            while not side.rows.num_rows and not side.done:
                side.fill()
        if not a.rows.num_rows and not b.rows.num_rows:
            return
        open_ends = [side.last_ns for side in (a, b) if not side.done]
        limit = min(open_ends) if open_ends else None
        taken = [side.take(limit) for side in (a, b)]
        if taken[0].num_rows or taken[1].num_rows:
            yield taken[0], taken[1]
            continue
        for side in (a, b):
            if not side.done and side.last_ns == limit:
                side.fill()


@dataclass(frozen=True)
class Matches:
    """Positions in a stretch: rows of `a` and `b` under one key with other values, and those of one side only."""

    changed_a: np.ndarray
    changed_b: np.ndarray
    removed: np.ndarray
    added: np.ndarray


def _matched(table: Table, a: pa.Table, b: pa.Table) -> tuple[Matches, np.ndarray]:
    at_a, at_b = merging.shared(table, a, b)
    same = np.ones(len(at_a), dtype=bool)
    for name in table.names:
        if name not in table.key:
            left, right = (side.column(name).combine_chunks().take(pa.array(at))
                           for side, at in ((a, at_a), (b, at_b)))  # fmt: skip
            same &= identical(left, right)
    removed = np.setdiff1d(np.arange(a.num_rows), at_a)
    added = np.setdiff1d(np.arange(b.num_rows), at_b)
    order = np.argsort(at_b[~same], kind="stable")
    return Matches(at_a[~same][order], at_b[~same][order], removed, added), np.empty(0, dtype=np.int64)


def bag(table: Table, a: pa.Table, b: pa.Table) -> tuple[Matches, np.ndarray]:
    """Compare rows without a key: what occurs more often on one side; and where `b` has the others in another order."""
    none = np.empty(0, dtype=np.int64)
    equal = _prefix(table, a, b)
    if equal == a.num_rows == b.num_rows:
        return Matches(none, none, none, none), none
    a, b = a.slice(equal), b.slice(equal)
    codes = _codes(pa.concat_tables([a, b]))
    left, right = codes[: a.num_rows], codes[a.num_rows :]
    kinds = codes.max(initial=-1) + 1
    both = np.minimum(np.bincount(left, minlength=kinds), np.bincount(right, minlength=kinds))
    extra_a, extra_b = _occurrence(left) >= both[left], _occurrence(right) >= both[right]
    kept_a, kept_b = np.flatnonzero(~extra_a), np.flatnonzero(~extra_b)
    moved = kept_b[left[kept_a] != right[kept_b]]
    return Matches(none, none, np.flatnonzero(extra_a) + equal, np.flatnonzero(extra_b) + equal), moved + equal


def _prefix(table: Table, a: pa.Table, b: pa.Table) -> int:
    """Return how many rows from the first on are the same on both sides, one by one."""
    count = min(a.num_rows, b.num_rows)
    same = np.ones(count, dtype=bool)
    for name in table.names:
        same &= identical(*(side.column(name).slice(0, count).combine_chunks() for side in (a, b)))
    return count if same.all() else int(np.argmin(same))


def _codes(rows: pa.Table) -> np.ndarray:
    """Return a number a row, the same for rows that are the same in all columns."""
    codes = np.zeros(rows.num_rows, dtype=np.int64)
    for name in rows.column_names:
        column = rows.column(name).combine_chunks()
        valid = column.is_valid().to_numpy(zero_copy_only=False).astype(np.int64)
        for part in (bits(column), valid):
            if len(part) and (part != part[0]).any():
                # both are below the number of rows, so that one number holds the pair
                kinds, values = (np.unique(each, return_inverse=True)[1].astype(np.int64) for each in (codes, part))
                codes = kinds * (int(values.max()) + 1) + values
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _occurrence(codes: np.ndarray) -> np.ndarray:
    """Return how many equal codes stand before each."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(codes) else np.empty(0, dtype=np.int64)
    out = np.empty(len(codes), dtype=np.int64)
    out[order] = np.arange(len(codes)) - np.repeat(starts, np.diff(np.r_[starts, len(codes)]))
    return out
