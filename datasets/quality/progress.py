"""Progress messages of a child, a few a second however often the work reports."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

INTERVAL_S = 0.25


class Progress:
    """Hands `emit` at most four messages a second, and the last one always."""

    def __init__(self, emit: Callable[[dict[str, Any]], None], phase: str, total: int | None, unit: str):
        self._emit, self._phase, self._total, self._unit = emit, phase, total, unit
        self._next_at = 0.0

    def report(self, done: int, *, last: bool = False, **more: int) -> None:
        """Say how far the work is, in units of the total."""
        now = time.monotonic()
        if last or now >= self._next_at:
            self._next_at = now + INTERVAL_S
            message = {"phase": self._phase, "done": done, "total": self._total, "unit": self._unit}
            self._emit({**message, **more})
