"""The number of a workspace's newest event, which pages start listening from.

The frame lies below the events: they register here how to ask (`tradenexus.events.apps`), so that a page read before
its socket opens misses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

_heads: list[Callable[[UUID], int]] = []


def register(head: Callable[[UUID], int]) -> None:
    """Take the function (tenant_id) -> number of the newest event."""
    _heads[:] = [head]


def head(tenant_id: UUID) -> int:
    """Return the number of the newest event, 0 before the first."""
    return _heads[0](tenant_id) if _heads else 0
