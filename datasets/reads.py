"""Reads of a version's canonical files for people: a page of rows, a column's shape, chart bars, days covered.

Files are named by the catalog, never globbed; batches stream, so memory does not grow with the version.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from datasets.market.times import time_text
from datasets.models import DatasetVersion, VersionFile
from datasets.storage import blobs
from tradenexus.errors import BadRequest, Unavailable, Unprocessable

BATCH_ROWS = 65_536


class NothingToRead(Unprocessable):
    """The version has no canonical rows: it was not validated yet, failed, or is linked without bytes."""

    code = "VERSION_HAS_NO_ROWS"


class RowsDamaged(Unavailable):
    """Stored rows are not what was written. Compare the file with its SHA-256 and restore it from a backup.

    `details` names the file; the raw file, when there is one, can be validated again into a new version.
    """

    code = "STORED_ROWS_DAMAGED"


def files_of(version: DatasetVersion, instrument: str | None = None) -> list[VersionFile]:
    """Return the version's files in order, of one instrument if named; NothingToRead without any."""
    rows = VersionFile.objects.filter(version=version)
    if instrument:
        rows = rows.filter(instrument=instrument)
    found = list(rows.order_by("number"))
    if not found:
        what = f"no rows of {instrument!r}" if instrument else "no rows"
        details = {"versionId": version.ref, "status": version.status, "symbols": version.symbols[:50]}
        raise NothingToRead(f"version {version.number} ({version.status}) has {what}", details)
    return found


@contextmanager
def opened(file: VersionFile) -> Iterator[Any]:
    """Give a pyarrow ParquetFile of one canonical file; RowsDamaged when it cannot be read."""
    import pyarrow as pa
    from pyarrow import parquet

    with blobs.readable(file.key) as source:
        on_disk = isinstance(source, Path)
        try:
            # From a bucket the columns of a row group are asked for together, in few ranges.
            with parquet.ParquetFile(source, memory_map=on_disk, pre_buffer=not on_disk) as reader:
                yield reader
        except (pa.ArrowInvalid, OSError) as fault:
            details = {"file": file.number, "symbol": file.instrument, "sha256": file.sha256}
            raise RowsDamaged(f"the stored rows of {file.instrument} cannot be read", details) from fault


def overlapping(reader: Any, start: int | None = None, end: int | None = None) -> range:
    """Return the row groups of a canonical file that may hold rows of [start, end) ns, by their own statistics."""
    groups = reader.metadata
    numbers = range(groups.num_row_groups)
    at = reader.schema_arrow.get_field_index("ts_event")

    def statistics(number: int) -> Any:
        return groups.row_group(number).column(at).statistics

    first = 0 if start is None else bisect_left(numbers, start, key=lambda number: statistics(number).max_raw)
    last = len(numbers) if end is None else bisect_left(numbers, end, key=lambda number: statistics(number).min_raw)
    return range(first, max(first, last))


def row_at(version: DatasetVersion, moment_ns: int, instrument: str | None = None) -> int:
    """Return the offset of the first row of the (first) instrument at or after a time; its last row when none is."""
    file = files_of(version, instrument)[0]
    with opened(file) as reader:
        groups = overlapping(reader, moment_ns)
        before = sum(reader.metadata.row_group(number).num_rows for number in range(groups.start))
        if not groups:
            return max(0, file.rows - 1)
        times = reader.read_row_group(groups.start, columns=["ts_event"]).column(0).cast("int64").to_numpy()
    return before + int(times.searchsorted(moment_ns))


def rows_page(
    version: DatasetVersion, offset: int, limit: int, instrument: str | None = None
) -> tuple[list[str], list[dict[str, Any]], int | None]:
    """Return (columns, rows, next offset) from a row offset on, in file order; numbers are exact decimal text."""
    if offset < 0:
        raise BadRequest("the row offset cannot be negative")
    rows: list[dict[str, Any]] = []
    columns: list[str] = []
    position = offset
    files = files_of(version, instrument)
    for file in files:
        if position >= file.rows:
            position -= file.rows
            continue
        with opened(file) as reader:
            columns = ["symbol", *reader.schema_arrow.names]
            rows += [{"symbol": file.instrument, **row} for row in _rows(reader, position, limit - len(rows))]
        position = 0
        if len(rows) == limit:
            break
    total = sum(file.rows for file in files)
    following = offset + len(rows)
    return columns, rows, following if following < total and rows else None


def _rows(reader: Any, skip: int, limit: int) -> Iterator[dict[str, Any]]:
    groups = reader.metadata
    for number in range(groups.num_row_groups):
        count = groups.row_group(number).num_rows
        if skip >= count:
            skip -= count
            continue
        table = reader.read_row_group(number).slice(skip, limit)
        skip = 0
        for index in range(table.num_rows):
            yield {name: shown(table.column(name)[index]) for name in table.column_names}
        limit -= table.num_rows
        if limit <= 0:
            return


def shown(scalar: Any) -> Any:
    """Return an Arrow scalar as pages and JSON show it: times as ISO text, doubles as exact text, null as None."""
    import pyarrow as pa

    if not scalar.is_valid:
        return None
    if pa.types.is_timestamp(scalar.type):
        return time_text(scalar.value)
    value = scalar.as_py()
    return decimal_text(value) if isinstance(value, float) else value


def decimal_text(value: float) -> str:
    """Return the shortest decimal text that is exactly this double, without an exponent."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    return f"{Decimal(repr(value)):f}".removesuffix(".0")
