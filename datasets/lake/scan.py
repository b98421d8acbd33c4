"""Reads of an entry: exactly the segments that the catalog names for a range, in order, in batches.

`as_of` reads an earlier revision. Prices are stored raw; `adjusting` changes them on the way out. Nothing is listed or
globbed. The two questions of a read of what is newest are plain statements: building them by the ORM took longer than
reading a day of minute bars.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.db import connection
from django.db.models import Model, Q, QuerySet

from datasets.lake import sound
from datasets.lake.offers import SegmentDamaged
from datasets.market import instruments, tables
from datasets.models import LakeEntry, LakeMember, LakeRevision, LakeSegment
from datasets.storage import blobs
from tradenexus.errors import BadRequest, NotFound

__all__ = ["RevisionGone", "SegmentDamaged", "Slice", "check_kept", "entry_of", "locate", "of_revision", "revision_at"]
__all__ += ["tables_of", "within"]

# Rows decoded at once, by threads from so many on; a segment of no more is read from the disk in one piece.
CHUNK_ROWS = 131_072
THREADED_ROWS = 20_000
_SMALL_BYTES = 1 << 20  # a month of minute bars: one read costs less than one for each column
# Of more segments than a few the next ones are decoded by threads of their own, a segment each.
_FEW = 3
_THREADS = min(4, os.cpu_count() or 1)
_EVER = (-(2**63), 2**63 - 1)


class RevisionGone(NotFound):
    """That revision is older than earlier revisions are kept (NEXUS_LAKE_REVISIONS_KEPT_DAYS). Read the oldest that
    is kept (`details.oldest`) or a later one, or a snapshot: that keeps what it names."""

    code = "LAKE_REVISION_GONE"


@dataclass(frozen=True)
class Slice:
    """What a read is about: the entry, its revision and the segments that hold [start_ns, end_ns)."""

    entry: LakeEntry
    revision: int
    segments: list[LakeSegment]
    start_ns: int | None
    end_ns: int | None


def entry_of(tenant_id: UUID, table: str, instrument: str) -> LakeEntry:
    """Return the entry; NotFound (TableUnknown, SymbolRefused before) when the lake holds none."""
    name = str(instruments.parse(instrument))
    asked = [_bound(LakeEntry, "tenant", tenant_id), tables.find(table).name, name]
    found = next(iter(LakeEntry.everyone.raw(_one_entry(), asked)), None)
    if found is None:
        raise NotFound(f"the lake has no {table}/{name}", {"entry": f"{table}/{name}"})
    return found


def locate(
    entry: LakeEntry, start_ns: int | None = None, end_ns: int | None = None, as_of: datetime | None = None
) -> Slice:
    """Return the segments of a range, of the newest revision or of the one in force at `as_of`."""
    if start_ns is not None and end_ns is not None and start_ns >= end_ns:
        raise BadRequest("the range is empty or reversed", {"start": start_ns, "end": end_ns})
    revision = entry.revision if as_of is None else revision_at(entry, as_of)
    first = _EVER[0] if start_ns is None else start_ns
    after = _EVER[1] if end_ns is None else end_ns
    found = _newest(entry, first, after) if revision == entry.revision else None
    if found is None:
        rows = _members(entry, revision).filter(t1_ns__gte=first, t0_ns__lt=after)
        found = [each.segment for each in rows.order_by("span_start_ns")]
    return Slice(entry, revision, found, start_ns, end_ns)


def within(part: Slice, start_ns: int | None, end_ns: int | None) -> Slice:
    """Return what lies in a range of what was located, without asking the catalog again."""
    first = _EVER[0] if start_ns is None else start_ns
    after = _EVER[1] if end_ns is None else end_ns
    inside = [each for each in part.segments if first < after and each.t1_ns >= first and each.t0_ns < after]
    return Slice(part.entry, part.revision, inside, start_ns, end_ns)


def _newest(entry: LakeEntry, first: int, after: int) -> list[LakeSegment] | None:
    """Return the segments in force; None when a commit has moved the entry on since it was read."""
    rows: list[Any] = [*LakeSegment.everyone.raw(_in_force(), [_bound(LakeMember, "entry", entry.id), first, after])]
    return None if any(row.from_revision > entry.revision for row in rows) else rows


@lru_cache(1)
def _one_entry() -> str:
    where = f"tenant_id = %s AND {connection.ops.quote_name('table')} = %s AND instrument = %s"
    return f"SELECT * FROM {LakeEntry._meta.db_table} WHERE {where}"  # noqa: S608 - names of our own


@lru_cache(1)
def _in_force() -> str:
    quoted, fields = connection.ops.quote_name, LakeSegment._meta.concrete_fields
    columns = ", ".join(f"s.{quoted(str(field.column))}" for field in fields)
    return (
        f"SELECT {columns}, m.from_revision FROM {LakeMember._meta.db_table} m "  # noqa: S608 - names of our own
        f"JOIN {LakeSegment._meta.db_table} s ON s.id = m.segment_id WHERE m.entry_id = %s "
        "AND m.until_revision IS NULL AND m.t1_ns >= %s AND m.t0_ns < %s ORDER BY m.span_start_ns"
    )


def _bound(model: type[Model], name: str, value: Any) -> Any:
    return model._meta.get_field(name).get_db_prep_value(value, connection)  # type: ignore[union-attr]


def of_revision(entry: LakeEntry, revision: int) -> Slice:
    """Return all segments of one revision, from 1 to the newest; RevisionGone for one that is not kept."""
    check_kept(entry, revision)
    rows = _members(entry, revision).order_by("span_start_ns")
    return Slice(entry, revision, [each.segment for each in rows], None, None)


def _members(entry: LakeEntry, revision: int) -> QuerySet[LakeMember]:
    rows = LakeMember.objects.filter(entry=entry).select_related("segment")
    return rows.filter(from_revision__lte=revision).filter(Q(until_revision=None) | Q(until_revision__gt=revision))


def check_kept(entry: LakeEntry, revision: int) -> None:
    """Raise RevisionGone for a revision that was let go."""
    if revision < entry.oldest_revision:
        details = {"entry": str(entry), "revision": revision, "oldest": entry.oldest_revision}
        words = f"revision {revision} of {entry} is not kept any more, the oldest kept is {entry.oldest_revision}"
        raise RevisionGone(words, details)


def revision_at(entry: LakeEntry, as_of: datetime) -> int:
    """Return the revision in force at a time; NotFound when the entry did not exist yet."""
    rows = LakeRevision.objects.filter(entry=entry, created_at__lte=as_of)
    number = rows.order_by("-number").values_list("number", flat=True).first()
    if number is None:
        raise NotFound(f"{entry} did not exist at {as_of:%Y-%m-%d %H:%M:%S}Z", {"entry": str(entry)})
    check_kept(entry, number)
    return number


def columns_of(entry: LakeEntry) -> list[str]:
    """Return the names of an entry's columns, in order."""
    return list(tables.find(entry.table).names)


