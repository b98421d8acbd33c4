"""A version in `uploaded` with real bytes in storage, as an upload leaves it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from datasets import versions
from datasets.models import Dataset, DatasetVersion, Status
from datasets.storage import blobs, layout
from tests.kit.people import Person
from tradenexus import db


def uploaded(person: Person, content: bytes | Path, filename: str = "t.csv", **params: Any) -> DatasetVersion:
    """Return an uploaded version whose raw file is `content`; `params` are what the upload declared."""
    data = content.read_bytes() if isinstance(content, Path) else content
    with db.atomic():
        version = versions.open_upload(
            person.actor, name=filename, filename=filename, content_type="application/octet-stream", params=params
        )
        key = layout.raw(version.tenant_id, version.dataset_id, version.id)
        blob = blobs.put_bytes(key, data)
        versions.receive(version, raw_key=key, sha256=hashlib.sha256(data).hexdigest(), size_bytes=blob.size_bytes)
        DatasetVersion.everyone.filter(id=version.id).update(status=Status.UPLOADED)
        Dataset.everyone.filter(id=version.dataset_id).update(status=Status.UPLOADED)
    version.refresh_from_db()
    return version


def trades(count: int = 600, step_s: int = 7) -> bytes:
    """Return a small CSV of trades: one every `step_s` seconds, prices walking in eighths."""
    rows = (f"{1_700_000_000 + at * step_s},{100 + at % 11 / 8},{1 + at % 3},{at}\n" for at in range(count))
    return ("time,price,size,id\n" + "".join(rows)).encode()
