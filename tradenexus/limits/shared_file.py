"""Counts in files that all processes of one machine share: no service, nothing flushed, nothing to clean up.

Fixed records, read and written a few bytes at a time under the kernel's record lock, which ends with its holder. Times
are the machine's monotonic clock, read under the lock: whoever waited longest would else hold the newest record for
one of another boot, which is what a time to come means. After a power cut the counts begin anew.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from struct import Struct

PATIENCE_S, PAUSE_S = 3.0, 0.0002


class SharedFile:
    """One file and the turn to use it. Make one of a path in a process: closing a second would drop the lock."""

    def __init__(self, path: Path):
        self._path = path
        self._turn = threading.Lock()  # the kernel's lock holds off other processes, not other threads
        self._descriptor: int | None = None

    @contextmanager
    def held(self) -> Iterator[int]:
        """Give the open file to one caller at a time; TimeoutError when a stopped process does not let go."""
        deadline = time.monotonic() + PATIENCE_S
        if not self._turn.acquire(timeout=PATIENCE_S):
            raise TimeoutError(f"{self._path} is held by another thread")
        try:
            descriptor = self._opened()
            while not _locked(descriptor):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self._path} is held by another process")
                time.sleep(PAUSE_S)
            try:
                yield descriptor
            finally:
                fcntl.lockf(descriptor, fcntl.LOCK_UN)
        finally:
            self._turn.release()

    def _opened(self) -> int:
        if self._descriptor is None:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._descriptor


class Windows:
    """Counts of requests: a hash table of buckets with a few records each, so that an access costs the same always.

    In a full bucket the record that counts least makes room: a flood of addresses may lose its own small counts, never
    that of a subject near its limit.
    """

    _RECORD = Struct("<16sdQ")  # subject, start of the window, requests in it
    _BUCKETS, _PLACES = 4096, 8

    def __init__(self, path: Path):
        self._file = SharedFile(path)

    def take(self, subject: str, window_s: float) -> tuple[int, float]:
        """Count one request; return how many the window has had, this one included, and the seconds it still lasts."""
        key, size = _digest(subject), self._RECORD.size * self._PLACES
        at = int.from_bytes(key[:4], "little") % self._BUCKETS * size
        with self._file.held() as descriptor:
            now = time.monotonic()
            bucket = os.pread(descriptor, size, at).ljust(size, b"\0")
            place, start, count = self._found(bucket, key, window_s, now)
            os.pwrite(descriptor, self._RECORD.pack(key, start, count + 1), at + place * self._RECORD.size)
        return count + 1, start + window_s - now

    def _found(self, bucket: bytes, key: bytes, window_s: float, now: float) -> tuple[int, float, int]:
        records = list(self._RECORD.iter_unpack(bucket))
        counts = [count if 0 <= now - start < window_s else 0 for _, start, count in records]
        own = next((place for place, record in enumerate(records) if record[0] == key), None)
        if own is not None and counts[own]:
            return own, records[own][1], counts[own]
        return (counts.index(min(counts)) if own is None else own), now, 0


class Seats:
    """Things held open, each by a lease: a holder that dies without a word loses its seat when the lease ends."""

    _RECORD = Struct("<16s16sd")  # subject, holder, end of the lease

    def __init__(self, path: Path):
        self._file = SharedFile(path)

    def hold(self, subject: str, holder: bytes, limit: int, lease_s: float) -> bool:
        """Take a seat, or keep the one the holder has; False when the subject's `limit` seats are taken."""
        key = _digest(subject)
        with self._file.held() as descriptor:
            now = time.monotonic()
            data = self._read(descriptor)
            at = self._own(data, key, holder)
            if at is None:
                at = self._free(data, key, limit, lease_s, now)
            if at is None:
                return False
            os.pwrite(descriptor, self._RECORD.pack(key, holder, now + lease_s), at)
        return True

    def release(self, subject: str, holder: bytes) -> None:
        """Give the seat back."""
        with self._file.held() as descriptor:
            at = self._own(self._read(descriptor), _digest(subject), holder)
            if at is not None:
                os.pwrite(descriptor, bytes(self._RECORD.size), at)

    def _read(self, descriptor: int) -> bytes:
        size = os.fstat(descriptor).st_size // self._RECORD.size * self._RECORD.size
        return os.pread(descriptor, size, 0)

    def _own(self, data: bytes, key: bytes, holder: bytes) -> int | None:
        at = data.find(key + holder)
        return at if at >= 0 and at % self._RECORD.size == 0 else None

    def _free(self, data: bytes, key: bytes, limit: int, lease_s: float, now: float) -> int | None:
        taken, free = 0, len(data)
        for number, (subject, _, until) in enumerate(self._RECORD.iter_unpack(data)):
            if not 0 < until - now <= lease_s:
                free = min(free, number * self._RECORD.size)
            elif subject == key:
                taken += 1
        return free if taken < limit else None


def _digest(subject: str) -> bytes:
    return blake2b(subject.encode(), digest_size=16).digest()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # POSIX allows either
        return False
    return True
