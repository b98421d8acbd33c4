"""The right to write to an upload: taken by waiting for the file's lock, while its holder is asked to let go.

Who asks for the offset waits for writers that came before, so that the answer still holds when the next PATCH comes:
after a cut the dead request may not even have taken its lock yet.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from datasets.models.upload import UploadSession
from datasets.uploads import disk, parts, threads
from datasets.uploads.errors import UploadLocked

TAKE_S = 20.0
LOOK_S = 2.5
_POLL_S = 0.02
_ASK_EVERY_S = 0.5
_writing: dict[str, set[object]] = {}  # the requests of this process that write, by upload


@contextmanager
def announced(ref: str) -> Iterator[None]:
    """Count a request as a writer of the upload from its arrival to its end."""
    mark = object()
    _writing.setdefault(ref, set()).add(mark)
    try:
        yield
    finally:
        _writing[ref].discard(mark)
        if not _writing[ref]:
            del _writing[ref]


@asynccontextmanager
async def taken(session: UploadSession, wait_s: float = TAKE_S) -> AsyncIterator[int]:
    """Hold the upload's lock for the block and give the open file; UploadLocked when its holder lives and works on."""
    descriptor = await _take(session, wait_s)
    if descriptor is None:
        raise UploadLocked("Another request is writing to this upload.", {"retryAfterSeconds": 1})
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@asynccontextmanager
async def looked_at(session: UploadSession) -> AsyncIterator[int | None]:
    """Like `taken`, but give None when a holder shows that it is receiving bytes, or does not let go soon."""
    before = set(_writing.get(session.ref, ()))
    descriptor = await _take(session, LOOK_S, before, disk.received(session.id))
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


async def _take(
    session: UploadSession, wait_s: float, first: set[object] | None = None, received_before: int | None = None
) -> int | None:
    """Poll for the lock, once the requests in `first` have ended; None in the end, or when the file has grown."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    ask_at = started
    while True:
        late = loop.time() >= started + wait_s
        descriptor = await _try(session) if late or not first or not first & _writing.get(session.ref, set()) else None
        if descriptor is not None or late:
            return descriptor
        if received_before is not None and disk.received(session.id) > received_before:
            return None
        if loop.time() >= ask_at:
            disk.ask_holder(session.id)
            ask_at = loop.time() + _ASK_EVERY_S
        await asyncio.sleep(_POLL_S)


async def _try(session: UploadSession) -> int | None:
    try:
        return disk.try_lock(session.id)
    except FileNotFoundError:
        await threads.write(disk.create, session.id, parts.left(session))
        return disk.try_lock(session.id)
