"""Takes a large body straight from the socket into a block of memory, past the server's parser, as ASGI messages.

uvicorn copies each byte four times on its way into a message and makes one of whatever a read brought. While a body of
known length comes, its connection reads into our block; then the parser has it again, for the next request. A writing
thread that has written a block reads on by itself while bytes are there, so that a fast body costs the event loop a
word each 8 MiB. Under another server, or for chunked bodies, the server's own messages are used.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

Receive = Callable[[], Awaitable[dict[str, Any]]]
BLOCK_BYTES = 512 << 10  # what a killed process may take along
TURN_BYTES = 8 << 20  # what a thread reads on before others have their turn
DRY_MS = 2  # without a byte, until it is the event loop's to wait for the next one


def direct(receive: Receive, size: int | None) -> Receive:
    """Return a `receive` that takes the body of `size` bytes (Content-Length) directly, or the one given.

    Its messages hold views of a block, each good until the next call. Nothing may have been received before.
    """
    cycle = getattr(receive, "__self__", None)
    if size is None or not isinstance(cycle, RequestResponseCycle) or cycle.disconnected:
        return receive
    protocol = cycle.transport.get_protocol()
    if not isinstance(protocol, HttpToolsProtocol) or protocol.cycle is not cycle:
        return receive
    if cycle.transport.get_extra_info("sslcontext") or not cycle.transport.get_extra_info("socket"):
        return receive
    if size - len(cycle.body) < BLOCK_BYTES:
        return receive
    return Reception(cycle, protocol, size - len(cycle.body)).receive


class Reception(asyncio.BufferedProtocol):
    """The protocol of a connection while it brings a body; reads only while somebody waits in `receive`."""

    def __init__(self, cycle: RequestResponseCycle, protocol: HttpToolsProtocol, rest: int):
        self.heard = 0.0  # loop time of the last bytes
        self._cycle = cycle
        self._protocol = protocol
        self._rest = rest  # bytes that have still to come
        self._first = bytes(cycle.body)  # came with the head
        cycle.body = bytearray()
        self._block = memoryview(bytearray(BLOCK_BYTES))
        self._filled = 0
        self._stirred = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        protocol.flow.pause_reading()
        if cycle.waiting_for_100_continue:
            cycle.waiting_for_100_continue = False
            cycle.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        cycle.transport.set_protocol(self)

    @property
    def keep_alive(self) -> bool:
        """Whether the server means to keep the connection."""
        return self._cycle.keep_alive

    @property
    def body(self) -> bytes:
        """What has come and was not handed out."""
        return self._first + bytes(self._block[: self._filled])

    async def receive(self) -> dict[str, Any]:
        """Return the next block when it is full or the body's last, or the disconnect; cancelled, nothing is lost."""
        if self._first:
            first, self._first = self._first, b""
            return {"type": "http.request", "body": first, "more_body": True}
        if self._over and not self._filled:
            return cast(dict[str, Any], await self._cycle.receive())
        while not self._over and self._filled < BLOCK_BYTES:
            self._stirred.clear()
            self._protocol.flow.resume_reading()
            await self._stirred.wait()
        if self._cycle.disconnected and self._rest:
            return {"type": "http.disconnect"}
        view, self._filled = self._block[: self._filled], 0
        return {"type": "http.request", "body": view, "more_body": self._rest > 0}

    def reader(self) -> Callable[[Callable[[Sequence[memoryview]], None]], None]:
        """Return a call for a writing thread: read on and write while bytes are there, TURN_BYTES at the most.

        Until it has returned, and `went_on` was called, nobody may call `receive`.
        """
        if self._over:
            return lambda write: None
        # A descriptor of its own: the connection may be closed meanwhile, and its number be another one's.
        descriptor = os.dup(self._cycle.transport.get_extra_info("socket").fileno())

        def read_on(write: Callable[[Sequence[memoryview]], None]) -> None:
            try:
                self._read_on(descriptor, write)
            finally:
                os.close(descriptor)

        return read_on

    def _read_on(self, descriptor: int, write: Callable[[Sequence[memoryview]], None]) -> None:
        ready = select.poll()
        ready.register(descriptor, select.POLLIN)
        left = TURN_BYTES
        while left > 0 and self._rest and not self._cycle.disconnected:
            try:
                count = os.readv(descriptor, [self.get_buffer(0)])
            except BlockingIOError:
                if ready.poll(DRY_MS):
                    continue
                return
            if not count:
                return  # its end; the event loop meets it too
            self._filled += count
            self._rest -= count
            left -= count
            self.heard = self._loop.time()
            if self._filled == BLOCK_BYTES or not self._rest:
                filled, self._filled = self._filled, 0
                write([self._block[:filled]])

    def went_on(self) -> bool:
        """Take note, in the event loop, of what a thread has read; True when that was the body's end."""
        if self._rest == 0 and self._cycle.more_body:
            self._give_back()
        return self._rest == 0 and not self._filled

    @property
    def _over(self) -> bool:
        return self._rest == 0 or self._cycle.disconnected or self._cycle.response_complete

    def get_buffer(self, sizehint: int) -> memoryview:
        """Offer what is free of the block, and no byte past the body's end: there the next request begins."""
        return self._block[self._filled : self._filled + self._rest]

    def buffer_updated(self, nbytes: int) -> None:
        """Count what came; hand on a full block, and the connection with the last one."""
        self._filled += nbytes
        self._rest -= nbytes
        self.heard = self._loop.time()
        if self._rest == 0:
            self._give_back()
        elif self._filled == BLOCK_BYTES:
            self._protocol.flow.pause_reading()
        else:
            return
        self._stirred.set()

    def _give_back(self) -> None:
        # The old parser waits for bytes it will never see. A new one is as it would be after them.
        self._protocol.parser = httptools.HttpRequestParser(self._protocol)
        self._protocol.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets it
        self._cycle.more_body = False
        self._cycle.transport.set_protocol(self._protocol)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the server, and whoever waits."""
        self._protocol.connection_lost(exc)
        self._stirred.set()

    def pause_writing(self) -> None:
        """Pass on to the server."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass on to the server."""
        self._protocol.resume_writing()
