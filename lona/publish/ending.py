"""What becomes of publications when their job ends without having finished them (cancelled, stalled, given up)."""

from __future__ import annotations

from lona.models import LIVE, Publication, PublicationState
from lona.publish import status
from tradenexus.actor import Actor
from tradenexus.errors import ProblemError
from tradenexus.jobs.models import Job


def release(job: Job, actor: Actor, error: ProblemError, outcome: str) -> None:
    """Move the job's open publications out of their running state, in the transaction that ends the job.

    What was sent and not yet seen stays `unknown` (a new publish or a reconcile looks for it); the rest is failed.
    """
    rows = Publication.everyone.filter(job=job, state__in=LIVE).select_related("version__dataset")
    versions = {}
    for row in rows.order_by("created_at", "id"):
        status.lock(row.version)
        old = row.state
        row.state = PublicationState.UNKNOWN if row.sent_at else PublicationState.FAILED
        code = status.CANCELLED if outcome == "cancelled" else error.code
        row.error = {"code": code, "message": error.message, "details": error.details}
        row.save(update_fields=["state", "error"])
        if row.state != old:
            status.announce(row, actor, old, error.message, code=code)
        versions[row.version_id] = row.version
    for version in versions.values():
        status.settle(version, actor, job.ref, error.message)
