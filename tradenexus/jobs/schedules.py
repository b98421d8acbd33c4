"""Periodic jobs: registered by name in `<app>/tasks.py`, run once whatever the number of workers.

A row holds when each is due; the worker that moves it (compare-and-swap on next_at) submits the job in the same
transaction. After days off it runs once, not once for each time it missed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tradenexus import db
from tradenexus.jobs import queue
from tradenexus.jobs.models import Schedule


@dataclass(frozen=True, slots=True)
class Periodic:
    """A kind to be run every so often, for the platform itself (no tenant)."""

    name: str
    kind: str
    every_s: float
    params: dict[str, Any] = field(default_factory=dict)


_PERIODIC: dict[str, Periodic] = {}


def every(seconds: float, kind: str, name: str = "", params: dict[str, Any] | None = None) -> None:
    """Have a registered kind run every so many seconds; `name` (default the kind) tells two schedules of it apart."""
    _PERIODIC[name or kind] = Periodic(name or kind, kind, seconds, params or {})


def fire() -> list[str]:
    """Submit what is due; return the names this caller submitted. A new schedule is due at once."""
    now = db.now()
    known = {row.name: row for row in Schedule.objects.filter(name__in=_PERIODIC)}
    missing = [Schedule(name=name, next_at=now) for name in _PERIODIC if name not in known]
    if missing:
        Schedule.objects.bulk_create(missing, ignore_conflicts=True)
        known = {row.name: row for row in Schedule.objects.filter(name__in=_PERIODIC)}
    return [name for name, row in known.items() if row.next_at <= now and _submit(row, now)]


def following(due: datetime, now: datetime, every_s: float) -> datetime:
    """Return the first time after `now` on the schedule's own grid."""
    steps = math.floor(max((now - due).total_seconds(), 0) / every_s) + 1
    return due + timedelta(seconds=steps * every_s)


def _submit(row: Schedule, now: datetime) -> bool:
    periodic = _PERIODIC[row.name]
    with db.atomic():
        moved = Schedule.objects.filter(name=row.name, next_at=row.next_at).update(
            next_at=following(row.next_at, now, periodic.every_s), last_at=now
        )
        if moved:
            queue.submit(None, periodic.kind, periodic.params, dedupe=f"schedule:{row.name}")
    return bool(moved)
