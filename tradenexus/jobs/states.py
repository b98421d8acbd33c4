"""The transitions of a job. Each is one transaction: the row by compare-and-swap, the attempt, the log, the kind's
on_failure, then audit entry and event.

    queued -> running (claim) | cancelled          failed, cancelled, stalled -> queued (retry by a person)
    running -> succeeded | failed | cancelled | stalled | queued (retry later, lease lost, worker stopped)
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import F

from tradenexus import actor as actors
from tradenexus import db, logs
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.events import outbox
from tradenexus.jobs import hooks, leases, postgres, registry, retry
from tradenexus.jobs.errors import Cancelled, JobStalled
from tradenexus.jobs.models import Attempt, Job, LogLine, State

RANDOM = random.SystemRandom()
NOBODY = UUID(int=0)
_UNHELD: dict[str, Any] = {"lease_until": None, "holder": "", "worker": None}


@dataclass(slots=True)
class Tail:
    """What a run has not written yet: its last progress and log lines (n counts on from job.log_n)."""

    progress: dict[str, Any] | None = None
    lines: list[LogLine] = field(default_factory=list)

    def fields(self, log_n: int) -> dict[str, Any]:
        """Number the lines after `log_n`; return the columns of the job row to write."""
        for offset, line in enumerate(self.lines, 1):
            line.n, line.pk = log_n + offset, None  # a rolled-back insert may have set the key
        columns: dict[str, Any] = {"log_n": log_n + len(self.lines)} if self.lines else {}
        return columns if self.progress is None else {**columns, "progress": self.progress}


def actor_of(job: Job) -> Actor:
    """Return the one the job works for; a schedule's job works for the platform, which owns no tenant's rows."""
    if job.tenant_id is None:
        return actors.system(NOBODY, job.request_id)
    return Actor(job.tenant_id, job.user_id, job.request_id, frozenset({"read", "write", "publish"}), via="job")


def announce(job: Job, actor: Actor, old: str, reason: str = "", **details: Any) -> None:
    """Record the transition; the last statement of its transaction.

    Jobs of the platform itself are not audited, but for what an operator does to them: in the operator's workspace.
    """
    if actor.tenant_id == NOBODY:
        return
    shown = {"kind": job.kind, "state": job.state, "subject": job.subject, "attempt": job.attempts}
    outbox.record(
        actor,
        "job.state",
        job.ref,
        old=old,
        new=job.state,
        reason=reason[:500],
        details={**shown, **details},
        data={**shown, "job": job.ref},
    )


def claim(holder: str, worker_id: UUID | None = None, light_only: bool = False) -> Job | None:
    """Take the next job that is due, count the attempt and announce it; None when nothing is due."""
    return _claim(holder, worker_id, "no" if light_only else "yes")


def claim_light(holder: str, worker_id: UUID | None = None) -> tuple[Job | None, bool]:
    """Take the next job that is due, unless it is a heavy one; return it, and whether a heavy one is next."""
    if not db.is_sqlite():
        job = _claim(holder, worker_id, "ask")
        return (None, True) if job is not None and job.state == State.QUEUED else (job, False)
    while True:  # a look takes no lock, and most wake-ups find nothing
        head_is_heavy = leases.peek(registry.names())
        if head_is_heavy is not False:
            return None, bool(head_is_heavy)
        job = _claim(holder, worker_id, "ask")
        if job is not None:
            return job, False


def _claim(holder: str, worker_id: UUID | None, heavy: str) -> Job | None:
    kinds = registry.names()
    if not kinds:
        return None
    if not db.is_sqlite():
        job = postgres.claim(kinds, holder, worker_id, heavy)
        _wake_readers(job)
        return job
    with db.atomic():
        job = _take(kinds, holder, worker_id, heavy)
        if job is not None:
            announce(job, actor_of(job), State.QUEUED)
    return job


def _take(kinds: list[str], holder: str, worker_id: UUID | None, heavy: str) -> Job | None:
    """On SQLite, inside a transaction that announces the job."""
    job = leases.claim(kinds, holder, worker_id, heavy)
    if job is not None:
        db.insert(
            Attempt(job=job, number=job.attempts, token=job.token, holder=holder, started_at=job.started_at or db.now())
        )
    return job


def _wake_readers(job: Job | None) -> None:
    """Where the database itself announced what became of the job."""
    if job is not None and job.tenant_id is not None:
        outbox.wake(job.tenant_id)


def succeed(job: Job, result: dict[str, Any] | None, tail: Tail) -> bool:
    """End a running job well; False when it is no longer held. Inside an effect, call announce afterwards, last."""
    columns = {"state": State.SUCCEEDED, "result": result or {}, "error": None}
    return _leave_running(job, columns, tail, "succeeded", "", final=True)


def succeed_alone(job: Job, result: dict[str, Any] | None, tail: Tail) -> bool:
    """End a running job well in a transaction of its own; False when it is no longer held."""
    return succeed_and_claim(job, result, tail, "", None)[0]


def succeed_and_claim(
    job: Job, result: dict[str, Any] | None, tail: Tail, holder: str, worker_id: UUID | None
) -> tuple[bool, Job | None]:
    """End a running job well and, in the same transaction, take the next one that is due, unless it is a heavy one.

    Return whether the job was still held (if not, nothing was done), and the job taken; none without a holder.
    """
    if db.is_sqlite():
        return _succeed_and_take(job, result, tail, holder, worker_id)
    columns = tail.fields(job.log_n)
    held, following = postgres.succeed(job, result or {}, columns, tail.lines, registry.names(), holder, worker_id)
    if held:
        left = {"state": State.SUCCEEDED, "result": result or {}, "error": None}
        _take_over(job, columns | left | _UNHELD)
        _wake_readers(job if job.tenant_id else following)
    return held, following


def _succeed_and_take(
    job: Job, result: dict[str, Any] | None, tail: Tail, holder: str, worker_id: UUID | None
) -> tuple[bool, Job | None]:
    with db.atomic():
        if not succeed(job, result, tail):
            return False, None
        following = _take(registry.names(), holder, worker_id, "ask") if holder else None
        announce(job, actor_of(job), State.RUNNING)
        if following is not None:
            announce(following, actor_of(following), State.QUEUED)
    return True, following


def end(job: Job, outcome: State, error: ProblemError, tail: Tail | None = None, run: Any = None, **guard: Any) -> bool:
    """End a running job as failed, cancelled or stalled, with the kind's on_failure; False when no longer held."""
    with db.atomic():
        columns = {"state": outcome, "error": body_of(error)}
        if not _leave_running(job, columns, tail or Tail(), outcome, error.message, final=True, **guard):
            return False
        hooks.failed(job, run or job, actor_of(job), error, outcome)
        announce(job, actor_of(job), State.RUNNING, error.message, code=error.code)
    return True


