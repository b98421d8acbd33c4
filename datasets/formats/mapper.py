"""Makes a MappedBatch of what a reader found: converts each mapped column, keeps the good rows, rejects the others.

A record is rejected as a whole when any of its mapped cells is wrong, with one Reject for each wrong cell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.formats import cells, targets
from datasets.formats.batches import VALUE_CHARS, MappedBatch, Reject
from datasets.formats.errors import TimestampUnitsMixed
from datasets.formats.instants import Clock, Times
from datasets.formats.values import in_python
from datasets.market import schemas
from datasets.market.kinds import REQUIRED, SYMBOL, TRADES

# What the name of an instrument may have at most; a longer cell is another column's text, or an attack.
SYMBOL_CHARS = 128


@dataclass(slots=True)
class RawBatch:
    """Records as read: one array of any type per mapped target, record numbers, text lines, and what was no record."""

    columns: dict[str, pa.Array]
    row: np.ndarray
    line: np.ndarray | None = None
    rejects: list[Reject] = field(default_factory=list)
    bytes_read: int = 0


class Mapper:
    """Converts the batches of one file, in order; remembers the epoch unit and whether trade ids are integers."""

    def __init__(self, plan: dict[str, Any]):
        self._kind = plan["kind"]
        self._schema = schemas.mapped(self._kind)
        self._decimal = plan.get("decimal") or "."
        self._symbol = plan.get("symbol") or ""
        self._maker = plan.get("sideRule") == "maker"
        self._names = {target: str(column) for target, column in targets.columns_of(plan).items()}
        self._clock = Clock(plan)
        self._integer_ids: bool | None = plan.get("integerIds")
        self._side_words, self._symbol_words = cells.Memo(), cells.Memo()

    def map(self, raw: RawBatch) -> MappedBatch:
        """Convert one batch."""
        faults: dict[str, tuple[np.ndarray, dict[int, str] | str]] = {}
        columns = self._columns(raw, faults)
        bad = np.zeros(len(raw.row), dtype=bool)
        for marked, _ in faults.values():
            bad |= marked
        table = pa.Table.from_arrays([columns[name] for name in self._schema.names], names=self._schema.names)
        row, line, rejects = raw.row, raw.line, raw.rejects
        if bad.any():
            good = ~bad
            rejects = sorted([*rejects, *self._rejects(raw, faults)], key=lambda each: each.row)
            table = table.filter(pa.array(good))
            row, line = row[good], line[good] if line is not None else None
        return MappedBatch(table.cast(self._schema), row, line, rejects, raw.bytes_read)

    def _columns(self, raw: RawBatch, faults: dict[str, Any]) -> dict[str, pa.Array]:
        rows = len(raw.row)
        found: dict[str, pa.Array] = {}
        for name in self._schema.names:
            source = self._source(name, raw)
            if name == targets.TIME:
                times = self._times(raw)
                found[name] = pa.array(times.ns).cast(schemas.TIMESTAMP)
                if times.reasons:
                    faults[name] = (_marks(times.reasons, rows), times.reasons)
            elif name == SYMBOL:
                found[name] = self._symbols(raw, faults)
            elif name == "filled":
                found[name] = pa.repeat(pa.scalar(False), rows)
            elif source is None:
                found[name] = pa.nulls(rows, self._schema.field(name).type)
            else:
                found[name] = self._cells(name, source, raw.columns[source], faults)
        return found

    def _times(self, raw: RawBatch) -> Times:
        try:
            return self._clock.convert(_moments(raw.columns), raw.row)
        except TimestampUnitsMixed as mixed:
            for each in mixed.details["rows"]:
                each["line"] = None if raw.line is None else int(raw.line[np.searchsorted(raw.row, each["row"])])
            first = mixed.details["rows"][0]
            raise TimestampUnitsMixed(
                mixed.message, {**mixed.details, "row": first["row"], "line": first["line"]}
            ) from mixed

    def _source(self, name: str, raw: RawBatch) -> str | None:
        if name == "side" and "side" not in raw.columns and targets.MAKER in raw.columns:
            return targets.MAKER
        if self._kind == TRADES and name in ("sequence", "trade_id") and "trade_id" in raw.columns:
            if self._integer_ids is None:
                self._integer_ids = _are_integers(raw.columns["trade_id"])
            if name == "trade_id":
                return None if self._integer_ids and "sequence" not in raw.columns else "trade_id"
            if "sequence" not in raw.columns:
                return "trade_id" if self._integer_ids else None
        return name if name in raw.columns else None

    def _cells(self, name: str, source: str, array: pa.Array, faults: dict[str, Any]) -> pa.Array:
        if name == "side":
            if source == targets.MAKER:
                converted, bad = cells.sides_of_maker(array, self._side_words)
            else:
                converted, bad = cells.sides(array, self._maker, self._side_words)
            reason = "SIDE_UNKNOWN"
        elif name in ("sequence", "trades"):
            (converted, bad), reason = cells.integers(array), "INTEGER_INVALID"
        elif name == "trade_id":
            (converted, bad), reason = cells.texts(array), "TEXT_INVALID"
        else:
            (converted, bad), reason = cells.numbers(array, self._decimal), "NUMBER_INVALID"
        reasons = dict.fromkeys(np.flatnonzero(bad).tolist(), reason) if bad is not None else {}
        if name in REQUIRED[self._kind] and converted.null_count:
            empty = ~cells.present(converted) & (True if bad is None else ~bad)
            reasons |= dict.fromkeys(np.flatnonzero(empty).tolist(), "NULL_VALUE")
        if reasons:
            faults[source] = (_marks(reasons, len(array)), _closer(reasons, array))
        return converted

    def _symbols(self, raw: RawBatch, faults: dict[str, Any]) -> pa.Array:
        rows = len(raw.row)
        if SYMBOL not in raw.columns:
            return _constant(self._symbol, rows)
        converted, bad = cells.symbols(raw.columns[SYMBOL], self._symbol_words)
        reasons = dict.fromkeys(np.flatnonzero(bad).tolist(), "TEXT_INVALID") if bad is not None else {}
        long = cells.longer_than(converted, SYMBOL_CHARS)
        if long is not None:
            reasons |= dict.fromkeys(np.flatnonzero(long).tolist(), "SYMBOL_TOO_LONG")
        if converted.null_count:
            empty = np.flatnonzero(~cells.present(converted)).tolist()
            reasons |= dict.fromkeys(empty, "SYMBOL_EMPTY")
        if reasons:
            faults[SYMBOL] = (_marks(reasons, rows), _closer(reasons, raw.columns[SYMBOL]))
        return converted

    def _rejects(self, raw: RawBatch, faults: dict[str, Any]) -> list[Reject]:
        found = []
        for source, (_, reasons) in faults.items():
            array = raw.columns[source]
            for at, reason in reasons.items():
                line = int(raw.line[at]) if raw.line is not None else None
                value = _shown(array[at])
                found.append(Reject(int(raw.row[at]), line, self._names.get(source, source), value, reason))
        return found


def _moments(columns: dict[str, pa.Array]) -> pa.Array:
    if targets.CLOCK not in columns:
        return columns[targets.TIME]
    day, time = (cells.plain(columns[name]).cast(pa.string()) for name in (targets.TIME, targets.CLOCK))
    # A date stands for midnight only where no time of day was to be expected.
    time = pc.if_else(pc.equal(time, ""), None, time)
    return pc.binary_join_element_wise(pc.utf8_trim_whitespace(day), pc.utf8_trim_whitespace(time), " ")


def _are_integers(array: pa.Array) -> bool:
    array = cells.plain(array)
    converted, bad = cells.integers(array)
    return bad is None and converted.null_count < len(converted)


def _closer(reasons: dict[int, str], array: pa.Array) -> dict[int, str]:
    """Say what is wrong more exactly where the text itself shows it: zero bytes, or bytes of another encoding."""
    named = dict(reasons)
    for at in reasons:
        value = in_python(array[at])
        if isinstance(value, str) and "\x00" in value:
            named[at] = "NUL_BYTE"
        elif isinstance(value, str) and "\ufffd" in value:
            named[at] = "ENCODING_INVALID"
    return named


def _marks(reasons: dict[int, str], rows: int) -> np.ndarray:
    marked = np.zeros(rows, dtype=bool)
    marked[list(reasons)] = True
    return marked


def _constant(symbol: str, rows: int) -> pa.Array:
    indices = pa.array(np.zeros(rows, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([symbol], pa.string())).cast(schemas.SYMBOL_TYPE)


def _shown(value: pa.Scalar) -> str:
    python = in_python(value)
    return "" if python is None else str(python)[:VALUE_CHARS]


def empty(kind: str) -> MappedBatch:
    """Return a batch of no rows."""
    return MappedBatch(schemas.mapped(kind).empty_table(), np.empty(0, dtype=np.int64))
