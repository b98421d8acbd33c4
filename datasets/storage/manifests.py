"""A version's manifest: one JSON document that names its files with bytes, rows and SHA-256, its schema and its source.

Canonical JSON (sorted keys, no spaces, UTF-8), so that equal content has an equal digest. Put once, like any blob.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from datasets.storage import blobs
from tradenexus.errors import ProblemError

FORMAT = 1


class ManifestDamaged(ProblemError):
    """A stored manifest or a file it names is missing or has other bytes. Restore it from a backup."""

    code = "MANIFEST_DAMAGED"


def encode(document: dict[str, Any]) -> bytes:
    """Return the document as canonical JSON; NaN and infinity are refused with ValueError."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest(document: dict[str, Any]) -> str:
    """Return the SHA-256 (hex) of the canonical document."""
    return hashlib.sha256(encode(document)).hexdigest()


def write(key: str, document: dict[str, Any]) -> blobs.Blob:
    """Store the document under the key; putting an equal one again changes nothing."""
    return blobs.put_bytes(key, encode({"format": FORMAT, **document}))


def read(key: str, sha256: str | None = None) -> dict[str, Any]:
    """Return a stored document; ManifestDamaged when it is not JSON or not the one with this digest."""
    with blobs.open_blob(key) as handle:
        data = handle.read()
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise ManifestDamaged("A manifest has other bytes than were written.", {"key": key})
    try:
        document = json.loads(data)
    except ValueError as error:
        raise ManifestDamaged("A manifest cannot be read.", {"key": key}) from error
    return dict(document)


def damaged(document: dict[str, Any]) -> list[str]:
    """Return the keys of `files` whose stored bytes differ from what the manifest says; empty when all are right."""
    files = [blobs.Blob(item["key"], item["sizeBytes"], item["sha256"]) for item in document.get("files", [])]
    return [blob.key for blob in files if not blobs.verify(blob)]
