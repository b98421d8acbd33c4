"""Takes a request's body off the connection in batches and hands them to a writer thread, one batch in flight.

However the body ends (whole, cut, silent, asked to let go, server stopping), what has come is written and settled.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Literal, Self
from uuid import UUID

from datasets.uploads import disk, threads
from datasets.uploads.durable import Writer
from datasets.uploads.errors import UploadCut, UploadTooLarge
from datasets.uploads.reception import Receive, Reception
from tradenexus.errors import ProblemError

Ending = Literal["whole", "cut", "idle", "asked", "over", "stopping"]

# Messages of the server are collected until they are this many bytes. uvicorn's have up to 320 KiB, so that the batch
# in flight and the next one are 1 MiB at the most: what a killed process takes along.
BATCH_BYTES = 192 << 10
QUIET_S = 1.0  # a holder whose client has been silent this long lets go when asked
STOP_S = 8.0
FINISH_S = 3.0  # how long a body that keeps coming may go on when the server is stopping
_TICK_S = 0.25


class Watch:
    """Looks at a request that waits for its client and interrupts it: after `idle_s`, when another request asks to
    write, or when the server stops."""

    def __init__(self, upload_id: UUID, idle_s: float, receive: Receive):
        self.reason: Ending | None = None
        self._upload_id = upload_id
        self._idle_s = idle_s
        self._receive = receive
        self._asked_before = disk.wanted_at(upload_id)
        self._waiting_since: float | None = None
        self._stopping_since: float | None = None
        self._kept_alive = _keeps_alive(receive)
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        self._timer = self._loop.call_later(_TICK_S, self._tick)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    async def next(self) -> dict[str, Any]:
        """Wait for the next message of the client; CancelledError with `reason` set when interrupted."""
        self._waiting_since = self._loop.time()
        try:
            return await self._receive()
        finally:
            self._waiting_since = None

    def _tick(self) -> None:
        now = self._loop.time()
        heard = getattr(getattr(self._receive, "__self__", None), "heard", 0.0)
        quiet_s = now - max(self._waiting_since, heard) if self._waiting_since is not None else 0.0
        self.reason = self._look(now, quiet_s)
        if self.reason and self._waiting_since is not None and self._task:
            self._task.cancel()
        elif not self.reason:
            self._timer = self._loop.call_later(_TICK_S, self._tick)

    def _look(self, now: float, quiet_s: float) -> Ending | None:
        if self._kept_alive and not _keeps_alive(self._receive):
            self._stopping_since = self._stopping_since or now
            if quiet_s >= _TICK_S or now - self._stopping_since >= FINISH_S:
                return "stopping"
        if quiet_s >= self._idle_s:
            return "idle"
        asked = quiet_s >= QUIET_S and disk.wanted_at(self._upload_id) > self._asked_before
        return "asked" if asked else None


class Batches:
    """Collects parts; one batch is written while the next one is collected, and waits for its turn."""

    def __init__(self, writer: Writer):
        self._writer = writer
        self._parts: list[bytes | memoryview] = []
        self._size = 0
        self._room = writer.session.limit - writer.session.offset
        self._line = _Line()
        self._flight: Future[None] | None = None

    async def add(self, part: bytes | memoryview) -> bool:
        """Take one part; False when it goes past the declared length (what fits is kept)."""
        fits = len(part) <= self._room
        self.keep(part)
        if self._size >= BATCH_BYTES:
            before, self._flight = self._flight, self._line.submit(self._writer.write, self._take())
            if before:
                await threads.finished(before)
        return fits

    async def add_on(self, part: bytes | memoryview, source: Reception) -> bool:
        """Write what came of a body that is taken directly, and what is there of the rest; True when it is whole."""
        self.keep(part)
        await threads.finished(self._line.submit(self._write_on, self._take(), source.reader()))
        return source.went_on()

    def keep(self, part: bytes | memoryview) -> None:
        """Take a part without starting a write."""
        part = part[: self._room]
        self._room -= len(part)
        if part:
            self._parts.append(part)
            self._size += len(part)

    async def close(self, verb: Callable[[], None]) -> None:
        """Write what is left, then end with the writer's `finish` or `abandon`."""
        await threads.finished(self._line.submit(self._end, self._take(), verb))

    def close_now(self) -> None:
        """Write what is left and save, holding up the event loop: only when the server stops."""
        self._line.submit(self._end, self._take(), self._writer.abandon).result(STOP_S)

    def _write_on(
        self, parts: list[bytes | memoryview], read_on: Callable[[Callable[[Sequence[memoryview]], None]], None]
    ) -> None:
        self._writer.write(parts)
        read_on(self._writer.write)

    def _end(self, parts: list[bytes | memoryview], verb: Callable[[], None]) -> None:
        self._writer.write(parts)
        verb()

    def _take(self) -> list[bytes | memoryview]:
        parts, self._parts, self._size = self._parts, [], 0
        return parts


