"""Damaged leaves, sent again one by one: the ingest pass found that our copy no longer has the digest it landed with.

The offset stands at the first damaged leaf, so that a client that knows nothing of leaves goes on from there and sends
the rest again. One that does know sends the damaged ones alone; then the offset jumps over all that was kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta

import crc32c
from django.conf import settings

from datasets.models.upload import UploadLeaf, UploadSession, UploadState
from datasets.storage import faults
from datasets.uploads import disk, ledger
from datasets.uploads.errors import BadHeader, ChunkRefused, OffsetConflict, PartIntact
from tradenexus import db, failpoints


def lay_aside(session: UploadSession, damaged: Sequence[int]) -> dict[str, int | str | None]:
    """Mark the leaves as damaged, inside the transaction that reopens the upload; return the row's changes for it.

    Leaves without a row (they never landed whole) cannot be compared when they come again: then nothing is kept.
    """
    rows = UploadLeaf.objects.filter(session=session)
    offset = min(damaged) * ledger.LEAF_BYTES
    whole = sum(rows.values_list("size_bytes", flat=True)) == session.total
    if whole and rows.filter(number__in=damaged).update(damaged=True) == len(damaged):
        return {"offset": offset, "kept_bytes": session.total, "tail_boot": ""}
    rows.filter(number__gte=min(damaged)).delete()
    return {"offset": offset, "kept_bytes": None, "tail_boot": ""}


def numbers(session: UploadSession) -> list[int]:
    """Return the damaged leaves in order, at most 100 of them."""
    rows = UploadLeaf.objects.filter(session=session, damaged=True).order_by("number")
    return list(rows.values_list("number", flat=True)[:100])


def wanted(session: UploadSession, number: int) -> UploadLeaf:
    """Return the damaged leaf of this number; PartIntact when it is not one."""
    leaf = UploadLeaf.objects.filter(session=session, number=number, damaged=True).first()
    if leaf is None or session.kept_bytes is None:
        raise PartIntact(f"Part {number} is not damaged.", {"part": number, "damagedParts": numbers(session)})
    return leaf


def refuse_size(leaf: UploadLeaf, size: int) -> None:
    """Raise BadHeader unless the body is exactly as long as the leaf."""
    if size != leaf.size_bytes:
        raise BadHeader(
            f"Part {leaf.number} has {leaf.size_bytes} bytes, not {size}.",
            {"header": "Content-Length", "sizeBytes": leaf.size_bytes},
        )


def mend(session: UploadSession, descriptor: int, number: int, data: bytes) -> None:
    """Write a damaged leaf again, under the file's lock: all of it or nothing, durable before the row says so.

    PartIntact, BadHeader for another size; ChunkRefused when these are not the bytes that the leaf had.
    """
    leaf = wanted(session, number)
    refuse_size(leaf, len(data))
    if crc32c.crc32c(data) != leaf.crc32c:
        raise ChunkRefused(f"These are not the bytes that part {number} had; they were thrown away.", {"part": number})
    with faults.named():
        disk.write_all(descriptor, [data], number * ledger.LEAF_BYTES)
        failpoints.hit("uploads.part_written")
        os.fdatasync(descriptor)
    failpoints.hit("uploads.part_synced")
    _record(session, leaf)


def _record(session: UploadSession, leaf: UploadLeaf) -> None:
    now = db.now()
    with db.atomic():
        mine = UploadSession.of(session.tenant_id).filter(
            id=session.id, state=UploadState.OPEN, offset=session.offset, kept_bytes=session.kept_bytes
        )
        UploadLeaf.objects.filter(id=leaf.id).update(damaged=False)
        left = UploadLeaf.objects.filter(session=session, damaged=True).order_by("number").first()
        offset = left.number * ledger.LEAF_BYTES if left else session.kept_bytes
        kept = session.kept_bytes if left else None
        expires = now + timedelta(seconds=settings.NEXUS_UPLOAD_EXPIRY_S)
        changes = {"offset": offset, "kept_bytes": kept, "updated_at": now, "expires_at": expires}
        if not mine.update(**changes, **({} if left else {"error": None})):
            raise OffsetConflict("The upload was changed by another request.", {"length": session.length})
    session.refresh_from_db()
