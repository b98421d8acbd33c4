"""Whether the storage of data answers, and whether it can refuse to replace an object (If-None-Match).

A folder is asked nothing that costs; others are asked for a key that never exists, at most every ten seconds.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import uuid4

from django.core.files.storage import FileSystemStorage, storages

from datasets.storage import blobs
from tradenexus.errors import ProblemError

_KEPT_S = 10.0
_NEVER = "probe/never"
_last: tuple[float, str] | None = None


def fault() -> str:
    """Return why the storage does not answer, in a few words; nothing when it does."""
    global _last
    storage = storages["data"]
    if isinstance(storage, FileSystemStorage):
        folder = Path(storage.location)
        return "" if not folder.exists() or os.access(folder, os.W_OK) else f"{folder} cannot be written"
    if _last is None or time.monotonic() - _last[0] > _KEPT_S:
        _last = (time.monotonic(), _asked())
    return _last[1]


def where() -> str:
    """Name the place where data rests."""
    storage = storages["data"]
    if blobs.is_bucket(storage):
        return f"s3://{storage.bucket_name}/{storage.location.strip('/')}".rstrip("/")  # type: ignore[attr-defined]
    return str(getattr(storage, "location", type(storage).__name__))


def answers() -> bool:
    """Tell whether the storage answers."""
    return not fault()


def forget() -> None:
    """Let the next question be asked anew."""
    global _last
    _last = None


def refuses_to_replace() -> bool | None:
    """Put one object twice and tell whether the second put was refused; None for a storage that is no bucket."""
    storage = storages["data"]
    if isinstance(storage, FileSystemStorage) or not blobs.is_bucket(storage):
        return None
    from datasets.storage import objects

    at = objects.place(storage, f"probe/{uuid4().hex}")
    given = {**at.named, "Body": b"probe", "IfNoneMatch": "*"}
    try:
        with objects.named():
            at.client.put_object(**given)
            at.client.put_object(**given)
    except objects.Taken:
        return True
    except ProblemError as error:
        if error.details.get("reason") in ("NotImplemented", "501"):
            return False
        raise
    finally:
        objects.delete(at)
    return False


def _asked() -> str:
    storage = storages["data"]
    try:
        if blobs.is_bucket(storage):
            from datasets.storage import objects

            objects.ask(objects.place(storage, _NEVER))
        else:
            blobs.exists(_NEVER)
    except ProblemError as error:
        return error.message
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
