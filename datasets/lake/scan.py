"""Reads of an entry: exactly the segments that the catalog names for a range, in order, in batches.

`as_of` reads an earlier revision. Prices are stored raw; `adjusting` changes them on the way out. The catalog is asked
once; nothing is listed or globbed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from datasets.lake.offers import SegmentDamaged
from datasets.market import instruments, tables
from datasets.models import LakeEntry, LakeMember, LakeRevision, LakeSegment
from datasets.storage import blobs
from tradenexus.errors import BadRequest, NotFound

__all__ = ["RevisionGone", "SegmentDamaged", "Slice", "check_kept", "entry_of", "locate", "of_revision", "revision_at"]
__all__ += ["tables_of"]


class RevisionGone(NotFound):
    """That revision is older than earlier revisions are kept (NEXUS_LAKE_REVISIONS_KEPT_DAYS). `details.oldest` is the
    oldest one that can be read; a snapshot keeps what it names."""

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
    found = LakeEntry.of(tenant_id).filter(table=tables.find(table).name, instrument=name).first()
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
    rows = _members(entry, revision)
    if start_ns is not None:
        rows = rows.filter(t1_ns__gte=start_ns)
    if end_ns is not None:
        rows = rows.filter(t0_ns__lt=end_ns)
    return Slice(entry, revision, [each.segment for each in rows.order_by("span_start_ns")], start_ns, end_ns)


def of_revision(entry: LakeEntry, revision: int) -> Slice:
    """Return all segments of one revision, from 1 to the newest; RevisionGone for one that is not kept."""
    check_kept(entry, revision)
    rows = _members(entry, revision).order_by("span_start_ns")
    return Slice(entry, revision, [each.segment for each in rows], None, None)


def _members(entry: LakeEntry, revision: int) -> QuerySet[LakeMember]:
    rows = LakeMember.objects.filter(entry=entry).select_related("segment")
    if revision == entry.revision:
        return rows.filter(until_revision=None)
    return rows.filter(from_revision__lte=revision).filter(Q(until_revision=None) | Q(until_revision__gt=revision))


def check_kept(entry: LakeEntry, revision: int) -> None:
    """Raise RevisionGone for a revision that was let go."""
    if revision < entry.oldest_revision:
        details = {"entry": str(entry), "revision": revision, "oldest": entry.oldest_revision}
        raise RevisionGone(f"revision {revision} of {entry} is not kept any more", details)


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
    """Yield a pyarrow Table a row group, with exactly the rows of the range; columns that a segment lacks are null.

    VALIDATION_ERROR for a column that the table does not have; SegmentDamaged when a segment cannot be read.
    """
    check_columns(part.entry, columns)
    table = tables.find(part.entry.table)
    wanted = list(columns) if columns else list(table.names)
    for segment in part.segments:
        yield from _groups(segment, table, wanted, part.start_ns, part.end_ns)


def _groups(
    segment: LakeSegment, table: tables.Table, wanted: list[str], start: int | None, end: int | None
) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    # Those that lie inside the range need no look at their times.
    cut = (start is not None and segment.t0_ns < start) or (end is not None and segment.t1_ns >= end)
    try:
        with blobs.readable(segment.key) as source:
            size = source.stat().st_size if isinstance(source, Path) else segment.size_bytes
            if segment.damaged_at or size != segment.size_bytes:
                raise pa.ArrowInvalid("not the bytes that were written")
            on_disk = isinstance(source, Path)
            with parquet.ParquetFile(source, memory_map=on_disk, pre_buffer=not on_disk) as reader:
                held = [name for name in wanted if name in reader.schema_arrow.names]
                for number in _overlapping(reader, start, end) if cut else range(reader.num_row_groups):
                    read = held if not cut or "ts_event" in held else [*held, "ts_event"]
                    rows = reader.read_row_group(number, columns=read)
                    rows = _within(rows, start, end) if cut else rows
                    yield _completed(rows, table, wanted)
    except (pa.ArrowInvalid, OSError) as fault:
        details = {"segment": segment.ref, "sha256": segment.sha256}
        raise SegmentDamaged(f"a segment of {segment.table}/{segment.instrument} cannot be read", details) from fault


def _overlapping(reader: Any, start: int | None, end: int | None) -> list[int]:
    at = reader.schema_arrow.get_field_index("ts_event")
    chosen = []
    for number in range(reader.num_row_groups):
        stats = reader.metadata.row_group(number).column(at).statistics
        if (start is None or stats.max_raw >= start) and (end is None or stats.min_raw < end):
            chosen.append(number)
    return chosen


def _within(rows: Any, start: int | None, end: int | None) -> Any:
    times = rows.column("ts_event").cast("int64").to_numpy()
    first = 0 if start is None else int(times.searchsorted(start, side="left"))
    last = len(times) if end is None else int(times.searchsorted(end, side="left"))
    return rows.slice(first, last - first)


def _completed(rows: Any, table: tables.Table, wanted: list[str]) -> Any:
    import pyarrow as pa

    from datasets.market import schemas

    schema = schemas.table_form(table).schema
    for name in wanted:
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, schema.field(name).type))
    return rows.select(wanted)
