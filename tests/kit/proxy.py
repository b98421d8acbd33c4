"""A TCP proxy for one server that resets its first connections after so many bytes of the client's."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close sends RST


class Proxy:
    """Passes everything on; connection n is reset once the client has sent `cuts[n]` bytes on it, later ones never."""

    def __init__(self, port: int, *cuts: int) -> None:
        self._target, self._cuts = port, list(cuts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cut = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
                passed += len(data)
                if counted and self._cuts and passed >= self._cuts[0]:
                    self._cuts.pop(0)
                    self.cut += 1
                    source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    break
        for end in (source, sink):
            # Shut down first: the other thread waits on it.
            with contextlib.suppress(OSError):
                if not (counted and end is source):
                    end.shutdown(socket.SHUT_RDWR)
            end.close()
