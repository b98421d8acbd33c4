"""Reads JSON lines, and JSON whose records stand in arrays, into RawBatches.

Records are objects (columns by name, `a.b` for one inside another) or arrays (columns by number). In JSON lines a line
that is no JSON is rejected by number; elsewhere broken JSON ends the reading, for what follows cannot be told apart. A
record in which a name stands twice is rejected: nobody can say which value is meant.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.formats import blocks, targets
from datasets.formats.batches import VALUE_CHARS, Reject
from datasets.formats.errors import ColumnMissing, RecordsElsewhere, RecordsNotFound
from datasets.formats.jsonkeys import Repeated, checked, names
from datasets.formats.jsonscan import Record, Scanner
from datasets.formats.mapper import RawBatch

# The column whose value is the key under which a record's array stands: {"AAPL": [...]}.
KEY = "@key"
BATCH_ROWS = 16_384
_ABSENT = object()


def read_lines(pieces: Iterable[bytes], plan: dict[str, Any], block_bytes: int) -> Iterator[RawBatch]:
    """Yield one RawBatch per block of lines."""
    columns = _Columns(plan)
    at = 0
    for block in blocks.cut(pieces, None, block_bytes):
        starts, numbers = blocks.begins(block, None)
        ends = np.append(starts[1:], len(block.data))
        lines = [block.data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        values, good, rejects = _parse_lines(lines, numbers, at)
        row = np.arange(at, at + len(lines), dtype=np.int64)
        at += len(lines)
        yield columns.batch([((), value) for value in values], row[good], numbers[good], rejects)


def read_arrays(pieces: Iterable[bytes], plan: dict[str, Any]) -> Iterator[RawBatch]:
    """Yield RawBatches of the records of every array the plan's `recordsPath` names (None: the first that has any)."""
    columns = _Columns(plan)
    wanted = plan.get("recordsPath")
    place: tuple[str, ...] | None = tuple(wanted) if wanted is not None else None
    held: list[tuple[tuple[str, ...], Any]] = []
    lines: list[int] = []
    at = 0
    form: Any = None
    for record in Scanner(pieces).records():
        if place is None and isinstance(record.value, (dict, list, Repeated)):
            place = record.path
        if place is None or not _is_under(record.path, place):
            if form is not None and shape(record.value) == form:
                raise _elsewhere(record, place)
            continue
        form = shape(record.value) if form is None else form
        held.append((record.path, record.value))
        lines.append(record.line)
        if len(held) == BATCH_ROWS:
            yield columns.batch(held, np.arange(at, at + len(held)), np.array(lines, dtype=np.int64), [])
            at += len(held)
            held, lines = [], []
    if held:
        yield columns.batch(held, np.arange(at, at + len(held)), np.array(lines, dtype=np.int64), [])
    elif at == 0:
        where = "/".join(place) if place else "any array"
        raise RecordsNotFound(f"There are no records in {where}.", {"recordsPath": list(place or ())})


def shape(value: Any) -> Any:
    """Return what tells records of one kind from others: the names of an object, the length of an array, or None."""
    return frozenset(value) if isinstance(value, dict) else len(value) if isinstance(value, list) else None


def flatten(value: Any) -> dict[str, Any]:
    """Return a record's columns by name; what is inside objects as `outer.inner`, an array's elements as 0, 1, 2."""
    if isinstance(value, list):
        return {str(number): each for number, each in enumerate(value)}
    flat: dict[str, Any] = {}
    for name, each in value.items():
        if isinstance(each, dict):
            flat |= {f"{name}.{inner}": deep for inner, deep in each.items()}
        else:
            flat[name] = each
    return flat


