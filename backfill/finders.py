"""How things of this app are called where others name them by id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from backfill.models import IngestRun, RepairRun
from tradenexus import ids
from tradenexus.jobs import subjects
from tradenexus.jobs.subjects import Subject


@subjects.describes("rpr")
def named_repairs(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how repairs are called: a plan or a repair, and when it was asked for."""
    rows = RepairRun.of(tenant_id).filter(id__in=list(_decoded(RepairRun.prefix, refs)))
    return {row.ref: Subject(row.ref, "repair", _label(row), f"/lakehouse/repairs/{row.ref}/") for row in rows}


@subjects.describes("ing")
def named_ingests(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how ingests are called: how many entries, and when."""
    rows = IngestRun.of(tenant_id).filter(id__in=list(_decoded(IngestRun.prefix, refs))).defer("refused", "options")
    return {row.ref: Subject(row.ref, "ingest", str(row), f"/lakehouse/ingests/{row.ref}/") for row in rows}


def _label(row: RepairRun) -> str:
    return f"{'plan of a repair' if row.plan else 'repair'} {row.created_at:%Y-%m-%d %H:%M}Z"


def _decoded(prefix: str, refs: list[str]) -> Iterator[UUID]:
    for ref in refs:
        with suppress(ValueError):
            yield ids.decode(prefix, ref)
