"""Settles jobs whose holder is gone: the lease ran out, or its process at this place has ended.

Each row is swapped by state, token and lease end together, so that a job that finished or renewed in between is left
alone. Work goes on until nothing is left, batch by batch: a full batch of long jobs hides none behind it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import F, Q

from tradenexus.jobs import leases, processes, registry, states
from tradenexus.jobs.models import Job, State

log = structlog.get_logger(__name__)
BATCH = 100


def expired() -> int:
    """Settle every running job whose lease has ended by the database's clock; return how many."""
    settled = 0
    while True:
        batch = list(_running().filter(lease_until__lt=leases.clock()).order_by("lease_until")[:BATCH])
        moved = sum(_bury(job, "its lease ended: the worker is gone or hangs", True) for job in batch)
        settled += moved
        if len(batch) < BATCH or not moved:
            return settled


def gone() -> int:
    """Settle every running job whose process at this place has ended, without waiting for its lease."""
    mine = _running().filter(holder__startswith=f"{processes.place()}:")
    return sum(_bury(job, "its process ended") for job in mine if processes.is_gone(job.holder))


def released(worker_id: UUID, reason: str) -> int:
    """Put what this worker's processes ran back in line without charging the attempt; call it when they have ended."""
    held = _running().filter(worker_id=worker_id)
    return sum(states.bury(job, reason, refund=True) is not None for job in held)


def overdue(worker_id: UUID) -> int:
    """Kill the processes of this worker that ignore a cancel past the grace, or run past their kind's limit."""
    late = Q(cancel_requested_at__lt=leases.clock(-settings.NEXUS_JOB_GRACE_S))
    for name in registry.names():
        late |= Q(kind=name, started_at__lt=leases.clock(-registry.find(name).limit_s))
    return _kill(_running().filter(late, worker_id=worker_id))


def aged(after_s: float = 600) -> int:
    """Raise the priority of jobs due for so long by one (up to 100), so that none waits behind newer ones for ever."""
    late = Job.everyone.filter(state=State.QUEUED, run_at__lt=leases.clock(-after_s), priority__lt=100)
    return late.update(priority=F("priority") + 1)


def waiting(since_s: float) -> bool:
    """Tell whether a job that this host has a place for has been due for so long."""
    due = Job.everyone.filter(state=State.QUEUED, run_at__lte=leases.clock(-since_s), kind__in=registry.names())
    heavy = _running().filter(heavy=True, holder__startswith=f"{processes.place()}:").count()
    return (due.filter(heavy=False) if heavy >= settings.NEXUS_HEAVY_JOBS else due).exists()


def _running():
    return Job.everyone.filter(state=State.RUNNING)


def _bury(job: Job, reason: str, by_lease: bool = False) -> bool:
    guard = {"lease_until__lt": leases.clock()} if by_lease else {"holder": job.holder}
    state = states.bury(job, reason, **guard)
    if state is not None:
        log.warning("job.swept", job=job.ref, kind=job.kind, attempt=job.attempts, state=str(state), reason=reason)
    return state is not None


def _kill(jobs: Iterable[Job]) -> int:
    killed = 0
    for job in jobs:
        pid = processes.pid_of(job.holder)
        if pid and pid != os.getpid():
            log.warning("job.killed", job=job.ref, kind=job.kind, pid=pid, cancelled=bool(job.cancel_requested_at))
            # What the handler started first, so that nothing of it outlives the process we can still see.
            for member in reversed(processes.tree(pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member, signal.SIGKILL)
            killed += 1
    return killed
