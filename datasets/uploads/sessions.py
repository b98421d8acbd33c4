r"""The verbs of an upload: start, find, settle, complete, terminate.

    joining -> open, ingesting              (a final upload, while it is put together of partial ones)
    open -> ingesting -> finished           (finished also when the bytes turned out to be a duplicate)
      ^        |  \-> mismatched -> ingesting (completed again with the true digest)
      \--------/   a damaged leaf, a cancelled or failed ingest
    open | mismatched -> terminated | expired;  joining -> terminated
    a partial upload: open -> joined        (taken by a final one, see partials), terminated, expired

Each step is a compare-and-swap on `state`; room is reserved on the tenant's row from start to the end (quota).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from datasets import descriptions, lifecycle, staged, versions
from datasets.models import Dataset, DatasetVersion, Status
from datasets.models.upload import LIVE_STATES, PARTIAL, UploadSession, UploadState
from datasets.storage import faults
from datasets.uploads import disk, durable, ledger, mending, partials, parts, quota, shipping
from datasets.uploads.errors import (
    ChecksumMismatch,
    UploadFinal,
    UploadGone,
    UploadIncomplete,
    UploadTooLarge,
)
from datasets.uploads.wanted import NewUpload
from tradenexus import db, failpoints, ids
from tradenexus.actor import Actor
from tradenexus.errors import Conflict, NotFound
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

INGEST = "dataset.ingest"
_ENDABLE = (UploadState.OPEN, UploadState.MISMATCHED)
NEXT = "dataset.onward"  # what the client asked to follow by itself


def start(actor: Actor, new: NewUpload, claim: Callable[[UUID], int] | None = None) -> UploadSession:
    """Reserve the declared length, open a version and an empty file for it. Without a length none is reserved yet.

    `claim` is called first, with the new upload's id, and returns how many bytes of the quota it takes over.
    UploadTooLarge, QuotaExceeded, TooManyUploads, StorageFull; StateConflict naming the dataset's live upload.
    """
    if (new.length or 0) > settings.NEXUS_MAX_UPLOAD_BYTES:
        raise UploadTooLarge("The file is larger than allowed here.", {"maxBytes": settings.NEXUS_MAX_UPLOAD_BYTES})
    upload_id = ids.uuid7()
    try:
        with db.atomic():
            dataset = _dataset(actor, new)
            held = claim(upload_id) if claim else 0
            quota.reserve(actor.tenant_id, (new.length or 0) - held)
            quota.refuse_too_many(actor.tenant_id)
            with faults.named():
                disk.create(upload_id, (new.length or 0) if new.concat == PARTIAL else parts.room(new.length))
            failpoints.hit("uploads.created")
            return _insert(actor, new, dataset, upload_id)
    except BaseException:
        disk.remove(upload_id)
        raise


def _dataset(actor: Actor, new: NewUpload) -> Dataset | None:
    if not new.dataset:
        return None
    with contextlib.suppress(ValueError):
        found = Dataset.of(actor.tenant_id).filter(id=ids.decode(Dataset.prefix, new.dataset)).first()
        if found:
            _refuse_second(found)
            return found
    raise NotFound(f"no dataset with id {new.dataset[:64]!r} in this workspace")


def _refuse_second(dataset: Dataset) -> None:
    live = UploadSession.of(dataset.tenant_id).filter(dataset=dataset, state__in=LIVE_STATES).first()
    if live:
        raise Conflict(
            f"the dataset has an upload already ({live.state}); finish or cancel it first",
            {"uploadId": live.ref, "versionId": live.target.ref, "state": live.state},
        )


def _insert(actor: Actor, new: NewUpload, dataset: Dataset | None, upload_id: UUID) -> UploadSession:
    try:
        with db.atomic():
            version = None if new.concat == PARTIAL else _version(actor, new, dataset)
            return UploadSession.everyone.create(
                id=upload_id,
                tenant_id=actor.tenant_id,
                dataset=version.dataset if version else None,
                version=version,
                user_id=actor.user_id,
                state=UploadState.JOINING if new.concat not in ("", PARTIAL) else UploadState.OPEN,
                concat=new.concat,
                filename=new.filename,
                content_type=new.content_type,
                length=new.length,
                metadata=new.header,
                declared_sha256=new.sha256,
                reserved_bytes=new.length or 0,
                expires_at=db.now() + timedelta(seconds=settings.NEXUS_UPLOAD_EXPIRY_S),
            )
    except IntegrityError:
        if dataset:
            _refuse_second(dataset)
        raise


def _version(actor: Actor, new: NewUpload, dataset: Dataset | None) -> DatasetVersion:
    version = versions.open_upload(
        actor,
        name=new.name or new.filename,
        filename=new.filename,
        content_type=new.content_type,
        dataset=dataset,
        kind=new.kind,
        venue=new.venue,
        params=new.reading,
        size_bytes=new.length or 0,
    )
    descriptions.change(actor, version.dataset, vendor=new.vendor or None, asset_class=new.asset_class or None)
    return version


def find(actor: Actor, upload_id: UUID) -> UploadSession:
    """Return the tenant's upload; NotFound for unknown and other tenants' ids alike."""
    session = UploadSession.of(actor.tenant_id).filter(id=upload_id).first()
    if session is None:
        raise NotFound("No upload with this id in your workspace.")
    return session


def living(actor: Actor, upload_id: UUID) -> UploadSession:
    """Return the tenant's upload; NotFound for an unknown one, UploadGone for one at its end."""
    session = find(actor, upload_id)
    refuse_gone(session)
    return session