class _Line:
    """Calls one after another in a writing thread, which takes the next one without a word to the event loop.

    After one that failed none is made: they fail as it did.
    """

    def __init__(self) -> None:
        self._calls: deque[tuple[Future[None], Callable[..., None], tuple[Any, ...]]] = deque()
        self._turn = threading.Lock()
        self._running = False
        self._failed: BaseException | None = None

    def submit(self, verb: Callable[..., None], *args: Any) -> Future[None]:
        done: Future[None] = Future()
        with self._turn:
            if self._failed:
                done.set_exception(self._failed)
                return done
            self._calls.append((done, verb, args))
            if self._running:
                return done
            self._running = True
        threads.submit(self._work)
        return done

    def _work(self) -> None:
        while call := self._next():
            done, verb, args = call
            try:
                verb(*args)
            except BaseException as error:
                with self._turn:
                    self._failed = error
                    failed, self._running = [done, *(each[0] for each in self._calls)], False
                    self._calls.clear()
                for each in failed:
                    each.set_exception(error)
                raise
            done.set_result(None)

    def _next(self) -> tuple[Future[None], Callable[..., None], tuple[Any, ...]] | None:
        with self._turn:
            self._running = bool(self._calls)
            return self._calls.popleft() if self._calls else None


async def take(receive: Receive, writer: Writer, idle_s: float, on_read: Callable[[], None]) -> Ending:
    """Write the request's body behind the durable offset and settle it; return how the body ended.

    `on_read` is called when nothing more can come, before the bytes are settled.

    ProblemError for a wrong checksum or a failing disk (what was durable stays); CancelledError when the server stops,
    after saving.
    """
    batches = Batches(writer)
    try:
        ending = await _collect(receive, batches, Watch(writer.session.id, idle_s, receive))
        if ending in {"whole", "cut"}:
            on_read()
        await batches.close(writer.finish if ending == "whole" else writer.abandon)
    except asyncio.CancelledError:
        batches.close_now()
        raise
    except ProblemError:
        with suppress(ProblemError):
            await threads.write(writer.abandon)
        raise
    return ending


async def gather(receive: Receive, most: int, idle_s: float, on_read: Callable[[], None]) -> bytes:
    """Return a small body whole; UploadCut when it stops coming, UploadTooLarge past `most` bytes."""
    parts: list[bytes] = []
    while True:
        try:
            message = await asyncio.wait_for(receive(), idle_s)
        except TimeoutError:
            raise UploadCut("The connection went silent; nothing was changed.") from None
        if message["type"] == "http.disconnect":
            raise UploadCut("The connection was cut; nothing was changed.")
        parts.append(message.get("body", b""))
        if sum(map(len, parts)) > most:
            raise UploadTooLarge("More bytes came than the part has.", {"maxBytes": most})
        if not message.get("more_body"):
            on_read()
            return b"".join(parts)


async def _collect(receive: Receive, batches: Batches, watch: Watch) -> Ending:
    direct = getattr(receive, "__self__", None)
    with watch:
        try:
            while True:
                message = await watch.next()
                if message["type"] == "http.disconnect":
                    batches.keep(_left_behind(receive))
                    return "cut"
                if isinstance(direct, Reception):
                    if await batches.add_on(message["body"], direct):
                        return "whole"
                elif not await batches.add(message.get("body", b"")):
                    return "over"
                elif not message.get("more_body"):
                    return "whole"
                if watch.reason:  # said while the body was not waiting for its client
                    return watch.reason
        except asyncio.CancelledError:
            if watch.reason is None:
                raise
            if task := asyncio.current_task():
                task.uncancel()
            batches.keep(_left_behind(receive))
            return watch.reason


def _keeps_alive(receive: Receive) -> bool:
    """Tell whether the server means to keep the connection; uvicorn takes that back when it begins to stop."""
    return bool(getattr(getattr(receive, "__self__", None), "keep_alive", True))


def _left_behind(receive: Receive) -> bytes:
    """Return bytes that arrived before the end but were not handed over.

    uvicorn reports a disconnect in place of the buffered part of the body; its buffer is on the request cycle that
    `receive` is bound to. Other servers have none, then nothing is added.
    """
    return bytes(getattr(getattr(receive, "__self__", None), "body", b""))
