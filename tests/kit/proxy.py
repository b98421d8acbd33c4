"""A TCP proxy for one server that does to its connections what networks do.

    with Proxy(server.port, 2_000, 1_000) as proxy:           # connection 0 is reset after 2,000 of the client's bytes,
        ...                                                   # then whichever is next to pass 1,000
    with Proxy(server.port, plan=[fin(500), PASS, slow(0.2)]) # connection n meets with plan[n], later ones with nothing
    with Proxy(server.port, plan=random_plan(seed, 1 << 20))  # for ever

`proxy.cut` counts the connections that were cut, `proxy.met` lists what each of them met with.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close sends RST
_BLOCK = 1 << 16
_LOOK_S = 0.05
_LINGER_S = 0.5


class Fault(NamedTuple):
    """What a connection meets with: `end` comes once the client has sent `after` bytes; 0 B/s is no limit."""

    end: str = ""  # "reset", "fin", "half-open" (nothing more passes, nobody is told) or "blackhole"
    after: int = 0
    latency_s: float = 0.0
    bytes_per_s: float = 0.0


PASS = Fault()
BLACKHOLE = Fault("blackhole")


def reset(after: int) -> Fault:
    """Cut with RST once the client has sent so many bytes."""
    return Fault("reset", after)


def fin(after: int) -> Fault:
    """Close both sides politely once the client has sent so many bytes."""
    return Fault("fin", after)


def half_open(after: int) -> Fault:
    """Fall silent once the client has sent so many bytes: the server hears no more and is not told."""
    return Fault("half-open", after)


def slow(latency_s: float = 0.0, bytes_per_s: float = 0.0) -> Fault:
    """Pass everything, late or at a limited rate, in both directions."""
    return Fault(latency_s=latency_s, bytes_per_s=bytes_per_s)


def random_plan(seed: int, most: int) -> Iterator[Fault]:
    """Yield cuts of each kind at random bytes below `most`, for ever; equal seeds give equal plans."""
    dice = random.Random(seed)
    while True:
        yield Fault(dice.choice(["reset", "fin", "half-open"]), dice.randrange(1, max(2, most)))


class _Link:
    """One connection through the proxy: a thread each way; who comes out last closes both ends."""

    def __init__(self, client: socket.socket, server: socket.socket, fault: Fault, proxy: Proxy) -> None:
        self._ends, self._fault, self._proxy = (client, server), fault, proxy
        self._over, self._silent = threading.Event(), threading.Event()
        self._resets = False
        self._threads_left = 2
        self._lock = threading.Lock()

    def start(self) -> None:
        client, server = self._ends
        for source, sink, counted in ((client, server, True), (server, client, False)):
            threading.Thread(target=self._run, args=(source, sink, counted), daemon=True).start()

    def end(self) -> None:
        self._over.set()

    def _run(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            self._pass(source, sink, counted)
        self._over.set()
        with self._lock:
            self._threads_left -= 1
            last = not self._threads_left
        if last:
            self._close()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        passed = 0
        while not self._over.is_set():
            if not select.select([source], [], [], _LOOK_S)[0]:
                continue
            if not (data := source.recv(_BLOCK)):
                return
            if self._silent.is_set():
                continue
            room = max(self._fault.after - passed, 0) if counted and self._fault.end else len(data)
            self._send(sink, data[:room])
            passed += len(data)
            if counted and (end := self._proxy.ending(passed, self._fault)):
                self._resets = end == "reset"
                if end != "half-open":
                    return
                self._silent.set()

    def _send(self, sink: socket.socket, data: bytes) -> None:
        fault = self._fault
        if fault.latency_s:
            self._over.wait(fault.latency_s)
        step = max(1, int(fault.bytes_per_s / 20)) if fault.bytes_per_s else len(data) or 1
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            sink.sendall(piece)
            if fault.bytes_per_s and self._over.wait(len(piece) / fault.bytes_per_s):
                return

    def _close(self) -> None:
        if not self._resets:
            self._say_goodbye()
        for one in self._ends:
            with contextlib.suppress(OSError):
                if self._resets:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            one.close()

    def _say_goodbye(self) -> None:
        """Send FIN and take in what still comes for a moment: closing over unread bytes would send RST."""
        left = set(self._ends)
        for one in self._ends:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + _LINGER_S
        while left and (wait_s := deadline - time.monotonic()) > 0:
            for one in select.select(list(left), [], [], wait_s)[0]:
                try:
                    over = not one.recv(_BLOCK)
                except OSError:
                    over = True
                if over:
                    left.discard(one)


class Proxy:
    """Passes everything on but what its plan, or its list of resets, says."""

    def __init__(self, port: int, *cuts: int, plan: Iterable[Fault] = ()) -> None:
        self._target, self._cuts, self._plan = port, list(cuts), iter(plan)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.cut = 0
        self.met: list[Fault] = []
        self._links: list[_Link] = []
        self._swallowed: list[socket.socket] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread in accept holds the socket open: without the shutdown the port would take one more connection.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for link in self._links:
            link.end()
        for one in self._swallowed:
            one.close()

    def ending(self, passed: int, fault: Fault) -> str:
        """Return how a connection ends now that its client has sent so many bytes, "" while it goes on."""
        with self._lock:
            end = ""
            if fault.end and passed >= fault.after:
                end = fault.end
            elif self._cuts and passed >= self._cuts[0]:
                self._cuts.pop(0)
                end = "reset"
            self.cut += bool(end)
            return end

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            fault = next(self._plan, PASS)
            self.met.append(fault)
            if fault.end == "blackhole":
                self._swallowed.append(client)
            else:
                self._join(client, fault)

    def _join(self, client: socket.socket, fault: Fault) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:  # nobody listens: the client is told
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link(client, server, fault, self)
        self._links.append(link)
        link.start()
