"""What a child does for a bundle: write segments anew without the sessions that are held back, and the ledger.

Params and answers are plain JSON; paths in them lie in the child's folder. The same input gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.engine import canonical
from datasets.market import partitions, schemas, tables

LINES = 50_000
_TIME = pa.timestamp("us", "UTC")
LEDGER = pa.schema(
    [
        pa.field("table", pa.string(), nullable=False),
        pa.field("instrument", pa.string(), nullable=False),
        pa.field("session", pa.date32(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # as it was judged
        pa.field("verdict", pa.string(), nullable=False),  # a reviewer's while it holds, else the status
        pa.field("code", pa.string(), nullable=False),
        pa.field("codes", pa.string(), nullable=False),  # all that apply, joined by |
        pa.field("exported", pa.bool_(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("expected", pa.int64()),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("vendor", pa.string()),
        pa.field("fetched_at", _TIME),
        pa.field("notes", pa.string()),
        pa.field("override_status", pa.string()),
        pa.field("override_reason", pa.string()),
        pa.field("override_until", _TIME),
    ]
)


def cut(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Write each segment without its held days -> {files: [{path, rows, sizeBytes, sha256}]}, in order.

    params: works [{path, table, calendar, held}], out_dir. `path` is missing where no row is left.
    """
    folder = Path(params["out_dir"])
    made = []
    for number, work in enumerate(params["works"]):
        made.append(_cut(folder / f"{number:05d}.parquet", work))
        emit({"phase": "cut", "done": number + 1, "total": len(params["works"]), "unit": "files"})
    return {"files": made}


def _cut(target: Path, work: dict[str, Any]) -> dict[str, Any]:
    table, held = tables.find(work["table"]), np.array(work["held"], dtype=np.int64)
    with pq.ParquetFile(work["path"]) as reader:
        told = {key.decode(): value.decode() for key, value in (reader.metadata.metadata or {}).items()}
        told = {key: value for key, value in told.items() if key.startswith("nexus.")}
        ns = reader.read(["ts_event"]).column("ts_event").cast(pa.int64()).to_numpy()
        if np.isin(partitions.session_days(table, work["calendar"], ns), held).any():
            told.pop("nexus.content", None)  # that of the whole segment
        form = schemas.Form(reader.schema_arrow.remove_metadata(), table.group_rows)
        writer = canonical.CanonicalWriter(target, form, told)
        for number in range(reader.num_row_groups):
            rows = reader.read_row_group(number)
            ns = rows.column("ts_event").cast(pa.int64()).to_numpy()
            days = partitions.session_days(table, work["calendar"], ns)
            writer.write(rows.filter(pa.array(~np.isin(days, held))))
        written = writer.close()
    if not written.rows:
        target.unlink()
        return {"rows": 0, "sizeBytes": 0, "sha256": ""}
    return {"path": str(target), "rows": written.rows, "sizeBytes": written.size_bytes, "sha256": written.sha256}


def ledger(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Write the ledger's JSON lines as Parquet -> {path, rows}. params: lines, out_dir."""
    target, count = Path(params["out_dir"]) / "partition_status.parquet", 0
    with pq.ParquetWriter(target, LEDGER, version="2.6", compression="zstd") as writer:
        for batch in _batches(Path(params["lines"])):
            writer.write_table(batch)
            count += batch.num_rows
            emit({"phase": "ledger", "done": count, "unit": "sessions"})
    return {"path": str(target), "rows": count}


def _batches(lines: Path) -> Iterator[pa.Table]:
    held: list[dict[str, Any]] = []
    with lines.open(encoding="utf-8") as source:
        for line in source:
            held.append(_typed(json.loads(line)))
            if len(held) == LINES:
                yield pa.Table.from_pylist(held, schema=LEDGER)
                held = []
    if held:
        yield pa.Table.from_pylist(held, schema=LEDGER)


def _typed(row: dict[str, Any]) -> dict[str, Any]:
    row["session"] = date.fromisoformat(row["session"])
    for name in ("fetched_at", "override_until"):
        row[name] = row[name] and datetime.fromisoformat(row[name])
    return row
