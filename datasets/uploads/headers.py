"""Reads and writes the headers of tus 1.0.0 (https://tus.io/protocols/resumable-upload). Values in, values out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Protocol

import crc32c

from datasets.models.upload import PARTIAL
from datasets.uploads.errors import BadHeader, TusVersion
from tradenexus.errors import UnsupportedMedia

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination,concatenation"
ALGORITHMS = "sha1,sha256,crc32c"
BODY_TYPE = "application/offset+octet-stream"
FINAL = "final;"
_NUMBER = re.compile(r"[0-9]{1,19}")
_KEY = re.compile(r"[!#-+\--~]{1,100}")  # printable ASCII without space and comma
_LARGEST = (1 << 63) - 1


class Digest(Protocol):
    """What hashlib's objects do."""

    def update(self, data: bytes | memoryview, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32c:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = crc32c.crc32c(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_DIGESTS: dict[str, tuple[Callable[[], Digest], int]] = {
    "sha1": (lambda: hashlib.sha1(usedforsecurity=False), 20),
    "sha256": (hashlib.sha256, 32),
    "crc32c": (_Crc32c, 4),
}


@dataclass(slots=True)
class Checksum:
    """The digest a client promised for the body of one PATCH, and what has passed so far."""

    algorithm: str
    expected: bytes
    running: Digest

    def holds(self) -> bool:
        """Tell whether the bytes that passed have the promised digest."""
        return self.running.digest() == self.expected

    def covers(self, data: bytes) -> bool:
        """Tell whether this data, the whole body, has the promised digest."""
        self.running.update(data)
        return self.holds()


def require_version(headers: Mapping[str, str]) -> None:
    """Refuse a request that does not speak version 1.0.0."""
    if headers.get("tus-resumable") != VERSION:
        raise TusVersion(f"Send the header Tus-Resumable: {VERSION}.", {"supported": [VERSION]})


def require_body_type(headers: Mapping[str, str]) -> None:
    """Refuse a body that is not declared as upload bytes."""
    if headers.get("content-type", "").split(";")[0].strip().lower() != BODY_TYPE:
        raise UnsupportedMedia(f"The body must have Content-Type: {BODY_TYPE}.")


def number(headers: Mapping[str, str], name: str) -> int:
    """Return a header that must be a whole number >= 0."""
    text = headers.get(name.lower())
    if text is None or _NUMBER.fullmatch(text) is None or int(text) > _LARGEST:
        raise BadHeader(f"{name} must be a whole number of bytes, 0 or more.", {"header": name})
    return int(text)


def concat(headers: Mapping[str, str]) -> str:
    """Return Upload-Concat: `partial`, or text that starts with `final;`; empty without one."""
    text = headers.get("upload-concat")
    if text is None or text.strip() == PARTIAL or text.startswith(FINAL):
        return (text or "").strip()
    raise BadHeader("Upload-Concat must be `partial`, or `final;` and addresses.", {"header": "Upload-Concat"})


def refuse_with_final(headers: Mapping[str, str]) -> None:
    """Refuse a length or a body with a final upload: it has what its parts have."""
    for name in ("Upload-Length", "Upload-Defer-Length"):
        if name.lower() in headers:
            raise BadHeader(f"A final upload takes no {name}: it is as long as its parts.", {"header": name})
    if (body_length(headers) or 0) > 0 or "transfer-encoding" in headers:
        raise BadHeader("A final upload takes no bytes of its own.", {"header": "Content-Length"})


def length(headers: Mapping[str, str]) -> int | None:
    """Return Upload-Length of a creation, None when Upload-Defer-Length says that it is told later; never both."""
    deferred = headers.get("upload-defer-length")
    if deferred is None:
        return number(headers, "Upload-Length")
    if deferred.strip() != "1" or "upload-length" in headers:
        raise BadHeader("Send Upload-Length, or Upload-Defer-Length: 1 without it.", {"header": "Upload-Defer-Length"})
    return None


def told_length(headers: Mapping[str, str]) -> int | None:
    """Return Upload-Length of a PATCH, None without one."""
    if "upload-length" not in headers:
        return None
    told = number(headers, "Upload-Length")
    if told < 1:
        raise BadHeader("Upload-Length must be at least 1: an empty file is no data.", {"header": "Upload-Length"})
    return told


def body_length(headers: Mapping[str, str]) -> int | None:
    """Return the Content-Length, None for a chunked body."""
    return number(headers, "Content-Length") if "content-length" in headers else None


def metadata(text: str) -> dict[str, str]:
    """Read Upload-Metadata: `key base64value` pairs joined by commas; a key may stand alone; empty text is no pairs."""
    pairs: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, _, encoded = item.partition(" ")
        if _KEY.fullmatch(key) is None or key in pairs:
            raise BadHeader("Upload-Metadata: keys must be unique ASCII words.", {"header": "Upload-Metadata"})
        try:
            pairs[key] = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise BadHeader(
                f"Upload-Metadata: the value of {key} must be base64 of UTF-8 text.", {"header": "Upload-Metadata"}
            ) from error
    return pairs


def checksum(text: str | None) -> Checksum | None:
    """Read Upload-Checksum: `algorithm base64digest`; None when the client sent none."""
    if text is None:
        return None
    algorithm, _, encoded = text.strip().partition(" ")
    if algorithm not in _DIGESTS:
        raise BadHeader(f"Upload-Checksum: the algorithm must be one of {ALGORITHMS}.", {"header": "Upload-Checksum"})
    make, size = _DIGESTS[algorithm]
    try:
        expected = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error as error:
        raise BadHeader("Upload-Checksum: the digest must be base64.", {"header": "Upload-Checksum"}) from error
    if len(expected) != size:
        raise BadHeader(f"Upload-Checksum: a {algorithm} digest has {size} bytes.", {"header": "Upload-Checksum"})
    return Checksum(algorithm, expected, make())


def http_date(moment: datetime) -> str:
    """Write a time as Upload-Expires wants it (RFC 9110 date, GMT)."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)
