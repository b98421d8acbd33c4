"""Sending one file: a tus 1.0 client that goes on where the server's HEAD says, however often the line is cut.

A file is streamed in PATCHes of about 16 MiB and never held in memory; its SHA-256 is computed as it is read and sent
at complete. A broken connection, 409 (wrong offset), 423 (an older writer lives) and 5xx are gone over again from
HEAD; a proxy's 413 halves the chunk. Pausing (Ctrl-C) keeps the session.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import stamina

from tradenexus.cli.client import Cut
from tradenexus.cli.failures import Clash, Failure, Interrupted, Missing, Unreachable

if TYPE_CHECKING:
    from tradenexus.cli.client import Answer, Client

CHUNK = 16 << 20
SMALLEST_CHUNK = 1 << 20
READ = 256 << 10
TUS = {"Tus-Resumable": "1.0.0"}
PATIENCE_S = 180.0
ATTEMPTS = 20


class Gone(Exception):
    """The server no longer knows this upload (404, 410): a new one must be opened."""


class _Again(Exception):
    """Ask HEAD and go on; `wait_s` when the server named a time, `failure` is what it comes to when patience ends."""

    def __init__(self, failure: Failure, wait_s: float | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.wait_s = wait_s


class Throttle:
    """Holds the sum of all files under a rate in bytes per second; None = as fast as it goes."""

    def __init__(self, bytes_per_s: int | None) -> None:
        self.bytes_per_s = bytes_per_s
        self._lock = threading.Lock()
        self._free_at = 0.0

    def pause_s(self, n: int, now: float) -> float:
        """Account for n bytes and return how long to sleep before sending them."""
        if not self.bytes_per_s:
            return 0.0
        with self._lock:
            start = max(now, self._free_at)
            self._free_at = start + n / self.bytes_per_s
            return start - now


class Transfer:
    """Sends one file to one tus resource. `moved(offset)` is told about progress, `stop` ends it at the next block."""

    def __init__(self, client: Client, path: Path, url: str, *, chunk: int = CHUNK, throttle: Throttle | None = None,
                 stop: threading.Event | None = None, moved: Callable[[int], None] | None = None,
                 resumed: Callable[[int], None] | None = None) -> None:  # fmt: skip
        self.client = client
        self.path = path
        self.url = url
        self.chunk = chunk
        self.throttle = throttle or Throttle(None)
        self.stop = stop or threading.Event()
        self.moved = moved or (lambda offset: None)
        self.resumed = resumed or (lambda offset: None)
        self._digest = hashlib.sha256()
        self._hashed = 0
        self._untold = False  # the session began without a length: it is told with the next bytes

    def run(self) -> str:
        """Send what is missing, return the file's SHA-256; raises Gone, Interrupted, or the Failure that ended it."""
        with self.path.open("rb") as stream:
            before = os.fstat(stream.fileno())
            offset = -1
            while offset != before.st_size:
                offset = self._persist(stream, before.st_size, offset)
            self._hash_up_to(stream, before.st_size)
            after = os.fstat(stream.fileno())
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise Clash(
                    f"{self.path} changed while it was sent", code="FILE_CHANGED", hint="run the same command again"
                )
        return self._digest.hexdigest()

    def _persist(self, stream: BinaryIO, size: int, offset: int) -> int:
        """Send one chunk, however many attempts it takes; progress starts the count of attempts anew."""
        try:
            for attempt in stamina.retry_context(
                on=self._backoff,
                attempts=ATTEMPTS,
                timeout=PATIENCE_S,
                wait_initial=0.2,
                wait_max=10.0,
                wait_jitter=0.5,
            ):
                with attempt:
                    if offset < 0 or attempt.num > 1:
                        offset = self._head(size)
                        self.resumed(offset)
                    return offset if offset == size and not self._untold else self._patch(stream, size, offset)
        except Cut as error:
            raise Unreachable(
                f"the connection to {self.client.url} broke again and again",
                why=str(error),
                hint="run the same command again: what arrived is kept",
            ) from error
        except _Again as error:
            raise error.failure from error
        raise AssertionError("the retry loop always returns or raises")

    def _backoff(self, error: Exception) -> bool | float:
        self._check_stop()
        if isinstance(error, _Again):
            return error.wait_s if error.wait_s is not None else True
        return isinstance(error, Cut)

    def _head(self, size: int) -> int:
        """Ask how much the server has; refuse a session of another length."""
        answer = self.client.attempt("HEAD", self.url, headers=TUS)
        if answer.status in (404, 410):
            raise Gone(f"{answer.status}")
        if not answer.ok:
            raise self._retry_or_fail(answer)
        offset = int(answer.headers.get("upload-offset", "-1"))
        length = answer.headers.get("upload-length")
        if offset < 0 or offset > size or (length is not None and int(length) != size):
            raise Clash(
                f"{self.path} is not the file of this session",
                code="FILE_DIFFERS",
                why=f"the session has {length or '?'} bytes (offset {offset}), the file {size}",
                hint="choose the file it was begun with, or upload anew with --no-resume",
            )
        self._untold = length is None
        return offset

    def _patch(self, stream: BinaryIO, size: int, offset: int) -> int:
        """Send one chunk from offset; returns the offset the server confirmed."""
        length = min(self.chunk, size - offset)
        headers = TUS | {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(length),
        }
        if self._untold:
            headers["Upload-Length"] = str(size)
        self._hash_up_to(stream, offset)
        answer = self.client.attempt("PATCH", self.url, content=self._blocks(stream, offset, length), headers=headers)
        if answer.status == 204:
            confirmed = int(answer.headers.get("upload-offset", offset + length))
            if confirmed > offset + length or confirmed < offset:
                raise Failure(
                    "the server confirmed bytes that were not sent",
                    why=f"Upload-Offset {confirmed}, sent to {offset + length}",
                )
            self.moved(confirmed)
            self._untold = False
            return confirmed
        if answer.status in (404, 410):
            raise Gone(f"{answer.status}")
        if answer.status == 413 and not _ours(answer) and self.chunk > SMALLEST_CHUNK:
            self.chunk = max(SMALLEST_CHUNK, self.chunk // 2)
            self.client.say(
                f"a proxy refused the chunk (413; see its client_max_body_size): {self.chunk >> 20} MiB from here on"
            )
            raise _Again(answer.failure("upload"), 0.0)
        raise self._retry_or_fail(answer)

    def _retry_or_fail(self, answer: Answer) -> Exception:
        if answer.status in (409, 423, 429, 460) or answer.status >= 500:
            return _Again(answer.failure("upload"), answer.retry_after_s)
        return answer.failure("upload")

    def _blocks(self, stream: BinaryIO, offset: int, length: int) -> Iterator[bytes]:
        """Yield the chunk in blocks, hashed when they are new, held back by the throttle, ended by stop."""
        stream.seek(offset)
        end = offset + length
        while offset < end:
            self._check_stop()
            block = stream.read(min(READ, end - offset))
            if not block:
                raise Clash(
                    f"{self.path} became shorter while it was sent",
                    code="FILE_CHANGED",
                    hint="run the same command again",
                )
            if offset == self._hashed:
                self._digest.update(block)
                self._hashed += len(block)
            pause = self.throttle.pause_s(len(block), time.monotonic())
            if pause and self.stop.wait(pause):
                self._check_stop()
            yield block
            offset += len(block)
            self.moved(offset)

    def _hash_up_to(self, stream: BinaryIO, offset: int) -> None:
        """Read and hash what an earlier run sent, so that the digest is of the whole file."""
        if self._hashed >= offset:
            return
        stream.seek(self._hashed)
        while self._hashed < offset:
            self._check_stop()
            block = stream.read(min(1 << 20, offset - self._hashed))
            if not block:
                raise Clash(f"{self.path} became shorter while it was sent", code="FILE_CHANGED")
            self._digest.update(block)
            self._hashed += len(block)

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise Interrupted("paused")


def _ours(answer: Answer) -> bool:
    return isinstance(answer.body, dict) and "error" in answer.body


def gone(upload_id: str) -> Missing:
    """Return the Failure of a session that a person named and the server no longer has."""
    return Missing(f"there is no open session {upload_id}", hint="nexus session list   (or upload without --resume)")
