"""A small tus client for tests: over httpx, and over a raw socket that can be cut at any byte."""

from __future__ import annotations

import base64
import fcntl
import socket
import struct
import time
from pathlib import Path

import httpx

from tests.kit.server import Server

HEADERS = {"Tus-Resumable": "1.0.0"}
BODY = {**HEADERS, "Content-Type": "application/offset+octet-stream"}


def metadata(**pairs: str) -> str:
    """Return an Upload-Metadata header."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def create(client: httpx.Client, length: int, **pairs: str) -> str:
    """Create an upload; return its address."""
    given = {**HEADERS, "Upload-Length": str(length), "Upload-Metadata": metadata(filename="t.csv", **pairs)}
    answer = client.post("/v1/uploads/", headers=given)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def defer(client: httpx.Client) -> str:
    """Create an upload whose length is told later; return its address."""
    answer = client.post("/v1/uploads/", headers={**HEADERS, "Upload-Defer-Length": "1"})
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def partial(client: httpx.Client, data: bytes) -> str:
    """Create a partial upload with all its bytes; return its address."""
    given = {**BODY, "Upload-Length": str(len(data)), "Upload-Concat": "partial"}
    answer = client.post("/v1/uploads/", content=data, headers=given)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def final(client: httpx.Client, urls: list[str], **pairs: str) -> httpx.Response:
    """Ask for the final upload of these."""
    given = {**HEADERS, "Upload-Concat": f"final;{' '.join(urls)}", "Upload-Metadata": metadata(**pairs)}
    return client.post("/v1/uploads/", headers=given)


def patch(client: httpx.Client, url: str, offset: int, data: bytes, **more: str) -> httpx.Response:
    """Send bytes at an offset."""
    return client.patch(url, content=data, headers={**BODY, "Upload-Offset": str(offset), **more})


def offset(client: httpx.Client, url: str) -> int:
    """Ask how many bytes are durable."""
    answer = client.head(url, headers=HEADERS)
    assert answer.status_code == 200, answer.status_code
    return int(answer.headers["upload-offset"])


def error(answer: httpx.Response) -> str:
    """Return the error code of a refusal, after checking the envelope."""
    body = answer.json()
    assert body["requestId"] == answer.headers["x-request-id"]
    assert body["error"]["message"]
    return body["error"]["code"]


class Wire:
    """A raw connection with one PATCH (or another method) on it, its body sent piece by piece."""

    def __init__(self, server: Server, url: str, at: int, size: int, *more: str, method: str = "PATCH", path: str = ""):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [
            f"{method} {path or url} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {server.owner}",
            "Tus-Resumable: 1.0.0",
            "Content-Type: application/offset+octet-stream",
            f"Upload-Offset: {at}",
            f"Content-Length: {size}",
            *more,
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes) -> None:
        """Send a part of the body."""
        self.socket.sendall(data)

    def finish(self) -> None:
        """Close politely (FIN)."""
        self.socket.close()

    def reset(self) -> None:
        """Cut the connection (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def status(self) -> int:
        """Read the answer's status line, 0 when the server closed without one."""
        head = b""
        while b"\r\n" not in head:
            part = self.socket.recv(4096)
            if not part:
                return 0
            head += part
        return int(head.split(b" ")[1])


def path_of(server: Server, url: str) -> Path:
    """Return the file that an upload's bytes go to."""
    (path,) = (server.home / "uploads").glob(f"*/{url.rsplit('_', 1)[1]}/data")
    return path


def begun(server: Server, url: str, wait_s: float = 30) -> bool:
    """Wait until a request has the right to write: the lock on the file. A busy server takes its time to read one."""
    return _locked(server, url, True, wait_s)


def over(server: Server, url: str, wait_s: float = 30) -> bool:
    """Wait until no request has the right to write: what a cut one received is settled then."""
    return _locked(server, url, False, wait_s)


def _locked(server: Server, url: str, wanted: bool, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        with path_of(server, url).open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                locked = False
            except BlockingIOError:
                locked = True
        if locked == wanted:
            return True
        time.sleep(0.01)
    return False


def settled(client: httpx.Client, url: str, least: int, wait_s: float = 30) -> int:
    """Wait until at least so many bytes are durable (a cut needs a moment to arrive); return how many are."""
    deadline = time.monotonic() + wait_s
    while (found := offset(client, url)) < least and time.monotonic() < deadline:
        time.sleep(0.02)
    return found
