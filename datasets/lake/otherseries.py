"""Other series of an instrument around one session of an entry: where they are found, and how their closes are read.

What cannot be read any more (a file that is gone, rows of another form) is no series.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from datasets.lake import origins
from datasets.lake.evidence import DATASET, ENTRY, REFUSED, UNKNOWN, Case, Evidence, Series, comparable
from datasets.lake.offers import SegmentDamaged
from datasets.market import dates, kinds, tables
from datasets.models import DatasetVersion, LakeCommit, LakeEntry, LakePartition, LakeQuarantine, Status, VersionFile
from datasets.storage import blobs
from tradenexus import ids

MIXED = "ADJUSTMENT_MIXED"
MOST = 50  # datasets that are looked into, the newest
USABLE = (Status.VALIDATED, Status.READY, Status.PUBLISHING, Status.PUBLISHED, Status.PUBLISH_FAILED)


def evidence(case: Case) -> list[Evidence]:
    """Return what each other series says of the session, by vendor and kind."""
    if len(case.parts) < 2 or not case.at or not comparable(case.entry.table):
        return []
    found = [case.judge(series) for series in (*_refused(case), *_entries(case), *_datasets(case))]
    return sorted(found, key=lambda each: (each.vendor, each.kind, each.source))


# --- adjusted rows that were refused


def _refused(case: Case) -> Iterator[Series]:
    days = [part.session for part in case.parts]
    held = LakeQuarantine.of(case.entry.tenant_id).filter(entry=case.entry, code=MIXED, session__in=days)
    by_vendor: dict[str, dict[date, LakeQuarantine]] = {}
    for row in held.order_by("created_at", "id"):
        by_vendor.setdefault(row.vendor, {})[row.session] = row
    for vendor, rows in by_vendor.items():
        closes = {day: told for day, row in rows.items() if (told := _refused_close(case, row))}
        if not closes:
            continue
        closes |= _accepted(case, vendor, set(rows))
        newest = rows[max(rows)]
        near = rows.get(case.before[0].session, newest) if case.before else newest
        yield Series(
            kind=REFUSED,
            source=near.ref,
            name=f"{case.entry} {near.session}, refused",
            vendors=frozenset({vendor}),
            digest=near.sha256,
            revision=None,
            fetched_at=near.fetched_at,
            closes=closes,
        )


def _refused_close(case: Case, row: LakeQuarantine) -> tuple[float, str] | None:
    read = _read(row.key, case.entry.table)
    if read is None or not read.num_rows or read.column("close")[-1].as_py() is None:
        return None
    return read.column("close")[-1].as_py(), _digest(read)


def _accepted(case: Case, vendor: str, but: set[date]) -> dict[date, tuple[float, str]]:
    """Return the sessions of a vendor that were not refused: it offered them last, and they stand or their equals."""
    return {
        part.session: (case.closes[part.session], part.digest)
        for part in case.parts
        if part.session not in but
        and part.vendor == vendor
        and part.session in case.closes
        and "CROSS_VENDOR_MISMATCH" not in part.codes
    }


# --- other tables


def _entries(case: Case) -> Iterator[Series]:
    rows = LakeEntry.of(case.entry.tenant_id).filter(instrument=case.entry.instrument, rows__gt=0)
    for entry in rows.exclude(id=case.entry.id).order_by("table"):
        if not comparable(entry.table):
            continue
        held = LakePartition.objects.filter(entry=entry, session__in=[part.session for part in case.parts])
        parts = list(held.filter(rows__gt=0, last_ns__isnull=False).order_by("session"))
        if not parts:
            continue
        try:
            closes = origins.closes_of(entry, parts)
            near = [part for part in parts if part.session < case.session][-1:]
            near += [part for part in parts if part.session == case.session]
            vendors = frozenset().union(*(origins.brought_by(entry, part) for part in near))
        except (SegmentDamaged, blobs.BlobMissing):
            continue
        yield Series(
            kind=ENTRY,
            source=entry.ref,
            name=f"{entry}",
            vendors=vendors,
            digest=entry.digest,
            revision=entry.revision,
            fetched_at=entry.fetched_at,
            closes={part.session: (closes[part.session], part.digest) for part in parts if part.session in closes},
        )


# --- datasets


def _datasets(case: Case) -> Iterator[Series]:
    used = _used(case.entry)
    for file in _files(case):
        version = file.version
        if version.dataset_id in used and version.dataset.vendor in case.vendors:
            continue  # where our rows came from is no other series
        closes = _file_closes(case, file)
        if closes is None:
            continue
        yield Series(
            kind=DATASET,
            source=version.ref,
            name=f"{version.dataset.name} v{version.number}",
            vendors=frozenset({version.dataset.vendor}),
            digest=version.content_digest,
            revision=version.number,
            fetched_at=version.created_at,
            closes=closes,
            made_of_it=version.dataset_id in used or version.operation == "fix",
        )


def _files(case: Case) -> list[VersionFile]:
    """Return the instrument's file of the newest usable version of each dataset that says whose it is."""
    venue, _, symbol = case.entry.instrument.partition(":")
    start, end = case.span
    rows = VersionFile.objects.filter(
        version__tenant_id=case.entry.tenant_id,
        version__kind=kinds.BARS,
        version__interval=tables.find(case.entry.table).interval,
        version__venue__iexact=venue,
        version__status__in=USABLE,
        instrument=symbol,
        t1_ns__gte=start,
        t0_ns__lt=end,
    ).exclude(version__dataset__vendor__in=UNKNOWN)
    newest: dict[UUID, VersionFile] = {}
    for file in rows.select_related("version__dataset").order_by("-version__created_at", "-version__number")[:MOST]:
        newest.setdefault(file.version.dataset_id, file)
    return list(newest.values())


