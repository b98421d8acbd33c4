"""Second thoughts about a run: try what failed once more, or stop what is still to be done."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db.models import QuerySet

from backfill.ingestion import requests
from backfill.models import IngestItem, IngestRun, ItemState
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.events import outbox
from tradenexus.jobs import queue
from tradenexus.jobs.models import LIVE, Job


class NothingFailed(Conflict):
    """No instrument of this ingest has failed, or another request tries them again already."""

    code = "INGEST_NOTHING_FAILED"


class NothingRuns(Conflict):
    """Nothing of this ingest is waiting or running; what has come to its end stays as it is."""

    code = "INGEST_NOTHING_RUNS"


def retry(actor: Actor, run: IngestRun) -> list[Job]:
    """Put every failed item in line again, in jobs of its own, whatever became of the job that had it; NothingFailed.

    What the others came to stays. Of two requests at once the second one finds nothing to do.
    """
    with db.atomic():
        failed = list(IngestItem.objects.filter(run=run, state=ItemState.FAILED).order_by("number"))
        waiting = IngestItem.objects.filter(id__in=[item.id for item in failed], state=ItemState.FAILED)
        taken = waiting.update(
            state=ItemState.PENDING, job=None, landed={}, findings=[], code="", reason="", settled_at=None
        )
        if not failed or taken != len(failed):
            raise NothingFailed("nothing of this ingest has failed, or it is tried again already")
        IngestRun.of(run.tenant_id).filter(id=run.id).update(finished_at=None)
        jobs = [_job(actor, run, batch) for batch in requests.batches(failed, settings.NEXUS_INGEST_BATCH)]
        details = {"items": taken, "jobs": [job.ref for job in jobs]}
        outbox.record(actor, "ingest.retried", run.ref, old="finished", new="working", details=details, data=details)
    return jobs


def _job(actor: Actor, run: IngestRun, batch: Sequence[IngestItem]) -> Job:
    job = queue.submit(actor, requests.JOB, {"ingestId": run.ref}, subject=run.ref)
    IngestItem.objects.filter(id__in=[item.id for item in batch]).update(job=job)
    return job


def cancel(actor: Actor, run: IngestRun) -> list[Job]:
    """Cancel the jobs of a run that wait or run; what they leave open ends as failed. NothingRuns."""
    live = list(jobs_of(run).filter(state__in=LIVE).order_by("created_at"))
    stopped = []
    for job in live:
        try:
            stopped.append(queue.cancel(actor, job, "the ingest was cancelled"))
        except Conflict:  # it ended at this moment
            continue
    if not stopped:
        raise NothingRuns("nothing of this ingest is waiting or running")
    return stopped


def jobs_of(run: IngestRun) -> QuerySet[Job]:
    """Return the jobs of a run, those of an earlier try too."""
    return Job.of(run.tenant_id).filter(subject=run.ref)
