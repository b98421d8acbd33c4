"""Partial uploads in the hands of a final one: found fit, claimed by compare-and-swap, given back when it fails.

A claimed part (`joined`) keeps its bytes until the final upload has them; what it held of the quota goes over to the
final upload and comes back with it. Rows are taken in the order of their ids, before the tenant's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import F

from datasets.models.upload import PARTIAL, UploadSession, UploadState
from datasets.uploads import disk, quota
from datasets.uploads.errors import PartUnfit, UploadGone
from tradenexus import db
from tradenexus.errors import NotFound


def find(tenant_id: UUID, part_ids: Sequence[UUID]) -> list[UploadSession]:
    """Return the tenant's uploads of these ids, in this order; NotFound when one is unknown or another tenant's."""
    known = {row.id: row for row in UploadSession.of(tenant_id).filter(id__in=set(part_ids))}
    for place, part_id in enumerate(part_ids):
        if part_id not in known:
            raise NotFound(f"Upload-Concat: no upload in your workspace is the one named in place {place + 1}.")
    return [known[part_id] for part_id in part_ids]


def refuse_unfit(part: UploadSession) -> None:
    """Raise PartUnfit or UploadGone when a final upload cannot be made of this one."""
    if not part.is_partial:
        raise _unfit(part, "is not a partial upload")
    if part.state == UploadState.JOINED:
        raise _unfit(part, "went into another final upload")
    if part.state != UploadState.OPEN or part.expires_at <= db.now():
        raise UploadGone(f"The partial upload {part.ref} expired or was cancelled.", {"uploadId": part.ref})
    if not part.is_whole:
        raise _unfit(part, "has not been received whole")


def _unfit(part: UploadSession, why: str) -> PartUnfit:
    place = {"offset": part.offset, "length": part.length, "state": part.state}
    return PartUnfit(f"{part.ref} {why}.", {"uploadId": part.ref, **place})


def claim(parts: Sequence[UploadSession], final_id: UUID) -> int:
    """Take the parts for a final upload, all or none, inside its transaction; return the bytes they held of the quota.

    PartUnfit when another request was faster.
    """
    held = 0
    for part in sorted({part.id: part for part in parts}.values(), key=lambda part: part.id):
        mine = UploadSession.of(part.tenant_id).filter(id=part.id, state=UploadState.OPEN, concat=PARTIAL)
        changes = {"state": UploadState.JOINED, "final_id": final_id, "reserved_bytes": 0, "updated_at": db.now()}
        if not mine.filter(offset=F("length"), reserved_bytes=part.reserved_bytes).update(**changes):
            raise _unfit(part, "was taken or changed by another request")
        held += part.reserved_bytes
    return held


def of(final: UploadSession) -> list[UploadSession]:
    """Return the parts that a final upload has taken, each once."""
    return list(UploadSession.of(final.tenant_id).filter(final=final).order_by("id"))


def give_back(final: UploadSession) -> None:
    """Make the parts of a final upload that was not joined open again, inside the transaction that ends it."""
    expires = db.now() + timedelta(seconds=settings.NEXUS_UPLOAD_EXPIRY_S)
    held = 0
    for part in of(final):
        mine = UploadSession.of(final.tenant_id).filter(id=part.id, final=final, state=UploadState.JOINED)
        held += part.total * mine.update(
            state=UploadState.OPEN, final=None, reserved_bytes=part.total, expires_at=expires, updated_at=db.now()
        )
    quota.shift(final.tenant_id, held)


def drop_bytes(final: UploadSession) -> None:
    """Remove the bytes of the parts: the final upload has them, durable, and its row says so."""
    for part in of(final):
        disk.remove(part.id)
