"""What becomes of publications when their job ends without having finished them (cancelled, stalled, given up)."""

from __future__ import annotations

from lona.models import ACTIVE, LIVE, Publication, PublicationState
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


def reopen(job: Job, actor: Actor) -> None:
    """Put a retried job's failed publications in line again; a slice that another request took up is left to it."""
    rows = Publication.everyone.filter(job=job, state=PublicationState.FAILED).select_related("version__dataset")
    versions = {}
    for row in rows.order_by("created_at", "id"):
        status.lock(row.version)
        same = Publication.everyone.filter(
            version=row.version_id,
            instrument=row.instrument,
            venue=row.venue,
            start_ns=row.start_ns,
            end_ns=row.end_ns,
            state__in=ACTIVE,
        )
        if same.exists():
            continue
        row.state, row.error = PublicationState.QUEUED, None
        row.save(update_fields=["state", "error"])
        status.announce(row, actor, PublicationState.FAILED, "job retried")
        versions[row.version_id] = row.version
    for version in versions.values():
        status.settle(version, actor, job.ref)
