"""Takes a large body straight from the socket into two blocks of memory, past the server's parser, as ASGI messages.

uvicorn copies each byte four times on its way into a message and makes one of whatever a read brought. While a body of
known length comes, its connection reads into our blocks; then the parser has it again, for the next request. Under
another server, or for chunked bodies, the server's own messages are used.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from datasets.uploads.body import Receive

BLOCK_BYTES = 512 << 10  # two of them are what a killed process may take along


def direct(receive: Receive, size: int | None) -> Receive:
    """Return a `receive` that takes the body of `size` bytes (Content-Length) directly, or the one given.

    Its messages hold views of a block, each good until the call after the next. Nothing may have been received before.
    """
    cycle = getattr(receive, "__self__", None)
    if size is None or not isinstance(cycle, RequestResponseCycle) or cycle.disconnected:
        return receive
    protocol = cycle.transport.get_protocol()
    if not isinstance(protocol, HttpToolsProtocol) or protocol.cycle is not cycle:
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
        self._block, self._other = memoryview(bytearray(BLOCK_BYTES)), memoryview(bytearray(BLOCK_BYTES))
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
        view = self._block[: self._filled]
        self._block, self._other, self._filled = self._other, self._block, 0
        return {"type": "http.request", "body": view, "more_body": self._rest > 0}

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
