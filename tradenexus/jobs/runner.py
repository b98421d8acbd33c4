"""Runs jobs: `wake` is what a django-q2 worker calls; it claims jobs in order and runs each until none is due.

What a handler returns or raises is turned into the job's next state here, the runner's border: nothing a handler does
ends the process that runs it, short of killing it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from tradenexus import db, failpoints
from tradenexus.errors import ProblemError, Unavailable
from tradenexus.jobs import board, processes, registry, retry, slots, states
from tradenexus.jobs.errors import Cancelled, JobCrashed, LeaseLost, RetriesExhausted
from tradenexus.jobs.heartbeat import Heartbeat
from tradenexus.jobs.models import Job, State
from tradenexus.jobs.run import Effect, Run

__all__ = ["Effect", "Run", "execute", "wake"]

log = structlog.get_logger(__name__)
Settle = Callable[[states.Tail], bool]  # the transition that ends or requeues a run


class Claimed(NamedTuple):
    """A job this process holds, the monotonic time before it was claimed, and the place of a heavy one."""

    job: Job
    at: float
    slot: slots.Slot | None = None


@dataclass(slots=True)
class Turn:
    """One run, and the job that was claimed as it ended."""

    run: Run
    follow: bool
    following: Claimed | None = None

    def succeed(self, result: dict[str, Any] | None, tail: states.Tail) -> bool:
        """End the run's job well, and claim the next with it when we may."""
        holder = processes.me() if self.follow and _may_claim() else ""
        at = time.monotonic()
        held, job = states.succeed_and_claim(self.run.job, result, tail, holder, _worker_id())
        self.following = None if job is None else Claimed(job, at)
        return held


def wake(job: str = "", most: int | None = None) -> int:
    """Run jobs until none is due here, or `most` are done; return how many. `job` only says what woke us."""
    done = 0
    following: Claimed | None = None
    while most is None or done < most:
        if following is None:
            following = _claim() if _may_claim() else None
        if following is None:
            break
        following = _run(following, follow=most is None or done + 1 < most)
        done += 1
        if board.current:
            board.current.beat()
    return done


def _may_claim() -> bool:
    return not (board.current and (board.current.draining or board.current.paused))


def _claim() -> Claimed | None:
    """Claim the next job that this host has a place for; None when there is none."""
    if board.current:
        board.current.beat()
    db.drop_broken()
    began = time.monotonic()
    job, heavy_is_next = states.claim_light(processes.me(), _worker_id())
    if job is not None:
        return Claimed(job, began)
    if not heavy_is_next:
        return None
    slot = slots.take()
    try:
        began = time.monotonic()
        job = states.claim(processes.me(), _worker_id(), light_only=slot is None)
        if job is not None and job.heavy:
            claimed, slot = Claimed(job, began, slot), None
            return claimed
        return None if job is None else Claimed(job, began)
    finally:
        if slot:
            slot.release()


def _worker_id() -> UUID | None:
    return board.current.worker_id if board.current else None


def _run(claimed: Claimed, follow: bool) -> Claimed | None:
    try:
        failpoints.hit("jobs.claimed")
        return execute(claimed.job, claimed.at, follow)
    finally:
        if claimed.slot:
            claimed.slot.release()


def execute(job: Job, claimed_at: float | None = None, follow: bool = False) -> Claimed | None:
    """Run a claimed job to its end, or until its lease is lost; never raises what the handler raises.

    follow: the step that ends it well may claim the next job, which is then returned.
    """
    run = Run(job, registry.find(job.kind), claimed_at)
    turn = Turn(run, follow)
    with structlog.contextvars.bound_contextvars(job_id=job.ref, request_id=job.request_id):
        log.info("job.started", kind=job.kind, attempt=job.attempts)
        try:
            with Heartbeat(run):
                settle = _handle(turn)
            failpoints.hit("jobs.handled")
            _settle(run, settle)
        except LeaseLost:
            log.warning("job.lease_lost", attempt=job.attempts)
        finally:
            shutil.rmtree(Path(settings.NEXUS_HOME) / "work" / f"{job.ref}-{run.token}", ignore_errors=True)
        log.info("job.left", kind=job.kind, state=job.state)
    return turn.following


def _handle(turn: Turn) -> Settle:
    """Call the handler; return the step that settles the job by what came of it."""
    run = turn.run
    try:
        result = run.kind.function(run)
    except LeaseLost:
        raise
    except Cancelled as error:
        return _ending(run, State.CANCELLED, error)
    except registry.RetryLater as error:
        return _cancelled(run) or _again(run, error.reason, error.after_s, RetriesExhausted)
    except Unavailable as error:
        if "retryAfterSeconds" not in error.details:
            return _cancelled(run) or _ending(run, State.FAILED, error)
        return _cancelled(run) or _again(run, error.message, error.details["retryAfterSeconds"], RetriesExhausted)
    except ProblemError as error:
        return _cancelled(run) or _ending(run, State.FAILED, error)
    except Exception as error:  # the runner's border: a handler may fail in any way
        log.exception("job.crashed", kind=run.job.kind)
        return _cancelled(run) or _again(run, f"unexpected {type(error).__name__}", None, JobCrashed)
    return lambda tail: turn.succeed(result, tail)


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
