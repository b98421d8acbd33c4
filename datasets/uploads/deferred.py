"""The length of an upload that began without one (tus: creation-defer-length): told once, by a later PATCH.

Until then the upload ends at the largest file that is allowed, and its room is taken as bytes come.
"""

from __future__ import annotations

from django.conf import settings

from datasets.models import DatasetVersion
from datasets.models.upload import UploadLeaf, UploadSession, UploadState
from datasets.storage import faults
from datasets.uploads import disk, ledger, parts, quota
from datasets.uploads.errors import LengthConflict, UploadTooLarge
from tradenexus import db, failpoints


def refuse(session: UploadSession, length: int) -> None:
    """Raise LengthConflict or UploadTooLarge when this cannot be the upload's length; saying it again is fine."""
    place = {"offset": session.offset, "length": session.length}
    if session.length is not None and session.length != length:
        raise LengthConflict(f"The length is {session.length} already and cannot become {length}.", place)
    if length > settings.NEXUS_MAX_UPLOAD_BYTES:
        raise UploadTooLarge(
            "The file is larger than allowed here.", {**place, "maxBytes": settings.NEXUS_MAX_UPLOAD_BYTES}
        )
    if length < session.offset:
        raise LengthConflict(f"{session.offset} bytes are here already: the length cannot be {length}.", place)


def declare(session: UploadSession, descriptor: int, length: int) -> None:
    """Set the length, under the file's lock; of several that say different ones exactly one gets its way.

    LengthConflict, UploadTooLarge, QuotaExceeded, StorageFull: nothing is set then.
    """
    refuse(session, length)
    if session.length == length:
        return
    with faults.named():
        disk.reserve(descriptor, length if session.is_partial else parts.room(length))
    failpoints.hit("uploads.declaring")
    leaves = _last_leaf(session, descriptor, length)
    with db.atomic():
        rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=UploadState.OPEN, length=None)
        mine = rows.filter(offset=session.offset, reserved_bytes=session.reserved_bytes)
        if not mine.update(length=length, reserved_bytes=length, updated_at=db.now()):
            raise LengthConflict("Another request has just told the length.", {"offset": session.offset})
        if session.version_id:
            DatasetVersion.everyone.filter(id=session.version_id).update(size_bytes=length)
        UploadLeaf.objects.bulk_create(UploadLeaf(session=session, **leaf._asdict()) for leaf in leaves)
        quota.reserve(session.tenant_id, length - session.reserved_bytes)
    session.length = session.reserved_bytes = length


def _last_leaf(session: UploadSession, descriptor: int, length: int) -> list[ledger.Leaf]:
    """All bytes may be here already: then the open leaf turns out to have been the last one, and closes."""
    start = ledger.leaf_start(length)
    if session.offset != length or start == length:
        return []
    crc = ledger.open_crc(descriptor, length)
    return [ledger.Leaf(start // ledger.LEAF_BYTES, length - start, crc)]
