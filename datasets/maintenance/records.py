"""Results of upkeep: kept a while for people and programs, the newest one asked for by kind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from datasets.models import Chore, Upkeep
from tradenexus import db

KEPT = 50  # results of one chore in one workspace
SHOWN = 200  # findings that a result lists; it counts all of them


def keep(
    chore: str, tenant_id: UUID | None, *, ok: bool, result: dict[str, Any], started_at: datetime, job_ref: str = ""
) -> Upkeep:
    """Write a result; inside a transaction of the caller's. Older ones than the newest KEPT go."""
    row = Upkeep.everyone.create(
        tenant_id=tenant_id,
        chore=chore,
        ok=ok,
        result=result,
        job_ref=job_ref,
        started_at=started_at,
        finished_at=db.now(),
    )
    rows = Upkeep.everyone.filter(tenant=row.tenant, chore=chore).order_by("-finished_at", "-id")
    Upkeep.everyone.filter(id__in=list(rows.values_list("id", flat=True)[KEPT : KEPT + 100])).delete()
    return row


def newest(tenant_id: UUID | None, chores: Iterable[str] = Chore.values) -> dict[str, Upkeep | None]:
    """Return the newest result of each chore in a workspace (None: over the whole installation)."""
    rows = Upkeep.of(tenant_id) if tenant_id else Upkeep.everyone.filter(tenant=None)
    same = rows.filter(chore=OuterRef("chore")).order_by("-finished_at", "-id")
    found = {row.chore: row for row in rows.filter(id=Subquery(same.values("id")[:1]))}
    return {str(chore): found.get(str(chore)) for chore in chores}


def total(results: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Add results up: numbers are summed, truths must hold in all, lists are joined (their first SHOWN are kept)."""
    summed: dict[str, Any] = {}
    for result in results:
        for name, value in result.items():
            summed[name] = _joined(summed[name], value) if name in summed else value
    return summed


def _joined(one: Any, other: Any) -> Any:
    if isinstance(one, bool):
        return one and other
    if isinstance(one, dict):
        return total([one, other])
    if isinstance(one, list):
        return [*one, *other][:SHOWN]
    return one + other if isinstance(one, int | float) else one
