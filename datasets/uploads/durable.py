"""Moves the durable offset: bytes are synced first, then the row says so together with the leaves they closed.

All of it runs under the upload's file lock. HEAD reads the row, so it never promises more than what is on disk.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from datetime import timedelta

import structlog
from django.conf import settings

from datasets.models.upload import UploadLeaf, UploadSession, UploadState
from datasets.storage import faults
from datasets.uploads import disk, ledger, parts, provisional, quota, shipping
from datasets.uploads.errors import ChunkRefused, OffsetConflict
from datasets.uploads.headers import Checksum
from tradenexus import db, failpoints

log = structlog.get_logger(__name__)


def record(session: UploadSession, offset: int, leaves: Sequence[ledger.Leaf] = ()) -> None:
    """Move the row's offset by compare-and-swap and store the closed leaves; OffsetConflict when the row moved."""
    now = db.now()
    expires = now + timedelta(seconds=settings.NEXUS_UPLOAD_EXPIRY_S)
    with db.atomic():
        rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=UploadState.OPEN, offset=session.offset)
        if not rows.update(offset=offset, kept_bytes=None, updated_at=now, expires_at=expires):
            raise OffsetConflict("The upload was changed by another request.", {"length": session.length})
        UploadLeaf.objects.filter(
            session=session, number__gte=min(offset, session.offset) // ledger.LEAF_BYTES
        ).delete()
        if offset < session.offset:
            parts.forget(session, offset)
        UploadLeaf.objects.bulk_create(UploadLeaf(session=session, **leaf._asdict()) for leaf in leaves)
    session.offset, session.kept_bytes, session.expires_at = offset, None, expires


def settle(session: UploadSession, descriptor: int) -> None:
    """Bring row and file together after a crash: take over the tail that survived, or cut it off.

    The tail counts only when the kernel that took it is still running (else nothing says that it reached the disk)
    and when it did not wait for its checksum.
    """
    size = os.fstat(descriptor).st_size
    if session.kept_bytes is not None:
        if size >= session.kept_bytes:
            return
        forget_kept(session, descriptor)
        size = os.fstat(descriptor).st_size
    if size < session.offset:
        log.error("upload_bytes_lost", upload=session.ref, offset=session.offset, size_bytes=size)
        record(session, size)
    elif size > session.offset:
        if session.tail_boot and session.tail_boot == disk.boot_id():
            _take_over(session, descriptor, min(size, session.limit))
        cut_tail(session, descriptor)


def trust_tail(session: UploadSession, trusted: bool) -> None:
    """Note, before the first byte is written, whether a tail found after a crash may be taken over."""
    mark = disk.boot_id() if trusted else ""
    if session.tail_boot != mark:
        with db.atomic():
            UploadSession.of(session.tenant_id).filter(id=session.id).update(tail_boot=mark)
        session.tail_boot = mark