def requeue(
    job: Job,
    reason: str,
    delay_s: float,
    how: str,
    tail: Tail | None = None,
    refund: bool = False,
    actor: Actor | None = None,
    **guard: Any,
) -> bool:
    """Put a running job back in line after a pause; `refund` takes the attempt back (it was not the job's fault).

    actor: who did it, when it was not the job's own run.
    """
    with db.atomic():
        columns: dict[str, Any] = {
            "state": State.QUEUED,
            "run_at": leases.clock(delay_s),
            "error": {"code": f"JOB_{how.upper()}", "message": reason, "details": {}},
        }
        if refund:
            columns["attempts"] = F("attempts") - 1
        if not _leave_running(job, columns, tail or Tail(), how, reason, final=False, **guard):
            return False
        announce(job, actor or actor_of(job), State.RUNNING, reason, retryInS=round(delay_s, 3))
    return True


def bury(job: Job, reason: str, refund: bool = False, **guard: Any) -> State | None:
    """Settle a running job whose holder is gone: again, stalled or cancelled. None when it moved on meanwhile."""
    with db.atomic():
        fresh = leases.held(job.pk, job.token).filter(**guard).first()
        if fresh is None:
            return None
        tail = Tail(lines=[line(fresh, f"attempt {fresh.attempts}: {reason}", "warning")])
        if fresh.cancel_requested_at:
            gone = Cancelled(f"cancelled; {reason}")
            return State.CANCELLED if end(fresh, State.CANCELLED, gone, tail, **guard) else None
        decision = retry.decide(fresh.attempts - refund, fresh.max_attempts, RANDOM)
        if decision.again:
            delay = 0.0 if refund else decision.delay_s
            how = "released" if refund else "lost"
            return State.QUEUED if requeue(fresh, reason, delay, how, tail, refund, **guard) else None
        stalled = JobStalled(
            f"given up after {fresh.attempts} attempts, each of which ended without an answer; the last: {reason}",
            {"attempts": fresh.attempts, "reason": reason},
        )
        return State.STALLED if end(fresh, State.STALLED, stalled, tail, **guard) else None


