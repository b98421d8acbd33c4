"""Removes from staging what runs left there that are finished: a process killed at the last moment leaves files."""

from __future__ import annotations

from backfill.landing import zones
from backfill.models import IngestRun, RepairRun
from tradenexus import ids


def sweep() -> int:
    """Remove the folders of finished runs; return how many. Folders that are no run's are not touched."""
    removed = 0
    for work in zones.works():
        if any(_finished(model, work) for model in (IngestRun, RepairRun)):
            zones.drop(work)
            removed += 1
    return removed


def _finished(model: type[IngestRun] | type[RepairRun], work: str) -> bool:
    try:
        key = ids.decode(model.prefix, work)
    except ValueError:
        return False
    return model.everyone.filter(id=key, finished_at__isnull=False).exists()
