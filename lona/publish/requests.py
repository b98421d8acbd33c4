"""What is wanted at the provider: one publication per slice, joined when an identical one is there or on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError

from datasets.models import DatasetVersion
from lona.adapter.slices import Slice
from lona.models import ACTIVE, LIVE, Publication
from lona.publish import status
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.jobs import queue
from tradenexus.jobs.models import LIVE as LIVE_JOBS
from tradenexus.jobs.models import Job

KIND = "lona.publish"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The publications of a request, in order, and the job that carries those still on their way."""

    publications: list[Publication]
    job: Job


def request(actor: Actor, version: DatasetVersion, slices: Sequence[Slice], mode: str = "explicit") -> Wanted:
    """Ask for slices to be published, inside `db.atomic()`; an identical slice is joined, never sent twice."""
    status.lock(version)
    rows = [join(actor, version, part, mode) for part in slices]
    waiting = [row for row in rows if row.state in LIVE and not _carried(row)]
    job = _submit(actor, version, waiting) if waiting else _job_of(actor, version, rows)
    status.settle(version, actor, job=job.ref)
    return Wanted(rows, job)


def join(actor: Actor, version: DatasetVersion, part: Slice, mode: str) -> Publication:
    """Return the active publication of a slice, or create it in `queued`; inside `db.atomic()`."""
    same = Publication.of(actor.tenant_id).filter(
        version=version,
        instrument=part.instrument,
        venue=part.venue,
        start_ns=part.start_ns,
        end_ns=part.end_ns,
        state__in=ACTIVE,
    )
    found = same.select_related("job").first()
    if found is not None:
        return found
    try:
        with db.atomic():
            row = Publication.everyone.create(
                tenant_id=actor.tenant_id,
                version=version,
                instrument=part.instrument,
                venue=part.venue,
                frequency=part.frequency,
                start_ns=part.start_ns,
                end_ns=part.end_ns,
                mode=mode,
            )
    except IntegrityError:
        return same.select_related("job").get()
    status.announce(row, actor, "")
    return row


def _carried(row: Publication) -> bool:
    return row.job is not None and row.job.state in LIVE_JOBS


def _submit(actor: Actor, version: DatasetVersion, rows: list[Publication]) -> Job:
    job = queue.submit(actor, KIND, {"publicationIds": [row.ref for row in rows]}, subject=version.ref)
    Publication.everyone.filter(id__in=[row.id for row in rows]).update(job=job)
    for row in rows:
        row.job = job
    return job


def _job_of(actor: Actor, version: DatasetVersion, rows: list[Publication]) -> Job:
    """Answer the job that carries or carried these; when it was swept away, a new one that finds them done."""
    for row in sorted(rows, key=lambda row: row.state not in LIVE):
        if row.job is not None:
            return row.job
    return _submit(actor, version, rows)
