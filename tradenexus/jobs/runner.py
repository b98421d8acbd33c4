"""Runs jobs: `wake` is what a django-q2 worker calls; it claims jobs in order and runs each until none is due.

Run is what a handler gets. Its writes go through `run.effect()`, a transaction that first proves the lease; progress
and log lines are kept in memory and written by the heartbeat.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from tradenexus import db, failpoints
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.jobs import board, leases, processes, registry, retry, slots, states
from tradenexus.jobs.errors import Cancelled, JobCrashed, LeaseLost, RetriesExhausted
from tradenexus.jobs.heartbeat import Heartbeat, margin_s
from tradenexus.jobs.models import Job, LogLine, State
from tradenexus.jobs.progress import Meter

log = structlog.get_logger(__name__)
MAX_LINES = 10_000
Settle = Callable[[states.Tail], bool]  # the transition that ends or requeues a run


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
        self.deadline = self.began + settings.NEXUS_JOB_LEASE_S - margin_s()
        self.cancel_seen = False
        self.lost = False
        self.finished = False
        self.writing = threading.RLock()
        self._meter = Meter()
        self._lines: list[LogLine] = []
        self._news = threading.Lock()

    def progress(self, phase: str, done: float | None = None, total: float | None = None, unit: str = "bytes") -> None:
        """Tell how far the run is; cheap, written at most once a second, never backwards within a phase."""
        with self._news:
            self._meter.update(time.monotonic(), phase, done, total, unit)

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
            self.deadline = max(self.deadline, begun + settings.NEXUS_JOB_LEASE_S - margin_s())

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


def wake(job: str = "") -> int:
    """Run jobs until none is due here; return how many. `job` only says what the wake-up was sent for."""
    done = 0
    while not (board.current and board.current.draining):
        if board.current:
            board.current.beat()
        close_old_connections()
        if not _next():
            break
        done += 1
    return done


def _next() -> bool:
    """Claim one job and run it; False when nothing is due that this host has a place for."""
    head_is_heavy = leases.peek(registry.names())
    if head_is_heavy is None:
        return False
    slot = slots.take() if head_is_heavy else None
    try:
        claimed_at = time.monotonic()
        worker_id = board.current.worker_id if board.current else None
        job = states.claim(processes.me(), worker_id, light_only=slot is None)
        failpoints.hit("jobs.claimed")
        if job is None:
            return False
        if slot and not job.heavy:
            slot.release()
        execute(job, claimed_at)
    finally:
        if slot:
            slot.release()
    return True


def execute(job: Job, claimed_at: float | None = None) -> None:
    """Run a claimed job to its end, or until its lease is lost; never raises what the handler raises."""
    run = Run(job, registry.find(job.kind), claimed_at)
    with structlog.contextvars.bound_contextvars(job_id=job.ref, request_id=job.request_id):
        log.info("job.started", kind=job.kind, attempt=job.attempts)
        try:
            with Heartbeat(run):
                settle = _handle(run)
            failpoints.hit("jobs.handled")
            _settle(run, settle)
        except LeaseLost:
            log.warning("job.lease_lost", attempt=job.attempts)
        finally:
            shutil.rmtree(Path(settings.NEXUS_HOME) / "work" / f"{job.ref}-{run.token}", ignore_errors=True)
        log.info("job.left", kind=job.kind, state=job.state)


def _handle(run: Run) -> Settle:
    """Call the handler; return the step that settles the job by what came of it."""
    try:
        result = run.kind.function(run)
    except LeaseLost:
        raise
    except Cancelled as error:
        return _ending(run, State.CANCELLED, error)
    except registry.RetryLater as error:
        return _cancelled(run) or _again(run, error.reason, error.after_s, RetriesExhausted)
    except ProblemError as error:
        return _cancelled(run) or _ending(run, State.FAILED, error)
    except Exception as error:  # the runner's border: a handler may fail in any way
        log.exception("job.crashed", kind=run.job.kind)
        return _cancelled(run) or _again(run, f"unexpected {type(error).__name__}", None, JobCrashed)
    return lambda tail: states.succeed_alone(run.job, result, tail)


def _cancelled(run: Run) -> Settle | None:
    """After a cancel was asked for, whatever the handler raised is how it stopped."""
    if run.lost:
        raise LeaseLost("the job is no longer held by this worker", {"token": run.token})
    if not run.cancel_seen:
        return None
    return _ending(run, State.CANCELLED, Cancelled("cancelled while it ran"))


def _ending(run: Run, outcome: State, error: ProblemError) -> Settle:
    return lambda tail: states.end(run.job, outcome, error, tail, run)


def _again(run: Run, reason: str, after_s: float | None, given_up: type[ProblemError]) -> Settle:
    decision = retry.decide(run.job.attempts, run.job.max_attempts, states.RANDOM, after_s)
    if decision.again:
        run.log(f"attempt {run.job.attempts} failed, next in {decision.delay_s:.0f} s: {reason}", "warning")
        return lambda tail: states.requeue(run.job, reason, decision.delay_s, "retry", tail)
    error = given_up(f"gave up after {run.job.attempts} attempts: {reason}", {"reason": reason})
    return _ending(run, State.FAILED, error)


def _settle(run: Run, settle: Settle) -> None:
    """Take the last step, again and again while the database is away and the lease lasts."""
    if run.finished:
        return
    tail = run.take_tail()
    while True:
        try:
            if not settle(tail):
                raise LeaseLost("the job is no longer held by this worker", {"token": run.token})
            return
        except DatabaseError as error:
            if time.monotonic() >= run.deadline:
                raise LeaseLost("the database did not come back in time") from error
            log.warning("job.settle_again", error=str(error))
            connection.close()
            time.sleep(1)