def _used(entry: LakeEntry) -> set[UUID]:
    """Return the datasets of which rows of an entry were made."""
    commits = LakeCommit.of(entry.tenant_id).filter(revisions__entry=entry)
    sources = commits.filter(source__startswith=f"{DatasetVersion.prefix}_").values_list("source", flat=True)
    found = [ids.decode(DatasetVersion.prefix, ref) for ref in set(sources)]
    return set(DatasetVersion.of(entry.tenant_id).filter(id__in=found).values_list("dataset_id", flat=True))


def _file_closes(case: Case, file: VersionFile) -> dict[date, tuple[float, str]] | None:
    from datasets.market import partitions

    start, end = case.span
    rows = _read(file.key, case.entry.table, (start - dates.DAY, end + dates.DAY))
    if rows is None:
        return None
    table, wanted = tables.find(case.entry.table), {part.session for part in case.parts}
    days = partitions.session_days(table, case.entry.calendar, rows.column("ts_event").cast("int64").to_numpy())
    found = {}
    for day in set(days.tolist()):
        if (session := dates.to_date(day)) in wanted:
            at = (days == day).nonzero()[0]
            own = rows.slice(int(at[0]), len(at))
            found[session] = (own.column("close")[-1].as_py(), _digest(own))
    return found


# --- reading


def _read(key: str, table: str, within: Sequence[int] | None = None) -> Any:
    """Return a stored file's rows in the form of a table of the lake; None where they cannot be had."""
    import pyarrow as pa
    from pyarrow import parquet

    from datasets.lake import segments

    try:
        with blobs.readable(key) as source:
            filters = segments.between(*within) if within else None
            rows = parquet.read_table(source, filters=filters)
        return segments.shaped(tables.find(table), rows).combine_chunks()
    except (OSError, pa.ArrowInvalid, blobs.BlobMissing, segments.RowsRefused):
        return None


def _digest(rows: Any) -> str:
    from datasets.lake import merging

    return merging.Digests(rows).of(0, rows.num_rows)