def refuse_gone(session: UploadSession) -> None:
    """Raise UploadGone for an upload that expired or was cancelled."""
    ended = session.state in {UploadState.EXPIRED, UploadState.TERMINATED}
    if ended or (session.state == UploadState.OPEN and session.expires_at <= db.now()):
        verb = "was cancelled" if session.state == UploadState.TERMINATED else "expired"
        why = f" ({session.error['message']})" if session.error else ""
        raise UploadGone(f"This upload {verb}{why}; start a new one.", {"state": session.state})


def settled(session: UploadSession, descriptor: int | None) -> UploadSession:
    """Return the row as it is now, after bringing row and file together when the caller holds the file's lock.

    UploadGone when it has come to its end meanwhile.
    """
    fresh = UploadSession.of(session.tenant_id).get(id=session.id)
    refuse_gone(fresh)
    if descriptor is not None and fresh.takes_bytes:
        durable.settle(fresh, descriptor)
    return fresh


def open_part(session: UploadSession) -> ledger.Leaf | None:
    """Return the durable bytes after the last whole part, with their digest; None when there are none."""
    start = ledger.leaf_start(session.offset)
    if not session.takes_bytes or start == session.offset or session.is_whole:
        return None
    try:
        with disk.data_path(session.id).open("rb") as file:
            crc = ledger.open_crc(file.fileno(), session.offset)
    except (FileNotFoundError, EOFError):
        return None  # cancelled meanwhile, or a lost tail that the next HEAD settles
    return ledger.Leaf(start // ledger.LEAF_BYTES, session.offset - start, crc)


def identical(actor: Actor, sha256: str) -> DatasetVersion | None:
    """Return a version of the tenant that was uploaded with the same bytes, the newest, or None."""
    if not sha256:
        return None
    rows = DatasetVersion.of(actor.tenant_id).filter(sha256=sha256, operation="upload")
    return rows.exclude(status__in=[Status.UPLOADING, Status.ARCHIVED]).order_by("-created_at").first()


def complete(actor: Actor, dataset: Dataset, upload_ref: str = "", sha256: str = "") -> tuple[UploadSession, Job]:
    """Hand a fully received upload to the ingest job, once: repeats return the same job. Inside `db.atomic()`.

    UploadIncomplete (details: offset, length) changes nothing; ChecksumMismatch when the digest is known to differ.
    """
    session = _of_dataset(dataset, upload_ref)
    refuse_gone(session)
    if session.state == UploadState.JOINING:
        _ask(session, sha256)
        session.refresh_from_db()
    if session.state == UploadState.OPEN:
        session = _received(session)
        _to_ingest(actor, session, sha256 or session.declared_sha256)
        session.refresh_from_db()
    elif session.state == UploadState.MISMATCHED:
        _agree(session, sha256 or session.declared_sha256)
        _to_ingest(actor, session, session.sha256)
        session.refresh_from_db()
    elif session.state == UploadState.INGESTING and sha256:
        # the first call brought no digest: the running job takes this one into account
        rows = UploadSession.of(actor.tenant_id).filter(id=session.id, state=UploadState.INGESTING, declared_sha256="")
        rows.update(declared_sha256=sha256)
        session.refresh_from_db()
    _agree(session, sha256)
    return session, Job.of(actor.tenant_id).get(id=ids.decode(Job.prefix, session.job_ref))


def _ask(session: UploadSession, sha256: str) -> None:
    """Let the job that joins the upload go on to the ingest; when it has just ended, nothing is asked of it."""
    rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=UploadState.JOINING)
    digest = {"declared_sha256": sha256} if sha256 and not session.declared_sha256 else {}
    rows.update(complete_asked=True, **digest)


