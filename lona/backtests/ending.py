"""What becomes of a backtest when its job ends badly, and whether its job may be tried again."""

from __future__ import annotations

from lona import errors
from lona.models import Backtest, BacktestStatus
from lona.publish import ending
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import Conflict, ProblemError
from tradenexus.events import outbox
from tradenexus.jobs.models import Job

OPEN = (BacktestStatus.QUEUED, BacktestStatus.RUNNING)


def release(job: Job, actor: Actor, error: ProblemError, outcome: str) -> None:
    """End the job's backtest as failed or cancelled, in the transaction that ends the job.

    The provider has no way to cancel: a run that it already has goes on there, and the error says so.
    """
    to = BacktestStatus.CANCELLED if outcome == "cancelled" else BacktestStatus.FAILED
    for row in Backtest.everyone.filter(job=job, status__in=OPEN):
        details = {**error.details, **({"reportId": row.report_id} if row.report_id else {})}
        if outcome == "cancelled" and row.sent_at:
            details["note"] = "the provider cannot be told to stop; its report goes on without us"
        body = {"code": error.code, "message": error.message, "details": details}
        old, row.status = row.status, to
        Backtest.everyone.filter(id=row.id, status=old).update(status=to, completed_at=db.now(), error=body)
        outbox.record(actor, "backtest.status", row.ref, old=old, new=to, reason=error.message[:500], data=body)
    ending.release(job, actor, error, outcome)


def reopen(job: Job, actor: Actor) -> None:
    """Let a retried job go on: from its report when there is one, from the start when nothing was sent.

    BacktestOutcomeUnknown when the run was sent and its answer lost: it might run twice.
    """
    for row in Backtest.everyone.filter(job=job).exclude(status__in=OPEN):
        if row.status == BacktestStatus.COMPLETED:
            raise Conflict("the backtest is complete; start a new one", {"backtestId": row.ref})
        if row.sent_at is not None and not row.report_id:
            raise errors.BacktestOutcomeUnknown(
                "this run may exist at the provider already; start a new backtest instead", {"backtestId": row.ref}
            )
        Backtest.everyone.filter(id=row.id).update(status=BacktestStatus.QUEUED, completed_at=None, error=None)
        outbox.record(actor, "backtest.status", row.ref, old=row.status, new="queued", reason="job retried")
