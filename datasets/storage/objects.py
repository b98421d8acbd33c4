"""One object of a bucket: put once, read by ranges, measured, deleted. Used by blobs when the storage is a bucket.

Every put carries its MD5, so the server stores what was sent or refuses it, and `If-None-Match: *` where it is known.
What the network and the server do wrong comes out as StorageFull or StorageFailed, never as their own errors.
"""

from __future__ import annotations

import base64
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from datasets.storage import faults
from datasets.storage.bucket import FAULTS

Answer = TypeVar("Answer")
FIRST_BYTES = 256 << 10
MOST_BYTES = 8 << 20
_TRIES = 4
_FULL = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507"}


class Taken(Exception):
    """An object rests under this key already."""


class Absent(Exception):
    """There is no such object, or no such multipart upload."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object is: client, bucket and full key."""

    client: Any
    bucket: str
    key: str

    @property
    def named(self) -> dict[str, str]:
        """The arguments that name it in every call."""
        return {"Bucket": self.bucket, "Key": self.key}


def place(storage: Any, key: str) -> Place:
    """Return where the storage keeps a key."""
    client = getattr(storage, "client", None) or storage.connection.meta.client
    prefix = storage.location.strip("/")
    return Place(client, storage.bucket_name, f"{prefix}/{key}" if prefix else key)


@contextmanager
def named() -> Iterator[None]:
    """Turn what the client raises into Taken, Absent, StorageFull or StorageFailed."""
    try:
        yield
    except FAULTS as error:
        code, status = of_answer(error)
        if status == 412:
            raise Taken(code) from error
        if status == 404 and code != "NoSuchBucket":
            raise Absent(code) from error
        if code in _FULL or status == 507:
            raise faults.StorageFull("The object storage is full; nothing accepted so far is lost.") from error
        told = {"reason": code, "retryAfterSeconds": 5}
        raise faults.StorageFailed(f"The object storage does not do its work ({code}).", told) from error


def of_answer(error: Exception) -> tuple[str, int]:
    """Return the server's code and status; the error's own name and 0 when no answer came."""
    answer = getattr(error, "response", None) or {}
    status = int((answer.get("ResponseMetadata") or {}).get("HTTPStatusCode", 0))
    return str((answer.get("Error") or {}).get("Code") or type(error).__name__), status


def ask(below: Place) -> None:
    """Ask for one object below a key, to learn whether the bucket answers (a HEAD does not say that it is missing)."""
    with named():
        below.client.list_objects_v2(Bucket=below.bucket, Prefix=below.key, MaxKeys=1)


def size_of(at: Place) -> int:
    """Return the object's size; Absent when there is none."""
    with named():
        return int(at.client.head_object(**at.named)["ContentLength"])


def put_once(at: Place, path: Path, size_bytes: int) -> None:
    """Store a local file in one request; Taken when an object is there already."""
    with path.open("rb", buffering=0) as file:
        once(at.client.put_object, Body=file, ContentLength=size_bytes, ContentMD5=md5_of(file), **at.named)


def once(verb: Callable[..., Answer], **given: Any) -> Answer:
    """Call a verb that may not replace an object; without that condition where the server does not know it."""
    for _ in range(_TRIES):
        try:
            return verb(**given, IfNoneMatch="*")
        except FAULTS as error:
            code, status = of_answer(error)
            if status == 501 or code == "NotImplemented":
                with named():
                    return verb(**given)
            if status != 409:  # 409: another writer is at it; look again
                with named():
                    raise
        time.sleep(0.2)
    raise faults.StorageFailed("Others keep writing this object.", {"retryAfterSeconds": 5})


def md5_of(file: Any) -> str:
    """Return the MD5 of what is left in a file as its header wants it, and go back to the start."""
    digest = hashlib.md5(usedforsecurity=False)
    start = file.tell()
    while block := file.read(1 << 20):
        digest.update(block)
    file.seek(start)
    return base64.b64encode(digest.digest()).decode()


def delete(at: Place) -> None:
    """Remove the object; nothing happens when there is none."""
    with named():
        at.client.delete_object(**at.named)


def open_ranged(at: Place, offset: int = 0, stop: int | None = None) -> BinaryIO:
    """Open the object for reading at an offset, up to `stop`; Absent when there is none."""
    with named():
        found = at.client.head_object(**at.named)
    size = int(found["ContentLength"])
    raw = Ranged(at, str(found.get("ETag", "")), size if stop is None else min(stop, size))
    raw.seek(offset)
    return cast(BinaryIO, io.BufferedReader(raw, FIRST_BYTES))


class Ranged(io.RawIOBase):
    """An object as a file: each miss asks for one block, and blocks grow while reading goes straight on.

    The object is held by its ETag: all blocks are of the same bytes.
    """

    def __init__(self, at: Place, etag: str, stop: int):
        super().__init__()
        self._at = at
        self._etag = etag
        self._stop = stop
        self._position = 0
        self._block = b""
        self._block_start = 0
        self._step = FIRST_BYTES

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read in any order."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; nothing is asked for yet."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._stop}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as one block goes; StorageFailed."""
        if self._position >= self._stop or not len(buffer):
            return 0
        if not self._block_start <= self._position < self._block_start + len(self._block):
            self._ask(len(buffer))
        start = self._position - self._block_start
        piece = memoryview(self._block)[start : start + len(buffer)]
        memoryview(buffer).cast("B")[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _ask(self, wanted: int) -> None:
        straight_on = bool(self._block) and self._position == self._block_start + len(self._block)
        self._step = min(2 * self._step, MOST_BYTES) if straight_on else FIRST_BYTES
        last = min(self._position + max(self._step, wanted), self._stop)
        self._block = b""  # before the next one is there: never two at once
        self._block, self._block_start = self._fetch(self._position, last), self._position

    def _fetch(self, start: int, stop: int) -> bytes:
        """Get one range; an answer that breaks off is asked for again (the client repeats requests, not bodies)."""
        for attempt in range(1, _TRIES + 1):
            try:
                with named():
                    given = {"Range": f"bytes={start}-{stop - 1}", **({"IfMatch": self._etag} if self._etag else {})}
                    data = self._at.client.get_object(**self._at.named, **given)["Body"].read()
                    if len(data) == stop - start:
                        return bytes(data)
            except faults.StorageFailed:
                if attempt == _TRIES:
                    raise
            except (Taken, Absent) as error:
                raise faults.StorageFailed("An object went away while it was read.", {"key": self._at.key}) from error
            time.sleep(0.1 * attempt)
        raise faults.StorageFailed("The object storage gives fewer bytes than it has.", {"key": self._at.key})
