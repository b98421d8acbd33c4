"""How data is called in lineage, and what is known of it: versions, files, entries of the lake, snapshots, exports.

uploads/up_…                          bytes as they were sent                     version: their SHA-256
datasets/ds_…/v/3/raw                 the raw file of a version                   its SHA-256
datasets/ds_…/v/3                     its rows                                    the content digest
lake/<table>/<VENUE:SYMBOL>           an entry of the lake                        the revision's number
lake/<table>                          all of a table, where entries are too many
lake/quarantine/qrt_…                 refused rows                                their SHA-256
snapshots/snap_…                      a snapshot                                  its digest
exports/exp_…                         a bundle                                    SHA-256 of its manifest
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from datasets.market import tables
from datasets.models import DatasetVersion, LakeEntry, LakeQuarantine, Snapshot, UploadSession
from tradenexus import ids
from tradenexus.errors import NotFound
from tradenexus.jobs.models import Job
from tradenexus.openlineage import facets
from tradenexus.openlineage.facets import Set

HERE = "Trade Nexus"
MOST = 1_000  # entries that a side of a run names one by one; of more it names the tables


@dataclass
class Part:
    """An entry of the lake as one run knew it: at which revision, and how many rows the run wrote."""

    table: str
    instrument: str
    revision: int
    rows: int | None = None


def subjects(rows: QuerySet[Any], jobs: Iterable[Job], name: str) -> dict[str, Any]:
    """Return by each job's id the row that one of its parameters names, as far as it is there; one query."""
    wanted = {job.ref: ids.decode(rows.model.prefix, job.params[name]) for job in jobs}
    known = rows.in_bulk(set(wanted.values()))
    return {ref: known[key] for ref, key in wanted.items() if key in known}


def here(tenant_id: UUID, name: str, **known: Any) -> Set:
    """Return a dataset that this workspace holds."""
    return facets.dataset(facets.namespace(tenant_id), name, source=HERE, **known)


def upload(row: UploadSession) -> Set:
    """Return the bytes of an upload."""
    return here(row.tenant_id, f"uploads/{row.ref}", version=row.sha256)


def raw(row: DatasetVersion, **written: int) -> Set:
    """Return the raw file of a version."""
    return here(row.tenant_id, f"{_place(row)}/raw", version=row.sha256, **written)


def version(row: DatasetVersion, **written: int | None) -> Set:
    """Return the rows of a version."""
    columns = _canonical(row.kind) if row.sealed_at else []
    return here(row.tenant_id, _place(row), version=row.content_digest, columns=columns, **written)


def lake(tenant_id: UUID, parts: Iterable[Part]) -> list[Set]:
    """Return entries of the lake, by table and instrument, or their tables when there are more than MOST."""
    rows = sorted(parts, key=lambda part: (part.table, part.instrument))
    if len(rows) > MOST:
        return lake_tables(tenant_id, {part.table for part in rows})
    return [
        here(
            tenant_id,
            f"lake/{part.table}/{part.instrument}",
            version=part.revision,
            columns=_columns(part.table),
            rows=part.rows,
        )
        for part in rows
    ]


def lake_tables(tenant_id: UUID, names: Iterable[str]) -> list[Set]:
    """Return whole tables of the lake."""
    return [here(tenant_id, f"lake/{name}", columns=_columns(name)) for name in sorted(names)]


def part_of(entry: LakeEntry, revision: int, rows: int | None = None) -> Part:
    """Return an entry at a revision."""
    return Part(entry.table, entry.instrument, revision, rows)


def quarantine(row: LakeQuarantine) -> Set:
    """Return refused rows."""
    return here(row.tenant_id, f"lake/quarantine/{row.ref}", version=row.sha256, columns=_columns(row.entry.table))


def snapshot(row: Snapshot, **written: int) -> Set:
    """Return a snapshot."""
    return here(row.tenant_id, f"snapshots/{row.ref}", version=row.digest, **written)


def _place(row: DatasetVersion) -> str:
    return f"datasets/{row.dataset.ref}/v/{row.number}"


def _columns(table: str) -> list[dict[str, str]]:
    try:
        columns = tables.find(table).columns
    except NotFound:  # of an earlier release
        return []
    return [{"name": each.name, "type": each.dtype, "description": each.about} for each in columns]


def _canonical(kind: str) -> list[dict[str, str]]:
    from datasets.market import schemas  # brings pyarrow

    return [{"name": each.name, "type": str(each.type)} for each in schemas.SCHEMAS.get(kind, ())]
