"""The form of rows in the lake, and of the files they are written to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from datasets.engine import canonical
from datasets.lake import merging
from datasets.market import schemas, tables
from datasets.market.tables import Table
from tradenexus.errors import BadRequest

FORMAT = "1"


class RowsRefused(BadRequest):
    """The offered rows do not have the table's columns, or are not in its order. `details` names the first fault."""

    code = "LAKE_ROWS_REFUSED"


def between(start_ns: int, end_ns: int) -> list[tuple[str, str, pa.Scalar]]:
    """Return the filter of rows in [start, end)."""
    start, end = (pa.scalar(ns, schemas.TIMESTAMP) for ns in (start_ns, end_ns))
    return [("ts_event", ">=", start), ("ts_event", "<", end)]


def shaped(table: Table, rows: pa.Table) -> pa.Table:
    """Return rows with exactly the table's columns; those that an older version lacked are null. RowsRefused else."""
    schema = schemas.table_form(table).schema
    unknown = sorted(set(rows.column_names) - set(schema.names))
    lacking = [field.name for field in schema if field.name not in rows.column_names and not field.nullable]
    if unknown or lacking:
        words = f"the table {table.name} has other columns"
        raise RowsRefused(words, {"table": table.name, "unknown": unknown, "missing": lacking})
    for field in schema:
        if field.name not in rows.column_names:
            rows = rows.append_column(field.name, pa.nulls(rows.num_rows, field.type))
    try:
        columns = [_typed(rows.column(field.name), field.type) for field in schema]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as fault:
        raise RowsRefused(f"the table {table.name}: {str(fault)[:200]}", {"table": table.name}) from fault
    # Nullability is not enforced here: a null where none may be is a verdict on its session, not a broken call.
    return pa.table(columns, schema=lax(table))


def _typed(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == wanted else column.cast(wanted)


def lax(table: Table) -> pa.Schema:
    """Return the table's schema with nulls allowed everywhere."""
    return pa.schema([pa.field(each.name, each.type) for each in schemas.table_form(table).schema])


def write(path: Path, table: Table, instrument: str, rows: pa.Table, *, refused: bool = False) -> canonical.Written:
    """Write rows as a segment: the same bytes for the same rows of the same instrument and table.

    Refused rows may hold nulls where the table has none.
    """
    form = schemas.Form(lax(table), table.group_rows) if refused else schemas.table_form(table)
    told = {
        "nexus.format": FORMAT,
        "nexus.table": table.name,
        "nexus.schema": str(table.version),
        "nexus.instrument": instrument,
        "nexus.ts": "ns UTC open" if table.family == tables.BARS else "ns UTC",
        # makes the footer this file's own: sizes and statistics of two revisions may be the same
        "nexus.content": merging.digest(rows),
        **({"nexus.interval": table.interval} if table.interval else {}),
    }
    writer = canonical.CanonicalWriter(path, form, told)
    writer.write(rows)
    return writer.close()


def facts(written: canonical.Written) -> dict[str, Any]:
    """Return what the catalog keeps of a written file."""
    return {
        "path": written.path,
        "rows": written.rows,
        "sizeBytes": written.size_bytes,
        "sha256": written.sha256,
        "t0Ns": written.t0_ns,
        "t1Ns": written.t1_ns,
    }
