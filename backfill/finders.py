"""How things of this app are called where others name them by id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from backfill.models import RepairRun
from tradenexus import ids
from tradenexus.jobs import subjects
from tradenexus.jobs.subjects import Subject


@subjects.describes("rpr")
def named_repairs(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how repairs are called: a plan or a repair, and when it was asked for."""
    rows = RepairRun.of(tenant_id).filter(id__in=list(_decoded(refs)))
    return {row.ref: Subject(row.ref, "repair", _label(row), f"/lakehouse/repairs/{row.ref}/") for row in rows}


def _label(row: RepairRun) -> str:
    return f"{'plan of a repair' if row.plan else 'repair'} {row.created_at:%Y-%m-%d %H:%M}Z"


def _decoded(refs: list[str]) -> Iterator[UUID]:
    for ref in refs:
        with suppress(ValueError):
            yield ids.decode(RepairRun.prefix, ref)