def check_columns(entry: LakeEntry, columns: Sequence[str] | None) -> None:
    """Refuse names that the entry's table does not have (VALIDATION_ERROR), and one named twice."""
    known = columns_of(entry)
    unknown = [name[:60] for name in columns or () if name not in known]
    if unknown:
        words = f"the table {entry.table} has no column {unknown[0]!r}"
        raise BadRequest(words, {"columns": known, "unknown": unknown[:20]})
    if len(set(columns or ())) < len(columns or ()):
        raise BadRequest("a column is named twice", {"columns": list(columns or ())[:50]})


def tables_of(part: Slice, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Yield pyarrow Tables of up to CHUNK_ROWS, with exactly the rows of the range, in order.

    The first is of one row group: who wants no more does not wait for more. Columns that a segment lacks are null.
    VALIDATION_ERROR for a column that the table does not have; SegmentDamaged when a segment cannot be read.
    """
    check_columns(part.entry, columns)
    table = tables.find(part.entry.table)
    wanted = list(columns) if columns else list(table.names)
    decode = partial(_tables, table=table, wanted=wanted, start=part.start_ns, end=part.end_ns)
    for segment in part.segments[:1]:
        yield from decode(segment, lead=True)
    if len(part.segments) <= _FEW:
        for segment in part.segments[1:]:
            yield from decode(segment)
    else:
        yield from _ahead(part.segments[1:], decode)


def _ahead(segments: Sequence[LakeSegment], decode: Callable[..., Iterator[Any]]) -> Iterator[Any]:
    """Yield what is decoded of each segment, in order; threads decode the next small ones meanwhile."""
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[Future[list[Any]]] = deque()
        for segment in segments:
            small = segment.rows <= CHUNK_ROWS
            if small:
                waiting.append(pool.submit(lambda each: list(decode(each, threads=False)), segment))
            while waiting and (not small or len(waiting) > _THREADS):
                yield from waiting.popleft().result()
            if not small:
                yield from decode(segment)
        for each in waiting:
            yield from each.result()


def _tables(
    segment: LakeSegment,
    table: tables.Table,
    wanted: list[str],
    start: int | None,
    end: int | None,
    *,
    lead: bool = False,
    threads: bool = True,
) -> Iterator[Any]:
    import pyarrow as pa

    # Those that lie inside the range need no look at their times.
    cut = (start is not None and segment.t0_ns < start) or (end is not None and segment.t1_ns >= end)
    whole = not cut and segment.rows <= CHUNK_ROWS and 2 * len(wanted) > len(table.names)
    try:
        with blobs.readable(segment.key) as source, _opened(segment, source, whole=whole) as reader:
            known = reader.schema_arrow.names
            held = [name for name in wanted if name in known]
            read = held if not cut or "ts_event" in held else [*held, "ts_event"]
            at = known.index("ts_event") if cut else None
            for some, count in _chunks(reader, at, start, end, lead=lead):
                rows = reader.read_row_groups(some, columns=read, use_threads=threads and count >= THREADED_ROWS)
                rows = _within(rows, start, end) if cut else rows
                yield _completed(rows, table, wanted)
    except (pa.ArrowInvalid, OSError) as fault:
        details = {"segment": segment.ref, "sha256": segment.sha256}
        raise SegmentDamaged(f"a segment of {segment.table}/{segment.instrument} cannot be read", details) from fault


def _opened(segment: LakeSegment, source: Path | BinaryIO, *, whole: bool) -> Any:
    """Open what is the segment that the catalog names; small files, and `whole` ones, are read in one piece."""
    import pyarrow as pa
    from pyarrow import parquet

    if isinstance(source, Path) and (whole or segment.size_bytes <= _SMALL_BYTES):
        # Memory of Arrow's, not of Python's: its threads may let go of it last, when the interpreter has ended already.
        with pa.OSFile(str(source)) as file:
            data = file.read_buffer()
        sound.check(segment, pa.BufferReader(data))
        return parquet.ParquetFile(pa.BufferReader(data))
    sound.check(segment, source)
    return parquet.ParquetFile(source, pre_buffer=not isinstance(source, Path))


def _chunks(
    reader: Any, at: int | None, start: int | None, end: int | None, *, lead: bool
) -> Iterator[tuple[list[int], int]]:
    """Yield the row groups that hold rows of the range, those to be decoded together, with how many rows they have.

    `at` is the column of the time, None when all of them do.
    """
    some: list[int] = []
    rows = 0
    for number in range(reader.num_row_groups):
        group = reader.metadata.row_group(number)
        if at is not None:
            stats = group.column(at).statistics
            if (start is not None and stats.max_raw < start) or (end is not None and stats.min_raw >= end):
                continue
        if some and (lead or rows + group.num_rows > CHUNK_ROWS):
            yield some, rows
            some, rows, lead = [], 0, False
        some.append(number)
        rows += group.num_rows
    if some:
        yield some, rows


def _within(rows: Any, start: int | None, end: int | None) -> Any:
    times = rows.column("ts_event").cast("int64").to_numpy()
    first = 0 if start is None else int(times.searchsorted(start, side="left"))
    last = len(times) if end is None else int(times.searchsorted(end, side="left"))
    return rows.slice(first, last - first)


def _completed(rows: Any, table: tables.Table, wanted: list[str]) -> Any:
    if rows.column_names == wanted:
        return rows
    import pyarrow as pa

    from datasets.market import schemas

    schema = schemas.table_form(table).schema
    for name in wanted:
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, schema.field(name).type))
    return rows.select(wanted)
