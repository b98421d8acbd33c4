"""Canonical Arrow schemas, one Parquet file per instrument, and the writer settings that are part of the format.

Times are UTC nanoseconds, prices and sizes float64, sides int8 (1 buy, -1 sell, by the taker). Rows stand in order of
(ts_event, sequence, file order). `FORMAT` changes whenever a setting here changes the bytes that are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from datasets.market.kinds import BARS, COLUMNS, QUOTES, SYMBOL, TRADES
from datasets.market.tables import Table

FORMAT = "1"
TIMESTAMP = pa.timestamp("ns", tz="UTC")
SYMBOL_TYPE = pa.dictionary(pa.int32(), pa.string())

_TYPES: dict[str, pa.DataType] = {
    "ts_event": TIMESTAMP,
    "sequence": pa.int64(),
    "trades": pa.int64(),
    "side": pa.int8(),
    "trade_id": pa.string(),
    "filled": pa.bool_(),
}
_NOT_NULL = {"ts_event", "filled"}
_ARROW: dict[str, pa.DataType] = {
    "timestamp[ns, UTC]": TIMESTAMP,
    "float64": pa.float64(),
    "int64": pa.int64(),
    "int8": pa.int8(),
    "string": pa.string(),
    "bool": pa.bool_(),
}


def _schema(kind: str) -> pa.Schema:
    return pa.schema(
        pa.field(name, _TYPES.get(name, pa.float64()), nullable=name not in _NOT_NULL) for name in COLUMNS[kind]
    )


SCHEMAS: dict[str, pa.Schema] = {kind: _schema(kind) for kind in (TRADES, QUOTES, BARS)}
TRADE, QUOTE, BAR = SCHEMAS[TRADES], SCHEMAS[QUOTES], SCHEMAS[BARS]

# Rows of one row group: small enough to hold many instruments open, large enough for the decoder.
ROW_GROUP_ROWS = {TRADES: 131_072, QUOTES: 131_072, BARS: 10_080}

WRITER: dict[str, Any] = {
    "version": "2.6",
    "data_page_version": "1.0",
    "compression": "lz4",
    "write_statistics": True,
    # Arrow's own schema blob would change with pyarrow; the Parquet types alone carry everything.
    "store_schema": False,
    "dictionary_pagesize_limit": 1 << 20,
    "data_page_size": 1 << 20,
    "write_batch_size": 1024,
}


def mapped(kind: str) -> pa.Schema:
    """Return the schema of rows still in file order: the canonical columns of `kind` plus `symbol`."""
    return SCHEMAS[kind].append(pa.field(SYMBOL, SYMBOL_TYPE))


@dataclass(frozen=True)
class Form:
    """What a file's rows look like and how many stand in one row group."""

    schema: pa.Schema
    group_rows: int


def form(kind: str) -> Form:
    """Return the form of a version's canonical files of `kind`; KeyError for another word."""
    return Form(SCHEMAS[kind], ROW_GROUP_ROWS[kind])


def table_form(table: Table) -> Form:
    """Return the form of a lake table's segments."""
    fields = [pa.field(each.name, _ARROW[each.dtype], nullable=each.nullable) for each in table.columns]
    return Form(pa.schema(fields), table.group_rows)


def writer_options(schema: pa.Schema) -> dict[str, Any]:
    """Return the keyword arguments of `pyarrow.parquet.ParquetWriter`: delta integers, dictionary floats."""
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    integers = [field.name for field in schema if pa.types.is_integer(field.type) or pa.types.is_timestamp(field.type)]
    encodings = dict.fromkeys(integers, "DELTA_BINARY_PACKED")
    return {**WRITER, "use_dictionary": floats, "column_encoding": encodings}


def metadata(kind: str, instrument: str, venue: str = "", interval: str = "") -> dict[str, str]:
    """Return the key-value metadata every canonical file carries; `interval` only for bars."""
    pairs = {
        "nexus.format": FORMAT,
        "nexus.kind": kind,
        "nexus.instrument": instrument,
        "nexus.venue": venue,
        "nexus.ts": "ns UTC open" if kind == BARS else "ns UTC",
    }
    return {**pairs, "nexus.interval": interval} if interval else pairs
