"""What a disk or a bucket can do to us, as errors of the contract: full, or broken. Never the client's fault."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from tradenexus.errors import Unavailable

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_BROKEN = {errno.EIO, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.ESTALE}


class StorageFull(Unavailable):
    """The disk or bucket that holds the data is full. Every byte accepted so far is kept; free space, then continue."""

    code, status = "INSUFFICIENT_STORAGE", 507


class StorageFailed(Unavailable):
    """The disk answered a write or sync with an error, or the object storage does not do its work (`details.reason`).
    What was accepted before is kept; see the server's log, and `nexus doctor` for the object storage."""

    code, status = "STORAGE_UNAVAILABLE", 503


@contextmanager
def named() -> Iterator[None]:
    """Turn an OSError of the disk into StorageFull or StorageFailed; others pass as they are."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull("The disk is full; nothing accepted so far is lost.") from error
        if error.errno in _BROKEN:
            raise StorageFailed("The disk failed a write; nothing accepted so far is lost.") from error
        raise