def _of_dataset(dataset: Dataset, upload_ref: str) -> UploadSession:
    rows = UploadSession.of(dataset.tenant_id).filter(dataset=dataset)
    if upload_ref:
        try:
            rows = rows.filter(id=ids.decode(UploadSession.prefix, upload_ref))
        except ValueError:
            rows = rows.none()
    session = rows.order_by("-created_at", "-id").first()
    if session is None:
        raise NotFound("The dataset has no such upload.")
    return session


def _received(session: UploadSession) -> UploadSession:
    """Return the row with all bytes that are on disk counted; UploadIncomplete when some have still to come."""
    if not session.is_whole:
        with contextlib.suppress(FileNotFoundError):
            descriptor = disk.try_lock(session.id)
            if descriptor is not None:
                try:
                    session = settled(session, descriptor)
                finally:
                    os.close(descriptor)
    if not session.is_whole:
        raise UploadIncomplete(
            f"{_missing(session)} have still to come.",
            {
                "offset": session.offset,
                "length": session.length,
                "uploadId": session.ref,
                **({"damagedParts": mending.numbers(session)} if session.kept_bytes is not None else {}),
            },
        )
    return session


def _missing(session: UploadSession) -> str:
    if session.length is None:
        return f"{session.offset} bytes are here; how many there are was not told yet, so the rest"
    if session.kept_bytes is not None:
        return "Damaged parts"
    return f"{session.length - session.offset} of {session.length} bytes"


def _to_ingest(actor: Actor, session: UploadSession, expected: str) -> None:
    rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=session.state, offset=session.total)
    if not rows.update(
        state=UploadState.INGESTING, declared_sha256=expected, error=None, sha256="", updated_at=db.now()
    ):
        return  # another call was faster: its job is ours too
    job = queue.submit(
        actor, INGEST, {"uploadId": session.ref}, subject=session.target.ref, dedupe=session.ref, priority=5
    )
    UploadSession.of(session.tenant_id).filter(id=session.id).update(job_ref=job.ref)


def _agree(session: UploadSession, sha256: str) -> None:
    known = session.sha256 or session.declared_sha256
    if sha256 and known and sha256 != known:
        raise ChecksumMismatch(
            "The SHA-256 given is not that of the upload.",
            {"expected": sha256, "actual": known, "uploadId": session.ref},
        )


def terminate(actor: Actor, session: UploadSession, reason: str = "upload cancelled") -> None:
    """Cancel an upload: its bytes and reservation go, its version is archived. UploadFinal once it is complete."""
    with db.atomic():
        if not end(actor, session, UploadState.TERMINATED, reason):
            session.refresh_from_db()
            refuse_gone(session)
            raise UploadFinal(
                f"The upload is {session.state}; it can no longer be cancelled.", {"state": session.state}
            )


def end(actor: Actor, session: UploadSession, state: UploadState, reason: str) -> bool:
    """End an open, mismatched or joining upload inside `db.atomic()`; False when it is in no such state any more.

    The parts of a final upload that was not joined yet are open again.
    """
    rows = UploadSession.of(session.tenant_id).filter(id=session.id)
    joining = rows.filter(state=UploadState.JOINING).update(state=state, updated_at=db.now())
    ended = joining or rows.filter(state__in=_ENDABLE).update(state=state, updated_at=db.now())
    if not ended:
        return False
    quota.release(session)
    if joining:
        partials.give_back(session)
    staged.drop(session, "the upload has ended")
    transaction.on_commit(partial(shipping.clear, session))
    transaction.on_commit(partial(staged.clear, session.id))
    if session.version:
        lifecycle.advance(session.version, Status.ARCHIVED, actor, reason=reason, details={"uploadId": session.ref})
    return True
