"""An object put in parts: begun, sent part by part in any order, then completed to one object, or aborted.

Limits of S3: 10,000 parts of 5 MiB to 5 GiB, of which only the last may be smaller.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from datasets.storage import faults, objects
from datasets.storage.objects import Place

LEAST_BYTES = 5 << 20
MOST_BYTES = 5 << 30
MOST_PARTS = 10_000
_COPY_BYTES = 64 << 20  # files up to this size are put in one request


class Part(NamedTuple):
    """A part that the server has confirmed."""

    number: int
    etag: str
    size_bytes: int


class Begun(NamedTuple):
    """A multipart upload that the server knows: its full key, its id there, and since when."""

    key: str
    upload: str
    since: datetime


def part_bytes(size_bytes: int, whole: int = 1) -> int:
    """Return the size of the parts of an object, a multiple of `whole`; ValueError when no size fits."""
    least = max(LEAST_BYTES, -(-size_bytes // MOST_PARTS))
    size = -(-least // whole) * whole
    if size > MOST_BYTES:
        raise ValueError(f"{size_bytes} bytes are more than one object can have")
    return size


def put_once(at: Place, path: Path, size_bytes: int) -> None:
    """Store a local file, in parts when it is large; Taken when an object is there already."""
    if size_bytes <= _COPY_BYTES:
        objects.put_once(at, path, size_bytes)
        return
    step = max(_COPY_BYTES, part_bytes(size_bytes))
    upload = begin(at)
    try:
        with path.open("rb", buffering=0) as file:
            ranges = enumerate(range(0, size_bytes, step), start=1)
            parts = [
                send(at, upload, number, file.fileno(), start, min(start + step, size_bytes))
                for number, start in ranges
            ]
        complete(at, upload, parts)
    except BaseException:
        with contextlib.suppress(faults.Unavailable):
            abort(at, upload)
        raise


def begin(at: Place) -> str:
    """Begin an upload in parts; return the server's id of it."""
    with objects.named():
        return str(at.client.create_multipart_upload(**at.named)["UploadId"])


def send(at: Place, upload: str, number: int, descriptor: int, start: int, stop: int) -> Part:
    """Send the bytes [start, stop) of an open file as one part; Absent when the upload is gone."""
    body = io.BufferedReader(_Section(descriptor, start, stop), 1 << 20)
    digest = objects.md5_of(body)
    with objects.named():
        given = {"PartNumber": number, "UploadId": upload, "ContentMD5": digest, "ContentLength": stop - start}
        answer = at.client.upload_part(**at.named, **given, Body=body)
    return Part(number, str(answer["ETag"]), stop - start)


def complete(at: Place, upload: str, parts: Sequence[Part]) -> None:
    """Make the parts one object. Taken when an object is there: perhaps this one, by a call whose answer was lost."""
    listed = [{"PartNumber": part.number, "ETag": part.etag} for part in sorted(parts)]
    try:
        objects.once(
            at.client.complete_multipart_upload, **at.named, UploadId=upload, MultipartUpload={"Parts": listed}
        )
    except objects.Absent as error:
        objects.size_of(at)  # Absent when there is nothing at all
        raise objects.Taken("completed before") from error


def abort(at: Place, upload: str) -> None:
    """Remove the parts; nothing happens when the upload is gone."""
    with contextlib.suppress(objects.Absent), objects.named():
        at.client.abort_multipart_upload(**at.named, UploadId=upload)


def begun(below: Place) -> Iterator[Begun]:
    """Yield the uploads that were begun below a key and neither completed nor aborted."""
    more: dict[str, str] = {}
    while True:
        with objects.named():
            answer = below.client.list_multipart_uploads(Bucket=below.bucket, Prefix=below.key, **more)
        for each in answer.get("Uploads", []):
            yield Begun(each["Key"], each["UploadId"], each["Initiated"])
        if not answer.get("IsTruncated"):
            return
        more = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}


class _Section(io.RawIOBase):
    """A range of an open file as a file of its own; the file's own position is neither used nor moved."""

    def __init__(self, descriptor: int, start: int, stop: int):
        super().__init__()
        self._descriptor, self._start, self._size, self._at = descriptor, start, stop - start, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)[: max(0, self._size - self._at)]
        count = os.preadv(self._descriptor, [room], self._start + self._at) if len(room) else 0
        self._at += count
        return count
