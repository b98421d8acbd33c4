"""A read of an entry as bytes on the way out: Arrow stream, Parquet, CSV, or pages of JSON; memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from datasets.lake import scan
from datasets.lake.adjusting import Adjustment
from datasets.market import tables
from datasets.market.times import time_text
from tradenexus.errors import BadRequest

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
CSV = "text/csv"
JSON = "application/json"
FORMATS = {"arrow": ARROW, "parquet": PARQUET, "csv": CSV, "json": JSON}
SUFFIXES = {ARROW: "arrows", PARQUET: "parquet", CSV: "csv"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def batches(part: scan.Slice, columns: list[str] | None, change: Adjustment | None) -> Iterator[Any]:
    """Yield pyarrow tables of exactly the wanted rows and columns, adjusted."""
    wanted = columns or list(tables.find(part.entry.table).names)
    needed = wanted if change is None or "ts_event" in wanted else ["ts_event", *wanted]
    for rows in scan.tables_of(part, needed):
        yield (change.apply(rows) if change else rows).select(wanted)


def schema_of(part: scan.Slice, columns: list[str] | None) -> Any:
    """Return the Arrow schema of a read, with what it is of in its metadata."""
    import pyarrow as pa

    from datasets.market import schemas

    table = tables.find(part.entry.table)
    whole = schemas.table_form(table).schema
    fields = [whole.field(name).with_nullable(True) for name in columns or table.names]
    told = {"nexus.table": table.name, "nexus.instrument": part.entry.instrument, "nexus.revision": str(part.revision)}
    return pa.schema(fields, metadata=told)


def stream(media: str, part: scan.Slice, columns: list[str] | None, change: Adjustment | None) -> Iterator[bytes]:
    """Yield a read as bytes of ARROW, PARQUET or CSV."""
    return {ARROW: _arrow, PARQUET: _parquet, CSV: _csv}[media](part, columns, change)


def page(
    part: scan.Slice, columns: list[str] | None, change: Adjustment | None, skip: int, limit: int
) -> tuple[list[list[Any]], tuple[int, int] | None]:
    """Return up to `limit` rows after the first `skip`, and where the next page begins: (its time, rows to skip)."""
    wanted = columns or list(tables.find(part.entry.table).names)
    needed = ["ts_event", *[name for name in wanted if name != "ts_event"]]
    rows: list[list[Any]] = []
    times: list[int] = []
    for table in batches(part, needed, change):
        if skip >= table.num_rows:
            skip -= table.num_rows
            continue
        table, skip = table.slice(skip, limit + 1 - len(rows)), 0
        times += table.column("ts_event").cast("int64").to_pylist()
        rows += _shown(table.select(wanted))
        if len(rows) > limit:
            at = times[limit]
            # rows of the same instant that are on this page already
            return rows[:limit], (at, sum(1 for each in times[:limit] if each == at))
    return rows, None


def _shown(table: Any) -> list[list[Any]]:
    columns = []
    for name in table.column_names:
        if name == "ts_event":
            columns.append([time_text(ns) for ns in table.column(name).cast("int64").to_pylist()])
        else:
            columns.append(table.column(name).to_pylist())
    return [list(row) for row in zip(*columns, strict=True)]


class _Pipe:
    """A file that a writer writes to and a generator empties."""

    closed = False

    def __init__(self) -> None:
        self.held: list[bytes] = []

    def write(self, data: Any) -> int:
        self.held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: what was written is taken as it is."""

    def close(self) -> None:
        """Do nothing: the generator ends by itself."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def take(self) -> Iterator[bytes]:
        held, self.held = self.held, []
        yield from (each for each in held if each)


def _arrow(part: scan.Slice, columns: list[str] | None, change: Adjustment | None) -> Iterator[bytes]:
    import pyarrow as pa

    pipe, schema = _Pipe(), schema_of(part, columns)
    with pa.ipc.new_stream(pa.PythonFile(pipe, mode="w"), schema) as writer:
        for rows in batches(part, columns, change):
            writer.write_table(rows.cast(schema))
            yield from pipe.take()
    yield from pipe.take()


def _parquet(part: scan.Slice, columns: list[str] | None, change: Adjustment | None) -> Iterator[bytes]:
    import pyarrow as pa
    from pyarrow import parquet

    pipe, schema = _Pipe(), schema_of(part, columns)
    with parquet.ParquetWriter(pa.PythonFile(pipe, mode="w"), schema, compression="lz4") as writer:
        for rows in batches(part, columns, change):
            writer.write_table(rows.cast(schema))
            yield from pipe.take()
    yield from pipe.take()


def _csv(part: scan.Slice, columns: list[str] | None, change: Adjustment | None) -> Iterator[bytes]:
    import csv
    import io

    wanted = columns or list(tables.find(part.entry.table).names)
    yield (",".join(wanted) + "\r\n").encode()
    for rows in batches(part, columns, change):
        text = io.StringIO()
        csv.writer(text).writerows([_harmless(value) for value in row] for row in _shown(rows))
        yield text.getvalue().encode()


def _harmless(value: Any) -> Any:
    """Keep a spreadsheet from taking text for a formula; numbers and times stay as they are."""
    return "'" + value if isinstance(value, str) and value.startswith(_FORMULA) else value


def media_of(accept: str, named: str) -> str:
    """Return the media type asked for by `?format=` or the Accept header; JSON when neither names another."""
    if named:
        if named not in FORMATS:
            words = f"format is one of {', '.join(FORMATS)}"
            raise BadRequest(words, {"fields": {"format": [words]}})
        return FORMATS[named]
    asked = [each.split(";")[0].strip() for each in accept.split(",")]
    return next((each for each in asked if each in FORMATS.values()), JSON)
