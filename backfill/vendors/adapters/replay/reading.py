"""Reads a file of the replay vendor: bytes to rows in a lake table's columns, in the file's order, values as they are.

For children: it brings pyarrow.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, feather, parquet

from backfill.vendors.adapters.replay.manifest import Source
from backfill.vendors.errors import Malformed
from datasets.market import intervals, schemas, tables

_SCALE = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_NS = pa.timestamp("ns", tz="UTC")


def rows(source: Source, path: str, instrument: str) -> pa.Table:
    """Return an instrument's rows of a file in the columns that the manifest maps; Malformed."""
    try:
        raw = _raw(source, path)
        if source.by:
            wanted = [value for value, name in source.names.items() if name == instrument]
            raw = raw.filter(pc.is_in(raw.column(source.by).cast(pa.string()), value_set=pa.array(wanted)))
        return _mapped(source, raw)
    except (pa.ArrowException, KeyError, OSError, EOFError, ValueError) as fault:
        words = f"a file of {source.table} cannot be read as its manifest says: {str(fault)[:300]}"
        raise Malformed(words, {"files": list(source.files[:5]), "format": source.format}) from fault


def cut(source: Source, found: pa.Table, start: int | None, end: int) -> Iterator[tuple[int, int, pa.Table]]:
    """Yield (start, end, rows) of what a file has in the range, if anything; a bar is covered until it closes."""
    ns = found.column("ts_event").cast(pa.int64()).to_numpy()
    inside = (ns < end) & (ns >= start if start is not None else np.True_)
    if not inside.any():
        return
    interval = tables.find(source.table).interval
    length = (intervals.parse(interval).duration_ns or 1) if interval else 1
    yield int(ns[inside].min()), min(int(ns[inside].max()) + length, end), found.filter(pa.array(inside))


def _raw(source: Source, path: str) -> pa.Table:
    kind, _, packed = source.format.partition(".")
    if kind == "feather":
        return feather.read_table(path, memory_map=False)
    if kind == "parquet":
        return parquet.read_table(path)
    with gzip.open(path) if packed else open(path, "rb") as stream:
        if kind == "json":
            return _records(source, json.load(stream))
        return _csv(source, stream)


def _csv(source: Source, stream: Any) -> pa.Table:
    # Every column as text first: what is a number is settled by the table, not by how the first rows look.
    options = csv.ReadOptions(column_names=list(source.header) or None)
    wanted = sorted({*source.columns.values(), source.time_column, *([source.by] if source.by else [])})
    return csv.read_csv(
        stream,
        read_options=options,
        convert_options=csv.ConvertOptions(
            include_columns=wanted,
            column_types=dict.fromkeys(wanted, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )


def _records(source: Source, said: Any) -> pa.Table:
    records = said[source.records] if source.records else said
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise ValueError("the file holds no list of records")
    wanted = {*source.columns.values(), source.time_column, *([source.by] if source.by else [])}
    return pa.table({name: pa.array([each[name] for each in records]) for name in sorted(wanted)})


def _mapped(source: Source, raw: pa.Table) -> pa.Table:
    schema = schemas.table_form(tables.find(source.table)).schema
    columns: dict[str, Any] = {"ts_event": _times(source, raw.column(source.time_column))}
    for name, theirs in source.columns.items():
        columns[name] = raw.column(theirs).cast(schema.field(name).type)
    for name, value in source.values.items():
        columns[name] = pa.array([value] * raw.num_rows, schema.field(name).type)
    found = pa.table({field.name: columns[field.name] for field in schema if field.name in columns})
    for name, value in source.unless.items():
        found = found.filter(pc.fill_null(pc.not_equal(found.column(name), value), False))
    return found


def _times(source: Source, column: pa.ChunkedArray) -> pa.ChunkedArray:
    unit = source.time_unit
    if unit in _SCALE:
        return pc.multiply_checked(column.cast(pa.int64()), _SCALE[unit]).cast(_NS)
    if unit == "date":
        return column.cast(pa.date32()).cast(pa.timestamp("ns")).cast(_NS)
    if not pa.types.is_timestamp(column.type):
        text = column.cast(pa.string())
        zoned = pc.all(pc.match_substring_regex(text, r"(Z|[+-]\d{2}:?\d{2})$")).as_py()
        column = text.cast(_NS if zoned else pa.timestamp("ns"))
    if column.type.tz is None:
        column = pc.assume_timezone(column.cast(pa.timestamp("ns")), source.zone)
    return column.cast(_NS)
