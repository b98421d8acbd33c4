"""Bodies larger than memory: blocking iterators given to the ASGI server piece by piece, and byte ranges of a file."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.http import HttpRequest, StreamingHttpResponse

from tradenexus.errors import ProblemError

Piece = TypeVar("Piece", str, bytes)
_RANGE = re.compile(r"bytes=(\d{1,19})?-(\d{1,19})?")


class RangeUnsatisfiable(ProblemError):
    """The Range header asks for bytes that the file does not have. `details.sizeBytes` is its size."""

    code, status = "RANGE_NOT_SATISFIABLE", 416


async def pieces(blocking: Iterator[Piece]) -> AsyncIterator[Piece]:
    """Yield from a blocking iterator, each step in the request's thread (Django would collect a plain one)."""
    done = object()
    step = sync_to_async(lambda: next(blocking, done))
    while (piece := await step()) is not done:
        yield piece  # type: ignore[misc]


def download(
    request: HttpRequest, read: Callable[[int, int], Iterator[bytes]], size_bytes: int, sha256: str, filename: str
) -> StreamingHttpResponse:
    """Answer a file or one byte range of it, as an attachment that no browser renders.

    `read(start, stop)` yields the bytes [start, stop). RangeUnsatisfiable for a range outside the file.
    """
    start, stop = _range(request.headers.get("Range", ""), size_bytes)
    partial = stop - start != size_bytes
    response = StreamingHttpResponse(
        pieces(read(start, stop)), content_type="application/octet-stream", status=206 if partial else 200
    )
    response["Content-Length"] = str(stop - start)
    if partial:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size_bytes}"
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = f'"{sha256}"'
    response["X-Content-Sha256"] = sha256
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = disposition(filename)
    return response


def disposition(filename: str) -> str:
    """Return an attachment header for a name given by a client (RFC 6266: ASCII stand-in and UTF-8 form)."""
    from urllib.parse import quote

    plain = re.sub(r"[^A-Za-z0-9._-]", "_", filename)[:150] or "file"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename[:255], safe='')}"


def _range(header: str, size_bytes: int) -> tuple[int, int]:
    match = _RANGE.fullmatch(header)
    if match is None or not any(match.groups()):
        return 0, size_bytes  # RFC 9110: what is not understood is ignored
    first, last = match.groups()
    if first is None:
        start, stop = max(0, size_bytes - int(last)), size_bytes
    else:
        start, stop = int(first), min(size_bytes, int(last) + 1 if last else size_bytes)
    if start >= stop:
        raise RangeUnsatisfiable("the file has no such bytes", {"sizeBytes": size_bytes})
    return start, stop
