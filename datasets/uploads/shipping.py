"""Ships an upload's closed parts into object storage while the rest still comes: one part in flight beside the writer.

The local disk then holds at most the open part and two closed ones. When the storage is away the upload goes on until
that room is used; then the writer is refused by StorageFailed, and what is durable stays. Where data rests in a folder
nothing of this happens.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from django.conf import settings
from django.core.files.storage import storages
from django.db import close_old_connections, connections

from datasets.models.shipment import UploadShipment
from datasets.models.upload import UploadSession, UploadState
from datasets.storage import blobs, faults, layout
from datasets.uploads import disk, parts
from tradenexus import db

log = structlog.get_logger(__name__)
_threads = ThreadPoolExecutor(4, thread_name_prefix="upload-ship")
_ENDED = (UploadState.TERMINATED, UploadState.EXPIRED, UploadState.FINISHED)
_BATCH = 500
_SLOW_S = 60.0
_SLOW_BYTES_PER_S = 8 << 20
_flights: dict[UUID, Future[None]] = {}  # the one of each upload, in this process


class Shipper:
    """One writer's view of it, used after each moved offset."""

    def __init__(self, session: UploadSession):
        self._session = session
        self._step = parts.step(session)
        self._shipped = 0

    def follow(self) -> None:
        """See to it that closed parts are under way; wait while more than one is. StorageFailed."""
        if not self._step or self._backlog() < 1:
            return
        self._look()
        for _ in range(3):
            if self._backlog() < 1:
                return
            flight = _fly(self._session)
            if self._backlog() < 2:
                return
            self._land(flight)
        log.warning("upload_shipping_behind", upload=self._session.ref, closed_parts=self._backlog())

    def _backlog(self) -> int:
        return self._session.offset // self._step - self._shipped

    def _look(self) -> None:
        shipment = parts.of(self._session)
        self._shipped = shipment.parts.count() if shipment else 0
        if shipment:
            self._step = shipment.part_bytes

    def _land(self, flight: Future[None]) -> None:
        wait_s = max(_SLOW_S, self._step / _SLOW_BYTES_PER_S)
        try:
            flight.result(wait_s)
        except TimeoutError as error:
            told = {"retryAfterSeconds": 5}
            raise faults.StorageFailed(f"The object storage did not take a part in {wait_s:.0f} s.", told) from error
        self._look()


def rest(session: UploadSession) -> bool:
    """Ship all that is left of a fully received upload and make it one object; False when another is at it.

    StorageFailed; parts.PartsLost when it has to be sent again.
    """
    if flight := _flights.get(session.id):
        flight.exception()
    with parts.held(session, parts.WAIT_S) as mine:
        if mine:
            shipment = parts.begun(session)
            while parts.send_next(session, shipment, last=True):
                pass
            parts.complete(session, shipment)
    return mine


def drop(session: UploadSession) -> bool:
    """Remove what the storage has of an ended upload; False when that is left to the sweep."""
    if not parts.step(session):
        return True
    try:
        # Not before it is held: a part that is about to begin has written nothing down yet.
        with parts.held(session, parts.WAIT_S) as mine:
            if mine or not layout.upload_dir(session.id).exists():
                parts.discard(session)
                return True
    except faults.Unavailable as fault:
        log.warning("upload_parts_left", upload=session.ref, code=fault.code, reason=fault.message)
    return False


def clear(session: UploadSession) -> None:
    """Remove what is left of an ended upload, here and in storage, once its end is committed.

    What was shipped goes in a thread: it waits for the part in flight, and on SQLite the caller still holds its turn
    to write, for which that part may be waiting.
    """
    if parts.step(session):
        _threads.submit(_clear, session)
    else:
        disk.remove(session.id)


def _clear(session: UploadSession) -> None:
    close_old_connections()
    try:
        drop(session)
        disk.remove(session.id)
    finally:
        connections.close_all()


def sweep() -> int:
    """Remove parts in storage whose upload has ended, or that no upload owns; return of how many uploads.

    The latter come of a process killed between beginning and writing that down; a put in parts that still runs is
    younger than any job may be.
    """
    storage = storages["data"]
    if not blobs.is_bucket(storage):
        return 0
    from datasets.storage import multipart, objects

    ended = UploadShipment.objects.filter(session__state__in=_ENDED).select_related("session")
    removed = sum(drop(shipment.session) for shipment in ended[:_BATCH])
    oldest = db.now() - timedelta(seconds=settings.NEXUS_JOB_LIMIT_S)
    for zone in layout.ZONES:
        below = objects.place(storage, f"{zone}/")
        for each in multipart.begun(below):
            if each.since < oldest and not UploadShipment.objects.filter(multipart=each.upload).exists():
                multipart.abort(objects.Place(below.client, below.bucket, each.key), each.upload)
                removed += 1
    return removed


def _fly(session: UploadSession) -> Future[None]:
    """Return the upload's flight that is under way, or a new one."""
    flight = _flights.get(session.id)
    if flight is None or flight.done():
        flight = _flights[session.id] = _threads.submit(_ship, session.tenant_id, session.id)
        flight.add_done_callback(partial(_landed, session.id))
    return flight


def _landed(upload_id: UUID, flight: Future[None]) -> None:
    if _flights.get(upload_id) is flight:
        del _flights[upload_id]


def _ship(tenant_id: UUID, upload_id: UUID) -> None:
    """Send parts until none is closed; what fails is tried again when the next one closes."""
    close_old_connections()
    try:
        session = UploadSession.of(tenant_id).get(id=upload_id)
        with parts.held(session) as mine:
            session.refresh_from_db(fields=["offset", "state"])  # it may have ended before it was held
            if mine and session.state == UploadState.OPEN:
                _ship_closed(session)
    except FileNotFoundError:
        return  # cancelled meanwhile
    except faults.Unavailable as fault:
        log.warning("upload_part_failed", upload=str(upload_id), code=fault.code, reason=fault.message)
        raise
    finally:
        connections.close_all()


def _ship_closed(session: UploadSession) -> None:
    shipment = parts.begun(session)
    disk.let_go(session.id, shipment.parts.count() * shipment.part_bytes)  # a killed process may have kept them
    try:
        while parts.send_next(session, shipment):
            session.refresh_from_db(fields=["offset", "state"])
    except parts.PartsLost:
        log.error("upload_parts_lost", upload=session.ref)
        parts.start_again(session)
