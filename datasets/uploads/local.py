"""Fills an upload from a file that is on the server already: the demo's own data, by the verbs every upload uses."""

from __future__ import annotations

import os
from collections.abc import Iterable

from datasets.models.upload import UploadSession
from datasets.uploads import disk, durable, sessions
from datasets.uploads.errors import UploadLocked


def fill(session: UploadSession, blocks: Iterable[bytes]) -> UploadSession:
    """Write the blocks behind what is durable and return the row as it is then. UploadLocked while another writes."""
    descriptor = disk.try_lock(session.id)
    if descriptor is None:
        raise UploadLocked("Another request is writing to this upload.")
    try:
        fresh = sessions.settled(session, descriptor)
        writer = durable.Writer(fresh, descriptor)
        for block in blocks:
            writer.write([block])
        writer.finish()
        return fresh
    finally:
        os.close(descriptor)