def cancel_queued(job: Job, actor: Actor, reason: str = "") -> bool:
    """End a job that waits in line as cancelled, at once; False when it is no longer queued."""
    error = Cancelled("cancelled before it started")
    columns = {"state": State.CANCELLED, "error": body_of(error), "cancel_requested_at": leases.clock()}
    with db.atomic():
        waiting = Job.everyone.filter(pk=job.pk, state=State.QUEUED)
        if not waiting.update(**columns, finished_at=leases.clock()):
            return False
        job.refresh_from_db()
        hooks.failed(job, job, actor_of(job), error, State.CANCELLED)
        announce(job, actor, State.QUEUED, reason or error.message)
    return True


def line(job: Job, text: str, level: str = "info", stage: str = "") -> LogLine:
    """Return an unnumbered log line, cut to 4,000 characters, secrets replaced."""
    text = logs.scrub(text.replace("\x00", "\N{REPLACEMENT CHARACTER}"))[:4_000]
    return LogLine(job_id=job.pk, at=db.now(), attempt=job.attempts, level=level[:8], stage=stage[:40], text=text)


def write_tail(job: Job, tail: Tail) -> None:
    """Write progress and lines in the middle of a run, prolonging the lease; LeaseLost when it is not held."""
    with db.atomic():
        columns = tail.fields(job.log_n)
        leases.renew(job.pk, job.token, **columns)
        LogLine.objects.bulk_create(tail.lines)
    job.log_n = columns.get("log_n", job.log_n)


def body_of(error: ProblemError) -> dict[str, Any]:
    """Return what the job row keeps of an error."""
    return {"code": error.code, "message": logs.scrub(error.message), "details": logs.scrub(error.details)}


def _leave_running(
    job: Job, columns: dict[str, Any], tail: Tail, outcome: str, reason: str, *, final: bool, **guard: Any
) -> bool:
    """Swap the row out of `running` under its token, close the attempt, write the rest of the log.

    Inside the caller's transaction. `job` takes over the plain values; the database's own (times, sums) need a re-read.
    """
    columns |= tail.fields(job.log_n) | _UNHELD
    if final:
        columns["finished_at"] = leases.clock()
    if not leases.held(job.pk, job.token).filter(**guard).update(**columns):
        return False
    attempt = Attempt.objects.filter(job_id=job.pk, token=job.token)
    attempt.update(ended_at=leases.clock(), outcome=str(outcome), reason=logs.scrub(reason)[:500])
    if tail.lines:
        LogLine.objects.bulk_create(tail.lines)
    _take_over(job, columns)
    return True


def _take_over(job: Job, columns: dict[str, Any]) -> None:
    for name, value in columns.items():
        if not hasattr(value, "resolve_expression"):
            setattr(job, name, value)
