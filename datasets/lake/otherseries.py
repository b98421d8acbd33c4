"""Other series of an instrument around one session of an entry: where they are found, and how their closes are read.

What cannot be read any more (a file that is gone, rows of another form) is no series.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from datasets.lake import origins
from datasets.lake.evidence import DATASET, ENTRY, REFUSED, UNKNOWN, Case, Evidence, Series, comparable
from datasets.lake.offers import SegmentDamaged
from datasets.market import dates, kinds, tables
from datasets.models import DatasetVersion, LakeCommit, LakeEntry, LakePartition, LakeQuarantine, Status, VersionFile
from datasets.storage import blobs
from tradenexus import db, ids

MIXED = "ADJUSTMENT_MIXED"
MOST = 50  # datasets that are looked into, the newest
USABLE = (Status.VALIDATED, Status.READY, Status.PUBLISHING, Status.PUBLISHED, Status.PUBLISH_FAILED)


class Others:
    """The other series of an entry's instrument around some suspected sessions; asks once for all of them."""

    def __init__(self, entry: LakeEntry, cases: Sequence[Case]):
        self.entry = entry
        self.cases = [case for case in cases if len(case.parts) > 1 and case.at and comparable(entry.table)]

    def evidence(self, case: Case) -> list[Evidence]:
        """Return what each other series says of the session, by vendor and kind."""
        if case not in self.cases:
            return []
        found = [case.judge(series) for series in (*self._refused(case), *self._entries(case), *self._datasets(case))]
        return sorted(found, key=lambda each: (each.vendor, each.kind, each.source))

    # --- adjusted rows that were refused

    @cached_property
    def _held(self) -> list[LakeQuarantine]:
        rows = LakeQuarantine.of(self.entry.tenant_id).filter(entry=self.entry, code=MIXED, session__in=self._days)
        return list(rows.order_by("created_at", "id"))

    @cached_property
    def _days(self) -> set[date]:
        return {part.session for case in self.cases for part in case.parts}

    def _refused(self, case: Case) -> Iterator[Series]:
        days = {part.session for part in case.parts}
        by_vendor: dict[str, dict[date, LakeQuarantine]] = {}
        for row in self._held:
            if row.session in days:
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

    # --- other tables

    @cached_property
    def _beside(self) -> list[tuple[LakeEntry, list[LakePartition], origins.Standing]]:
        """The instrument's entries in other tables of bars, with their sessions around all the cases."""
        rows = LakeEntry.of(self.entry.tenant_id).filter(instrument=self.entry.instrument, rows__gt=0)
        entries = [each for each in rows.exclude(id=self.entry.id).order_by("table") if comparable(each.table)]
        held = LakePartition.objects.filter(entry__in=entries, session__in=self._days, rows__gt=0)
        parts = list(held.filter(last_ns__isnull=False).order_by("session"))
        by_entry = [(entry, [part for part in parts if part.entry_id == entry.id]) for entry in entries]
        return [(entry, own, origins.Standing(entry, own)) for entry, own in by_entry if own]

    def _entries(self, case: Case) -> Iterator[Series]:
        days = {part.session for part in case.parts}
        for entry, held, standing in self._beside:
            parts = [part for part in held if part.session in days]
            if not parts:
                continue
            try:
                closes = standing.closes_of(parts)
                near = [part for part in parts if part.session < case.session][-1:]
                near += [part for part in parts if part.session == case.session]
                vendors = frozenset().union(*(standing.brought_by(part) for part in near))
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

    @cached_property
    def _used(self) -> set[UUID]:
        """The datasets of which rows of the entry were made."""
        commits = LakeCommit.of(self.entry.tenant_id).filter(revisions__entry=self.entry)
        sources = commits.filter(source__startswith=f"{DatasetVersion.prefix}_").values_list("source", flat=True)
        found = [ids.decode(DatasetVersion.prefix, ref) for ref in set(sources)]
        return set(DatasetVersion.of(self.entry.tenant_id).filter(id__in=found).values_list("dataset_id", flat=True))

    @cached_property
    def _files(self) -> dict[date, list[VersionFile]]:
        """The instrument's file of the newest usable version of each dataset that says whose it is, by session."""
        rows = _usable(self.entry).order_by("-version__created_at", "-version__number")
        spans = [case.span for case in self.cases]
        keys = db.keys_of([rows.filter(t1_ns__gte=start, t0_ns__lt=end)[:MOST] for start, end in spans])
        files = list(rows.filter(id__in=set().union(*keys)).select_related("version__dataset"))
        found = {}
        for case, own in zip(self.cases, keys, strict=True):
            newest: dict[UUID, VersionFile] = {}
            for file in files:
                if file.id in own:
                    newest.setdefault(file.version.dataset_id, file)
            found[case.session] = list(newest.values())
        return found

    def _datasets(self, case: Case) -> Iterator[Series]:
        for file in self._files[case.session]:
            version = file.version
            if version.dataset_id in self._used and version.dataset.vendor in case.vendors:
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
                made_of_it=version.dataset_id in self._used or version.operation == "fix",
            )


def _usable(entry: LakeEntry) -> QuerySet[VersionFile]:
    """Return the instrument's files of usable versions, of datasets that say whose they are."""
    venue, _, symbol = entry.instrument.partition(":")
    return VersionFile.objects.filter(
        version__tenant_id=entry.tenant_id,
        version__kind=kinds.BARS,
        version__interval=tables.find(entry.table).interval,
        version__venue__iexact=venue,
        version__status__in=USABLE,
        instrument=symbol,
    ).exclude(version__dataset__vendor__in=UNKNOWN)


# --- reading


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
