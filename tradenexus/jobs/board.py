"""A page of memory shared by a worker and its processes: stop flags and the time of the last sign of life.

Not a multiprocessing lock or event: a process killed while it holds one of those stops all the others.
"""

from __future__ import annotations

import mmap
import struct
import time
import uuid


class Board:
    """Made by the worker before it forks; written and read by all without locks (two bytes, one aligned double)."""

    def __init__(self, worker_id: uuid.UUID):
        self.worker_id = worker_id
        self._page = mmap.mmap(-1, mmap.PAGESIZE)

    @property
    def draining(self) -> bool:
        """Whether the worker is stopping: claim nothing more."""
        return self._page[0] == 1

    def drain(self) -> None:
        """Tell all processes to claim nothing more."""
        self._page[0] = 1

    @property
    def paused(self) -> bool:
        """Whether an operator had the worker drained: claim nothing more until told otherwise."""
        return self._page[1] == 1

    def pause(self, wanted: bool) -> None:
        """Tell all processes to claim nothing more, or to go on."""
        self._page[1] = int(wanted)

    def beat(self) -> None:
        """Note that a process of this worker has just answered a wake-up or finished a job."""
        struct.pack_into("d", self._page, 8, time.monotonic())

    @property
    def quiet_s(self) -> float:
        """Seconds since the last beat."""
        return time.monotonic() - struct.unpack_from("d", self._page, 8)[0]


current: Board | None = None
