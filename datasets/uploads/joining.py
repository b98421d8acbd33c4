"""The job `dataset.join`: puts a final upload together of its parts, verified on the way, and drops them afterwards.

Everything before the row says so may be repeated from the start. When `complete` was called meanwhile the same job goes
on to the ingest. A join that fails ends the final upload and gives the parts back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, Value, When

from datasets.models.upload import UploadLeaf, UploadSession, UploadState
from datasets.storage import faults
from datasets.uploads import concat, disk, ingest, ledger, partials, sessions
from datasets.uploads.errors import ChecksumMismatch
from tradenexus import db, failpoints, ids
from tradenexus.actor import Actor
from tradenexus.errors import Conflict, ProblemError
from tradenexus.jobs.models import Job
from tradenexus.jobs.runner import Run

_BLOCK_BYTES = 1 << 20


def join(run: Run) -> dict[str, Any]:
    """Join the parts; the result says what became of the upload, after the ingest as the ingest does."""
    session = ingest.session_of(run.actor, run.params)
    if session.state == UploadState.JOINING:
        _put_together(run, session)
        failpoints.hit("join.recorded")
        session.refresh_from_db()
    if session.state != UploadState.TERMINATED:
        partials.drop_bytes(session)
    if session.state in (UploadState.INGESTING, UploadState.FINISHED):
        return ingest.ingest(run)
    return _result(session)


def _result(session: UploadSession) -> dict[str, Any]:
    return {"uploadId": session.ref, "state": session.state, "sizeBytes": session.length}


def _put_together(run: Run, session: UploadSession) -> None:
    with _locked(session) as target:
        book = ledger.Ledger(0, session.total)
        leaves: list[ledger.Leaf] = []
        known = {part.id: part for part in partials.of(session)}
        for part_id in concat.in_order(session.concat):
            with _locked(known[part_id]) as source:
                leaves += _copy(run, known[part_id], source, target, book)
            failpoints.hit("join.copied")
        with faults.named():
            os.fdatasync(target)
        failpoints.hit("join.synced")
        _record(run, session, leaves)


@contextmanager
def _locked(session: UploadSession) -> Iterator[int]:
    descriptor = ingest.lock(session)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _copy(run: Run, part: UploadSession, source: int, target: int, book: ledger.Ledger) -> list[ledger.Leaf]:
    """Append one part to the target; return the target's leaves that closed. The part's own leaves are compared."""
    rows = UploadLeaf.objects.filter(session=part).values_list("number", "size_bytes", "crc32c")
    check = ledger.Check([ledger.Leaf(*row) for row in rows], part.total)
    closed: list[ledger.Leaf] = []
    at = 0
    while at < part.total:
        run.check()
        run.progress("joining", book.offset, book.length)
        with faults.named():
            block = os.pread(source, min(_BLOCK_BYTES, part.total - at), at)
            if not block:
                break
            disk.copy(source, at, target, book.offset, block)
        check.feed(block)
        closed += book.feed(block)
        at += len(block)
    if check.damaged or at < part.total:
        raise _damaged(part, check.damaged, at)
    return closed


def _damaged(part: UploadSession, damaged: list[int], at: int) -> ChecksumMismatch:
    leaf = min([*damaged, at // ledger.LEAF_BYTES])
    return ChecksumMismatch(
        f"Our copy of {part.ref} is damaged from leaf {leaf} on; mend it, then create the final upload again.",
        {"partId": part.ref, **ingest.damage(part, damaged, at)},
    )


def _record(run: Run, session: UploadSession, leaves: list[ledger.Leaf]) -> None:
    now = db.now()
    with run.effect() as effect:
        rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=UploadState.JOINING)
        onward = When(complete_asked=True, then=Value(UploadState.INGESTING))
        if not rows.update(
            state=Case(onward, default=Value(UploadState.OPEN)),
            offset=session.total,
            updated_at=now,
            expires_at=now + timedelta(seconds=settings.NEXUS_UPLOAD_EXPIRY_S),
        ):
            raise Conflict("the upload is no longer being joined", {"uploadId": session.ref})
        UploadLeaf.objects.filter(session=session).delete()
        UploadLeaf.objects.bulk_create((UploadLeaf(session=session, **leaf._asdict()) for leaf in leaves), 1000)
        session.refresh_from_db()
        if session.state == UploadState.OPEN:
            effect.finish(_result(session))


def failed(run_or_job: Run | Job, actor: Actor, error: ProblemError, outcome: str) -> None:
    """End the final upload and give its parts back, in the transaction that ends the job; after the join, as ingest."""
    session = ingest.session_of(actor, run_or_job.params)
    if session.state != UploadState.JOINING:
        ingest.failed(run_or_job, actor, error, outcome)
        return
    UploadSession.of(session.tenant_id).filter(id=session.id).update(error=ingest.told(error, outcome))
    sessions.end(actor, session, UploadState.TERMINATED, f"its parts were not joined: {error.message}")
    if "partId" in error.details:
        part = sessions.find(actor, ids.decode(UploadSession.prefix, error.details["partId"]))
        UploadSession.of(part.tenant_id).filter(id=part.id).update(**ingest.given_back(part, error))


def retried(job: Job, actor: Actor) -> None:
    """Take the upload back when it was joined already; Conflict when its parts were given back instead."""
    if ingest.session_of(actor, job.params).state != UploadState.OPEN:
        raise Conflict("the parts were given back: create the final upload again", job.params)
    ingest.retried(job, actor)
