"""The job `dataset.ingest`: one pass over the received bytes (SHA-256, leaf digests), then into storage, put-once.

An upload that was shipped into object storage while it came is made one object first and verified there.

Everything before the last transaction may be repeated; the transaction is fenced by the job's token. The upload's own
copy goes only after it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from datasets import lifecycle, versions
from datasets.models import DatasetVersion, Status
from datasets.models.shipment import UploadShipment
from datasets.models.upload import UploadLeaf, UploadSession, UploadState
from datasets.storage import blobs, faults, layout
from datasets.uploads import disk, ledger, mending, parts, quota, sessions, shipping
from datasets.uploads.errors import ChecksumMismatch
from tradenexus import db, failpoints, ids
from tradenexus.actor import Actor
from tradenexus.errors import Conflict, ProblemError
from tradenexus.jobs import queue, registry
from tradenexus.jobs.models import Job
from tradenexus.jobs.runner import Run

_LOCK_WAIT_S = 20.0
MENDABLE = 1000  # with more damaged leaves than this the file is sent again from the first


class BytesLost(ProblemError):
    """The received file is no longer on the server's disk. Start the upload again; check the disk."""

    code = "UPLOAD_BYTES_LOST"


def ingest(run: Run) -> dict[str, Any]:
    """Verify a received upload and make it its version's raw file; the result names the version and its digest."""
    session = session_of(run.actor, run.params)
    if session.state == UploadState.FINISHED:
        return _result(session)
    descriptor = lock(session)
    try:
        shipped = _shipped(session)
        with _received(session, descriptor, shipped) as handle:
            digest = _verify(run, session, handle, shipped)
        failpoints.hit("ingest.verified")
        result = _finish(run, session, digest, shipped)
    finally:
        os.close(descriptor)
    failpoints.hit("ingest.committed")
    if shipped:
        shipping.drop(session)  # the object of a duplicate; else nothing is left of it
    disk.remove(session.id)
    return result


def session_of(actor: Actor, params: dict[str, Any]) -> UploadSession:
    """Return the upload that a job is about."""
    return sessions.find(actor, ids.decode(UploadSession.prefix, params["uploadId"]))


def lock(session: UploadSession) -> int:
    """Return the upload's file, locked: a writer that outlived its last answer is gone before the bytes are hashed.

    RetryLater while another holds it; BytesLost when the file is gone.
    """
    deadline = time.monotonic() + _LOCK_WAIT_S
    try:
        while (descriptor := disk.try_lock(session.id)) is None:
            if time.monotonic() > deadline:
                raise registry.RetryLater("another process still holds the upload's file", after_s=5)
            time.sleep(0.05)
    except FileNotFoundError as error:
        raise BytesLost("The received file is gone.", {"uploadId": session.ref}) from error
    return descriptor


def _shipped(session: UploadSession) -> bool:
    """Bring the rest of an upload that was shipped while it came into storage; False when its bytes are all here."""
    if not parts.step(session):
        return False
    try:
        if not shipping.rest(session):
            raise registry.RetryLater("another process still ships the upload's parts", after_s=5)
    except parts.PartsLost as error:
        raise _damaged({**damage(session, [0], 0), "offset": 0}) from error
    failpoints.hit("ingest.stored")
    return True


@contextmanager
def _received(session: UploadSession, descriptor: int, shipped: bool) -> Iterator[IO[bytes]]:
    """Open what is to be verified: the bytes as they lie in storage, or in the upload's own file."""
    if shipped:
        with blobs.open_blob(parts.raw_key(session)) as stored:
            yield stored
        return
    with os.fdopen(os.dup(descriptor), "rb", buffering=0) as handle, faults.named():
        handle.seek(0)
        yield handle


def _verify(run: Run, session: UploadSession, handle: IO[bytes], shipped: bool) -> str:
    rows = UploadLeaf.objects.filter(session=session).values_list("number", "size_bytes", "crc32c")
    check = ledger.Check([ledger.Leaf(*row) for row in rows], session.total)
    done = 0

    def on_block(block: bytes) -> None:
        nonlocal done
        run.check()
        check.feed(block)
        done += len(block)
        run.progress("hashing", done, session.total)

    digest = blobs.digest_stream(handle, on_block)
    if check.damaged or done != session.length:
        told = damage(session, check.damaged, done)
        if shipped:  # its sound leaves are in the same object, so all of it has to come again
            blobs.delete(parts.raw_key(session))
            told |= {"leaves": [], "offset": 0}
        raise _damaged(told)
    _agree(session, digest)
    return digest