def forget_kept(session: UploadSession, descriptor: int) -> None:
    """Drop what was kept behind a damaged leaf: all of it is being sent again."""
    with db.atomic():
        rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=UploadState.OPEN, offset=session.offset)
        if not rows.update(kept_bytes=None, tail_boot=""):  # what lies there must not be taken over as a tail
            raise OffsetConflict("The upload was changed by another request.", {"length": session.length})
        UploadLeaf.objects.filter(session=session, number__gte=session.offset // ledger.LEAF_BYTES).delete()
    session.kept_bytes, session.tail_boot = None, ""
    failpoints.hit("uploads.forgotten")
    cut_tail(session, descriptor)


def cut_tail(session: UploadSession, descriptor: int) -> None:
    """Drop what lies past the durable offset and reserve its room again; what is kept stays."""
    if session.kept_bytes is not None:
        return
    if os.fstat(descriptor).st_size > session.offset:
        os.ftruncate(descriptor, session.offset)
        with contextlib.suppress(OSError):
            disk.reserve(descriptor, parts.left(session))


def _take_over(session: UploadSession, descriptor: int, stop: int) -> None:
    book = ledger.Ledger(session.offset, session.length, ledger.open_crc(descriptor, session.offset))
    leaves = ledger.read_on(descriptor, book, stop)
    _sync(session, descriptor)
    record(session, book.offset, leaves)


def _sync(session: UploadSession, descriptor: int) -> None:
    """Make the written bytes durable; after a failed sync nobody knows what is on disk, so the tail goes."""
    try:
        with faults.named():
            os.fdatasync(descriptor)
    except faults.Unavailable:
        cut_tail(session, descriptor)
        raise


class Writer:
    """One request's hand on the file, used by one thread at a time and only under the file's lock.

    With a checksum nothing is recorded before `finish` has verified the whole body.
    """

    def __init__(self, session: UploadSession, descriptor: int, checksum: Checksum | None = None):
        self.session = session
        self._descriptor = descriptor
        self._checksum = checksum
        self._ledger = ledger.Ledger(session.offset, session.length, ledger.open_crc(descriptor, session.offset))
        self._leaves: list[ledger.Leaf] = []
        self._broken = False
        self._begun = False
        self._shipper = shipping.Shipper(session)
        self._began_at, self._began_s = session.offset, time.monotonic()
        self._looked = session.offset  # marks up to here were asked for, or are behind

    def write(self, parts: Sequence[bytes | memoryview]) -> None:
        """Write a batch behind the last one; each leaf that closes becomes durable at once."""
        self._begin()
        self._make_room(sum(map(len, parts)))
        whole = (
            parts if len(parts) == 1 else [b"".join(parts)]
        )  # each call below gives the interpreter away and must win it back: few large ones
        for run in ledger.split(whole, self._ledger.room):
            start = self._ledger.offset
            with faults.named():
                disk.write_all(self._descriptor, run, start)
            closed = self._account(run)
            if closed and self._checksum is None:
                self.save()
                self._look()
                self._shipper.follow()
            else:
                disk.start_writeback(self._descriptor, start, self._ledger.offset - start)

    def save(self) -> None:
        """Make all written bytes durable and move the offset over them."""
        if self._ledger.offset > self.session.offset and not self._broken:
            self._broken = True  # a sync that failed must not be tried again: the second one may lie
            failpoints.hit("uploads.written")
            _sync(self.session, self._descriptor)
            self._broken = False
            failpoints.hit("uploads.synced")
            record(self.session, self._ledger.offset, self._leaves)
            failpoints.hit("uploads.recorded")
            self._leaves.clear()

    def finish(self) -> None:
        """End a body that came whole: verify its checksum, if it has one, then save."""
        if self._checksum and not self._checksum.holds():
            cut_tail(self.session, self._descriptor)
            raise ChunkRefused(f"The body does not have the promised {self._checksum.algorithm}; it was thrown away.")
        self.save()
        self._look(ended=True)
        self._shipper.follow()

    def abandon(self) -> None:
        """End a body that was cut: keep what came, or nothing when a checksum was to cover it."""
        if self._checksum is None:
            self.save()
            self._look(ended=True)
        cut_tail(self.session, self._descriptor)

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        if self.session.kept_bytes is not None:
            forget_kept(self.session, self._descriptor)
        trust_tail(self.session, trusted=self._checksum is None)

    def _look(self, ended: bool = False) -> None:
        """Ask for a look at what is durable: of a fast body at its end, where its client may rest."""
        came = self.session.offset - self._began_at
        if ended or not provisional.too_late(self.session, came, time.monotonic() - self._began_s):
            provisional.ask(self.session, self._looked)
            self._looked = self.session.offset

    def _make_room(self, size: int) -> None:
        if quota.grow(self.session, self._ledger.offset + size):
            with faults.named():
                disk.reserve(self._descriptor, self.session.reserved_bytes)

    def _account(self, run: Sequence[bytes | memoryview]) -> bool:
        closed = False
        for part in run:
            if self._checksum:
                self._checksum.running.update(part)
            if leaf := self._ledger.add(part):
                self._leaves.append(leaf)
                closed = True
        return closed
