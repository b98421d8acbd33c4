"""Run: one attempt at a job, as its handler sees it.

Its writes go through `effect()`, a transaction that first proves the lease; progress and log lines are kept in memory
and written by the heartbeat.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from tradenexus import db, failpoints
from tradenexus.actor import Actor
from tradenexus.jobs import leases, registry, states
from tradenexus.jobs.errors import Cancelled, LeaseLost
from tradenexus.jobs.models import Job, LogLine, State
from tradenexus.jobs.progress import Meter

log = structlog.get_logger(__name__)
MAX_LINES = 10_000


class Effect:
    """An open fenced transaction."""

    def __init__(self, run: Run):
        self._run = run
        self.finished = False

    def finish(self, result: dict[str, Any] | None = None) -> None:
        """End the job as succeeded in this transaction; LeaseLost when it is not held."""
        if not states.succeed(self._run.job, result, self._run.take_tail()):
            raise LeaseLost("the job is no longer held by this worker", {"token": self._run.token})
        self.finished = True


class Run:
    """One attempt at a job, as its handler sees it."""

    def __init__(self, job: Job, kind: registry.Kind, claimed_at: float | None = None):
        self.job = job
        self.kind = kind
        self.token: int = job.token
        self.params: dict[str, Any] = job.params
        self.actor: Actor = states.actor_of(job)
        self.began = claimed_at if claimed_at is not None else time.monotonic()
        self.deadline = self.began + settings.NEXUS_JOB_LEASE_S - leases.margin_s()
        self.cancel_seen = False
        self.lost = False
        self.finished = False
        self.writing = threading.RLock()
        self._meter = Meter()
        self._lines: list[LogLine] = []
        self._news = threading.Lock()

    def progress(self, phase: str, done: float | None = None, total: float | None = None, unit: str = "bytes") -> None:
        """Tell how far the run is; cheap, written at most once a second, never backwards within a phase.

        A phase that begins is a line of the log too.
        """
        begins = phase != self._meter.phase
        with self._news:
            self._meter.update(time.monotonic(), phase, done, total, unit)
        if begins:
            self.log(f"{phase} begins")

    def log(self, text: str, level: str = "info") -> None:
        """Add a line to the job's log (at most 10,000 a run; secrets are replaced)."""
        entry = states.line(self.job, text, level, self._meter.phase)
        with self._news:
            if len(self._lines) + self.job.log_n < MAX_LINES:
                self._lines.append(entry)

    def cancelled(self) -> bool:
        """Tell whether the run should stop, because of a cancel (seen within a second) or a lost lease; cheap."""
        return self.cancel_seen or self.lost or time.monotonic() >= self.deadline

    def check(self) -> None:
        """Raise Cancelled or LeaseLost when the run should stop."""
        if self.cancel_seen:
            raise Cancelled("cancelled while it ran")
        if self.cancelled():
            raise LeaseLost("the job is no longer held by this worker", {"token": self.token})

    @contextmanager
    def effect(self) -> Iterator[Effect]:
        """Open the transaction for the run's writes: fenced first, so that a holder without lease changes nothing.

        Keep it short. Events come last in it; when `finish` was called the job's own event is added at its end.
        """
        with self.writing:
            begun = time.monotonic()
            with db.atomic():
                leases.fence(self.job.pk, self.token)
                effect = Effect(self)
                yield effect
                if effect.finished:
                    states.announce(self.job, self.actor, State.RUNNING)
                failpoints.hit("jobs.effect")
            failpoints.hit("jobs.effect_committed")
            self.finished = self.finished or effect.finished
            self.deadline = max(self.deadline, begun + settings.NEXUS_JOB_LEASE_S - leases.margin_s())

    def work_dir(self) -> Path:
        """Return this attempt's own scratch folder (made at first use, removed when the attempt ends)."""
        path = Path(settings.NEXUS_HOME) / "work" / f"{self.job.ref}-{self.token}"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def lose(self, reason: str) -> None:
        """Note that the lease is gone; the handler is told at its next question."""
        self.lost = True
        log.warning("job.lease_lost", job=self.job.ref, attempt=self.job.attempts, reason=reason)

    def has_news(self) -> bool:
        """Tell whether progress or lines wait to be written."""
        return self._meter.dirty or bool(self._lines)

    def take_tail(self) -> states.Tail:
        """Take what waits to be written."""
        with self._news:
            tail = states.Tail(self._meter.snapshot() if self._meter.dirty else None, self._lines)
            self._meter.dirty, self._lines = False, []
        return tail
