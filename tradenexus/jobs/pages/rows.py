"""A job as a row: what it is about, how long it took, why it is as it is; made for many jobs with few queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from tradenexus import db
from tradenexus.jobs import subjects
from tradenexus.jobs.models import LIVE, RETRYABLE, Job, State, Worker
from tradenexus.jobs.subjects import Subject

SILENT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Row:
    """A job and what its line says besides."""

    job: Job
    subject: Subject | None
    seconds: float | None
    reason: str
    silent_s: float | None

    @property
    def live(self) -> bool:
        """Whether it waits or runs."""
        return self.job.state in LIVE

    @property
    def retryable(self) -> bool:
        """Whether a person may queue it again."""
        return self.job.state in RETRYABLE

    @property
    def word(self) -> str:
        """The chip's word where it is not the state's own."""
        return "Cancelling" if self.job.state == State.RUNNING and self.job.cancel_requested_at else ""


def of(tenant_id: UUID, jobs: Iterable[Job]) -> list[Row]:
    """Return rows in the order of the jobs."""
    jobs, now = list(jobs), db.now()
    about = subjects.described(tenant_id, (job.subject for job in jobs if job.subject))
    return [Row(job, about.get(job.subject), seconds(job, now), reason(job, now), silent_s(job, now)) for job in jobs]


def seconds(job: Job, now: datetime) -> float | None:
    """Return how long it runs or ran."""
    if job.started_at is None:
        return None
    return ((job.finished_at or now) - job.started_at).total_seconds()


def silent_s(job: Job, now: datetime) -> float | None:
    """Return the seconds since the last heartbeat of a running job, None while that is recent."""
    if job.state != State.RUNNING or job.lease_until is None:
        return None
    quiet = (now - job.lease_until).total_seconds() + settings.NEXUS_JOB_LEASE_S
    return quiet if quiet > 3 * settings.NEXUS_JOB_HEARTBEAT_S + 1 else None


def reason(job: Job, now: datetime) -> str:
    """Say in a line why the job is as it is; empty when its state says all."""
    silent = silent_s(job, now)
    if silent is not None:
        return f"no heartbeat for {silent:.0f} s; it is taken up again when its lease ends"
    if job.state == State.RUNNING and job.cancel_requested_at:
        return "asked to stop; what is stored already is kept"
    said = (job.error or {}).get("message", "") if job.state != State.SUCCEEDED else ""
    if job.state == State.QUEUED and job.run_at > now:
        wait = (job.run_at - now).total_seconds()
        return f"next try in {wait:.0f} s{f': {said}' if said else ''}"
    return said


def workers_silent(now: datetime) -> bool:
    """Tell whether no worker has given a sign of life lately."""
    return not Worker.objects.filter(beat_at__gt=now - SILENT).exists()
