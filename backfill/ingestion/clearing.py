"""Removes from staging what runs left there that are finished: a process killed at the last moment leaves files."""

from __future__ import annotations

from backfill.landing import zones
from backfill.models import IngestRun
from tradenexus import ids


def sweep() -> int:
    """Remove the folders of finished runs; return how many. Folders that are no run's are not touched."""
    removed = 0
    for work in zones.works():
        try:
            key = ids.decode(IngestRun.prefix, work)
        except ValueError:
            continue
        if IngestRun.everyone.filter(id=key, finished_at__isnull=False).exists():
            zones.drop(work)
            removed += 1
    return removed