class _Columns:
    """Takes the mapped columns out of records."""

    def __init__(self, plan: dict[str, Any]):
        self._wanted = targets.columns_of(plan)
        self._seen: set[str] = set()
        self._checked = False

    def batch(
        self,
        records: list[tuple[tuple[str, ...], Any]],
        row: np.ndarray,
        line: np.ndarray,
        rejects: list[Reject],
    ) -> RawBatch:
        kept = [at for at, (_, value) in enumerate(records) if isinstance(value, (dict, list))]
        if len(kept) < len(records):
            strange = sorted(set(range(len(records))) - set(kept))
            rejects = [*rejects, *(_strange(row[at], line[at], records[at][1]) for at in strange)]
            records, row, line = [records[at] for at in kept], row[kept], line[kept]
        columns = {target: _column(records, column) for target, column in self._wanted.items()}
        if records and not self._checked:
            self._check(columns, records)
        arrays = {target: _array(values) for target, values in columns.items()}
        return RawBatch(arrays, row, line, rejects)

    def _check(self, columns: dict[str, list[Any]], records: list[tuple[tuple[str, ...], Any]]) -> None:
        """Raise ColumnMissing when a mapped column is in no record of the first batch."""
        self._checked = True
        for target, values in columns.items():
            if all(value is _ABSENT for value in values):
                names = list(flatten(records[0][1]))
                column = self._wanted[target]
                details = {"column": column, "columns": names[:200]}
                raise ColumnMissing(f"The records have no column {str(column)[:80]!r}.", details)


def _column(records: list[tuple[tuple[str, ...], Any]], column: str | int) -> list[Any]:
    if column == KEY:
        return [path[-1] if path else None for path, _ in records]
    number = int(column) if isinstance(column, int) or column.isdigit() else None
    name, outer, inner = str(column), *str(column).partition(".")[::2]
    found = []
    for _, value in records:
        if isinstance(value, list):
            found.append(value[number] if number is not None and number < len(value) else _ABSENT)
        elif name in value:
            found.append(value[name])
        else:
            deep = value.get(outer) if inner else None
            found.append(deep.get(inner, _ABSENT) if isinstance(deep, dict) else _ABSENT)
    return found


def _array(values: list[Any]) -> pa.Array:
    """Return an Arrow array of the values' own type; of mixed or nested ones their text, numbers to the last digit."""
    values = [None if value is _ABSENT else value for value in values]
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if kinds <= {str} or kinds <= {bool}:
        return pa.array(values)
    if kinds == {int}:
        try:
            return pa.array(values, pa.int64())
        except (OverflowError, pa.ArrowInvalid):
            return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _parse_lines(lines: list[bytes], numbers: np.ndarray, row: int) -> tuple[list[Any], np.ndarray, list[Reject]]:
    good = np.ones(len(lines), dtype=bool)
    if all(line[:1] in b"{[" and line.rstrip()[-1:] in b"}]" for line in lines):
        try:
            # One call for all: the borders are sure, for each line is closed in itself when the counts agree.
            text = b"[" + b",".join(lines) + b"]"
            values = json.loads(text)
            if len(values) == len(lines):
                if text.count(b'":') != names(values):
                    values = [checked(line, value) for line, value in zip(lines, values, strict=True)]
                return values, good, []
        except (ValueError, RecursionError):
            values = []
    values, rejects = [], []
    for at, line in enumerate(lines):
        try:
            values.append(checked(line, json.loads(line)))
        except (ValueError, RecursionError):
            good[at] = False
            rejects.append(_reject(row + at, numbers[at], line.decode("utf-8", "replace").strip(), "JSON_INVALID"))
    return values, good, rejects


def _strange(row: Any, line: Any, value: Any) -> Reject:
    if isinstance(value, Repeated):
        return Reject(int(row), int(line), str(value)[:VALUE_CHARS], "stands twice in the record", "NAME_REPEATED")
    return _reject(row, line, value, "NOT_A_RECORD")


def _reject(row: Any, line: Any, value: Any, reason: str) -> Reject:
    return Reject(int(row), int(line), None, str(value)[:VALUE_CHARS], reason)


def _elsewhere(record: Record, place: tuple[str, ...] | None) -> RecordsElsewhere:
    where, other = ("/".join(path)[:80] or "the outermost array" for path in (place or (), record.path))
    return RecordsElsewhere(
        f"Records like those in {where} stand in {other} too, from line {record.line} on.",
        {"line": record.line, "recordsPath": list(place or ()), "other": list(record.path)},
    )


def _is_under(path: tuple[str, ...], place: tuple[str, ...]) -> bool:
    return len(path) == len(place) and all(want in ("*", have) for want, have in zip(place, path, strict=True))
