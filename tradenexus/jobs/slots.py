"""Places for heavy jobs: as many file locks under NEXUS_HOME/run as heavy jobs may run at once on this host.

The kernel frees a place when its process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from django.conf import settings


class Slot:
    """A place held by this process until it is released."""

    def __init__(self, descriptor: int):
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the place back; again is no error."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def take() -> Slot | None:
    """Take a free place without waiting; None when all are taken."""
    folder = Path(settings.NEXUS_HOME) / "run"
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(settings.NEXUS_HEAVY_JOBS):
        descriptor = os.open(folder / f"heavy-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return Slot(descriptor)
    return None
