"""Draining a worker: it claims nothing more and finishes what it runs, until it is resumed or started anew.

The wish stands on the worker's row; its watchdog reads it once a second. A worker that is started again is a new row,
which nobody asked to drain.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.events import outbox
from tradenexus.jobs import leases
from tradenexus.jobs.models import Worker

SILENT = timedelta(seconds=30)


def ref(worker: Worker) -> str:
    """Return the typed id under which the audit knows a worker."""
    return ids.encode("wrk", worker.id)


def drain(actor: Actor, worker: Worker, reason: str) -> None:
    """Have a worker claim nothing more; recorded in the actor's workspace. Conflict when it was asked already."""
    _set(actor, worker, True, reason)


def resume(actor: Actor, worker: Worker, reason: str) -> None:
    """Let a drained worker claim again; recorded in the actor's workspace. Conflict when it is not drained."""
    _set(actor, worker, False, reason)


def state(worker: Worker, running: int, now: datetime) -> str:
    """Return silent (no beat for half a minute), draining (still runs jobs), drained or alive."""
    if worker.beat_at <= now - SILENT:
        return "silent"
    if worker.drain_asked_at is None:
        return "alive"
    return "draining" if running else "drained"


def _set(actor: Actor, worker: Worker, wanted: bool, reason: str) -> None:
    words = ("working", "drained") if wanted else ("drained", "working")
    with db.atomic():
        rows = Worker.objects.filter(pk=worker.pk, drain_asked_at__isnull=wanted)
        if not rows.update(drain_asked_at=leases.clock() if wanted else None):
            raise Conflict(f"the worker is {words[1]} already, or has gone", {"worker": ref(worker)})
        outbox.record(
            actor, "worker.state", ref(worker), old=words[0], new=words[1], reason=reason, data={"worker": str(worker)}
        )
