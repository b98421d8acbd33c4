"""The parts of one upload in object storage: begun, sent, recorded, completed, discarded. Whoever does any of it holds
the upload's `ship` lock, a file beside its bytes, so that no part is sent twice at a time.

A part is recorded after the storage confirmed it; only then its local bytes go (a hole is punched), so that a killed
process goes on with what is recorded and everything else is still on disk.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from django.core.files.storage import storages

from datasets.models.shipment import UploadPart, UploadShipment
from datasets.models.upload import UploadLeaf, UploadSession, UploadState
from datasets.storage import blobs, layout
from datasets.uploads import disk, ledger
from datasets.uploads.errors import UploadTooLarge
from tradenexus import db, failpoints

if TYPE_CHECKING:
    from datasets.storage.objects import Place

WAIT_S = 20.0


class PartsLost(Exception):
    """The storage no longer knows the parts: the upload has to start again at its first byte."""


def size(length: int | None) -> int:
    """Return the size of the parts in which an upload of this length is shipped while it comes; 0 when it is not,
    as while nobody has told the length.

    UploadTooLarge when no object can be so long.
    """
    if length is None or not blobs.is_bucket(storages["data"]):
        return 0
    from datasets.storage import multipart

    try:
        step = multipart.part_bytes(length, ledger.LEAF_BYTES)
    except ValueError as error:
        most = multipart.MOST_BYTES * multipart.MOST_PARTS
        raise UploadTooLarge("No object of the storage can be so long.", {"maxBytes": most}) from error
    return step if length > step else 0


def step(session: UploadSession) -> int:
    """Return the size of the parts in which this upload is shipped; 0 when it is not, as a partial one never is."""
    return 0 if session.is_partial else size(session.length)


def room(length: int | None) -> int:
    """Return how many bytes to set aside on the local disk for a file: none for what leaves it while it comes."""
    return 0 if size(length) else length or 0


def left(session: UploadSession) -> int:
    """Return how many bytes an upload's local file needs again after its tail was cut, or it was lost."""
    return 0 if step(session) else session.reserved_bytes


@contextmanager
def held(session: UploadSession, wait_s: float = 0.0) -> Iterator[bool]:
    """Hold the upload's `ship` lock for the block; gives False when another has it, or the folder is gone."""
    descriptor = _lock(session, time.monotonic() + wait_s)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def of(session: UploadSession) -> UploadShipment | None:
    """Return the upload's shipment, None when nothing of it was shipped."""
    return UploadShipment.objects.filter(session_id=session.id).first()


def begun(session: UploadSession) -> UploadShipment:
    """Return the upload's shipment, begun now if there is none yet."""
    found = of(session)
    if found:
        return found
    from datasets.storage import multipart

    upload = multipart.begin(_place(session))
    failpoints.hit("uploads.shipment_begun")
    with db.atomic():
        return UploadShipment.objects.create(session=session, multipart=upload, part_bytes=size(session.length))


def send_next(session: UploadSession, shipment: UploadShipment, last: bool = False) -> bool:
    """Send the next part when all its bytes are durable, then let them go; False when there is none to send.

    `last` sends the short one at the end too. PartsLost when the storage has dropped what it had.
    """
    from datasets.storage import multipart, objects

    number = shipment.parts.count() + 1
    start = (number - 1) * shipment.part_bytes
    stop = min(start + shipment.part_bytes, session.total)
    if start >= session.total or session.offset < stop or (stop == session.total and not last):
        return False
    with disk.data_path(session.id).open("rb") as file:
        try:
            part = multipart.send(_place(session), shipment.multipart, number, file.fileno(), start, stop)
        except objects.Absent as error:
            raise PartsLost from error
    failpoints.hit("uploads.part_sent")
    with db.atomic():
        live = UploadSession.of(session.tenant_id).filter(id=session.id, offset__gte=stop)
        if not live.filter(state__in=[UploadState.OPEN, UploadState.INGESTING]).exists():
            return False
        UploadPart.objects.create(shipment=shipment, number=number, etag=part.etag, size_bytes=part.size_bytes)
    failpoints.hit("uploads.part_recorded")
    disk.let_go(session.id, stop)
    return True


def complete(session: UploadSession, shipment: UploadShipment) -> None:
    """Make the recorded parts the version's raw object; it may be one that an earlier attempt made. PartsLost."""
    from datasets.storage import multipart, objects

    parts = [multipart.Part(*row) for row in shipment.parts.values_list("number", "etag", "size_bytes")]
    try:
        multipart.complete(_place(session), shipment.multipart, parts)
    except objects.Taken:
        return  # what it holds is verified next, whoever put it there
    except objects.Absent as error:
        raise PartsLost from error


def forget(session: UploadSession, offset: int = 0) -> None:
    """Drop the record of parts that reach past the offset, because these bytes have to come again; in a transaction."""
    shipment = of(session)
    if shipment:
        shipment.parts.filter(number__gt=offset // shipment.part_bytes).delete()


def start_again(session: UploadSession) -> None:
    """Take an open upload whose parts are lost back to its first byte; its client learns it from the offset."""
    with db.atomic():
        rows = UploadSession.of(session.tenant_id).filter(id=session.id, state=UploadState.OPEN)
        if rows.update(offset=0, tail_boot="", updated_at=db.now()):
            UploadLeaf.objects.filter(session=session).delete()
            UploadShipment.objects.filter(session=session).delete()


def discard(session: UploadSession) -> None:
    """Remove what the storage has of an upload that became no version. The sweep tries again what fails here."""
    shipment = of(session)
    if shipment is None or not blobs.is_bucket(storages["data"]):
        return
    from datasets.storage import multipart

    multipart.abort(_place(session), shipment.multipart)
    blobs.delete(raw_key(session))
    shipment.delete()


def raw_key(session: UploadSession) -> str:
    """Return the key of the version's raw file."""
    return layout.raw(session.tenant_id, session.target.dataset_id, session.target.id)


def _place(session: UploadSession) -> Place:
    from datasets.storage import objects

    return objects.place(storages["data"], raw_key(session))


def _lock(session: UploadSession, deadline: float) -> int | None:
    try:
        descriptor = os.open(disk.data_path(session.id).with_name("ship"), os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        if time.monotonic() >= deadline:
            os.close(descriptor)
            return None
        time.sleep(0.05)
