"""What a child does for a materialised snapshot: one Parquet file an entry, exactly the range [pure].

The files are for readers that know nothing of the lake: `timestamp` is int64 nanoseconds UTC (bars: their open), then
the table's other columns under their own names; Parquet, snappy. Equal segments give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.market import schemas, tables
from datasets.market.tables import Table

TIME = "timestamp"


def single(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Write each work's rows of [startNs, endNs) -> {files: [{path, rows, firstNs, lastNs}]} in the order of `works`.

    params: works [{table, instrument, inputs}], startNs, endNs, out_dir. Zero rows is an answer, not an error.
    """
    folder, start, end = Path(params["out_dir"]), params["startNs"], params["endNs"]
    files = []
    for number, work in enumerate(params["works"]):
        table = tables.find(work["table"])
        files.append(_write(folder / f"{number:05d}.parquet", table, work, start, end))
        emit({"phase": "writing", "done": number + 1})
    return {"files": files}


def _write(path: Path, table: Table, work: dict[str, Any], start: int, end: int) -> dict[str, Any]:
    schema = _schema(table, work["instrument"])
    rows, first, last = 0, None, None
    with pq.ParquetWriter(path, schema, compression="snappy", version="2.6") as writer:
        for group in _groups(work["inputs"], start, end):
            shaped = _shaped(group, schema)
            # One chunk a group, so that how the source was cut into pages does not show.
            writer.write_table(shaped.combine_chunks(), row_group_size=table.group_rows)
            times = shaped.column(TIME)
            first = times[0].as_py() if first is None else first
            last, rows = times[-1].as_py(), rows + shaped.num_rows
    return {"path": str(path), "rows": rows, "firstNs": first, "lastNs": last}


def _schema(table: Table, instrument: str) -> pa.Schema:
    fields = list(schemas.table_form(table).schema)
    told = {
        "nexus.table": table.name,
        "nexus.instrument": instrument,
        "nexus.ts": "ns UTC open" if table.family == tables.BARS else "ns UTC",
        **({"nexus.interval": table.interval} if table.interval else {}),
    }
    return pa.schema([pa.field(TIME, pa.int64(), nullable=False), *fields[1:]], metadata=told)


def _groups(paths: list[str], start: int, end: int) -> Iterator[pa.Table]:
    for path in paths:
        with pq.ParquetFile(path) as reader:
            for number in range(reader.num_row_groups):
                rows = reader.read_row_group(number)
                times = rows.column("ts_event").cast(pa.int64()).to_numpy()
                low, high = times.searchsorted(start, side="left"), times.searchsorted(end, side="left")
                if low < high:
                    yield rows.slice(low, high - low)


def _shaped(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [rows.column("ts_event").cast(pa.int64())]
    for field in list(schema)[1:]:
        there = field.name in rows.column_names
        columns.append(rows.column(field.name).cast(field.type) if there else pa.nulls(rows.num_rows, field.type))
    return pa.table(columns, schema=schema)