def damage(session: UploadSession, damaged: list[int], done: int) -> dict[str, Any]:
    """Return what to tell of an upload with damaged leaves, or of which only `done` bytes can be read.

    `leaves` are those that can be sent again alone; none when the upload has to be gone on with from `offset`.
    """
    leaf = min([*damaged, done // ledger.LEAF_BYTES])
    return {
        "leaf": leaf,
        "leaves": damaged if done == session.length and len(damaged) <= MENDABLE else [],
        "offset": leaf * ledger.LEAF_BYTES,
        "length": session.length,
        "uploadId": session.ref,
    }


def _damaged(told: dict[str, Any]) -> ChecksumMismatch:
    again = "it again, or the file from there" if told["leaves"] else f"the file again from byte {told['offset']}"
    return ChecksumMismatch(f"Our copy of leaf {told['leaf']} is damaged; send {again}.", told)


def _agree(session: UploadSession, digest: str) -> None:
    if session.declared_sha256 not in ("", digest):
        raise ChecksumMismatch(
            "The received bytes have another SHA-256 than was declared.",
            {"expected": session.declared_sha256, "actual": digest, "uploadId": session.ref},
        )


def _finish(run: Run, session: UploadSession, digest: str, shipped: bool) -> dict[str, Any]:
    version = session.target
    duplicate = _twin(version, digest)
    key = layout.raw(session.tenant_id, version.dataset_id, version.id)
    if duplicate is None and not shipped:
        run.progress("storing", 0, session.total)
        blobs.put_file(key, disk.data_path(session.id), digest)
        failpoints.hit("ingest.stored")
    with run.effect() as effect:
        _end(session, digest, duplicate)
        result = _result(session)
        if duplicate is None:
            versions.receive(version, raw_key=key, sha256=digest, size_bytes=session.total)
            if shipped:
                UploadShipment.objects.filter(session=session).delete()  # what it brought is the version's now
        effect.finish(result)
        if duplicate is None and (version.params.get("then") or {}).get("validate"):
            queue.submit(run.actor, sessions.NEXT, {"versionId": version.ref}, subject=version.ref, parent=run.job)
        told = {"sha256": digest, "sizeBytes": session.length, "uploadId": session.ref}
        if duplicate is None:
            lifecycle.advance(version, Status.UPLOADED, run.actor, details=told, job=run.job.ref)
        else:
            told["duplicateOf"] = session.duplicate_of
            lifecycle.advance(version, Status.ARCHIVED, run.actor, reason="duplicate", details=told, job=run.job.ref)
    return result


def _twin(version: DatasetVersion, digest: str) -> DatasetVersion | None:
    """Return another version of the dataset that was uploaded with the same bytes."""
    rows = DatasetVersion.of(version.tenant_id).filter(dataset_id=version.dataset_id, sha256=digest, operation="upload")
    return (
        rows.exclude(id=version.id).exclude(status__in=[Status.UPLOADING, Status.ARCHIVED]).order_by("number").first()
    )


def _end(session: UploadSession, digest: str, duplicate: DatasetVersion | None) -> None:
    session.refresh_from_db(fields=["state", "declared_sha256"])
    _agree(session, digest)  # a later call of complete may have brought the digest
    ended = UploadSession.of(session.tenant_id).filter(
        id=session.id, state=UploadState.INGESTING, declared_sha256=session.declared_sha256
    )
    twin = duplicate.ref if duplicate else ""
    if not ended.update(state=UploadState.FINISHED, sha256=digest, duplicate_of=twin, updated_at=db.now()):
        raise Conflict("the upload is no longer being ingested", {"uploadId": session.ref})
    session.state, session.sha256, session.duplicate_of = UploadState.FINISHED, digest, twin
    if duplicate:
        quota.release(session)


def _result(session: UploadSession) -> dict[str, Any]:
    result = {
        "datasetId": session.target.dataset.ref,
        "versionId": session.target.ref,
        "version": session.target.number,
        "sha256": session.sha256,
        "sizeBytes": session.length,
    }
    return {**result, "duplicateOf": session.duplicate_of} if session.duplicate_of else result


def failed(run_or_job: Run | Job, actor: Actor, error: ProblemError, outcome: str) -> None:
    """Give the upload back to its client, in the transaction that ends the job: nothing received is thrown away.

    A damaged leaf takes the offset back to its start (mending says what is kept behind it); another digest than
    declared makes it `mismatched`.
    """
    session = session_of(actor, run_or_job.params)
    rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=UploadState.INGESTING)
    changes: dict[str, Any] = {"state": UploadState.OPEN, "error": told(error, outcome), "updated_at": db.now()}
    if error.code == ChecksumMismatch.code and "actual" in error.details:
        changes |= {"state": UploadState.MISMATCHED, "sha256": error.details["actual"]}
    elif error.code == ChecksumMismatch.code:
        changes |= given_back(session, error)
        UploadShipment.objects.filter(session=session).delete()  # completed, and removed since
    rows.update(**changes)


def told(error: ProblemError, outcome: str) -> dict[str, Any]:
    """Return what an upload's row keeps of an error."""
    return {"code": error.code, "message": error.message, "details": error.details, "outcome": outcome}


def given_back(session: UploadSession, error: ProblemError) -> dict[str, Any]:
    """Take a damaged upload's offset back; return the row's changes for it."""
    if leaves := error.details.get("leaves"):
        return mending.lay_aside(session, leaves)
    offset = error.details["offset"]
    UploadLeaf.objects.filter(session=session, number__gte=offset // ledger.LEAF_BYTES).delete()
    return {"offset": offset, "tail_boot": ""}


def retried(job: Job, actor: Actor) -> None:
    """Take the upload back for a job that is queued again; Conflict when it is no longer waiting for that."""
    session = session_of(actor, job.params)
    rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=UploadState.OPEN, offset=session.total)
    if not rows.update(state=UploadState.INGESTING, job_ref=job.ref, error=None, updated_at=db.now()):
        raise Conflict(f"the upload is {session.state}; complete it instead", {"uploadId": session.ref})
