"""Local copies for the time of a block: bytes on their way into a storage, or out of one that is no folder.

They lie in NEXUS_HOME/work/spool. Each is locked by who made it, so that what a killed process left can be told from
what is in use; all of them together stay below NEXUS_SPOOL_BYTES.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from datasets.storage import faults

_YOUNG_S = 60  # made, and not locked yet


@contextmanager
def room(size_bytes: int = 0) -> Iterator[Path]:
    """Give the path of an empty file with room for so many bytes; it is removed after the block. StorageFull."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    held = _held(folder)
    if size_bytes and held + size_bytes > settings.NEXUS_SPOOL_BYTES:
        details = {"heldBytes": held, "askedBytes": size_bytes, "limitBytes": settings.NEXUS_SPOOL_BYTES}
        raise faults.StorageFull("Copies of stored files would pass NEXUS_SPOOL_BYTES.", details)
    path = folder / uuid4().hex
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with faults.named():
            if size_bytes:
                os.posix_fallocate(descriptor, 0, size_bytes)
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def sweep() -> int:
    """Remove what processes left that were killed; return how many files."""
    removed = 0
    for path in _folder().glob("*"):
        try:
            if time.time() - path.stat().st_mtime < _YOUNG_S:
                continue
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            removed += 1
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
    return removed


def _folder() -> Path:
    return Path(settings.NEXUS_HOME) / "work" / "spool"


def _held(folder: Path) -> int:
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
