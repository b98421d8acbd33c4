"""How a typed id is called and where its page is. The frame lies below the apps: whoever knows registers here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol
from uuid import UUID


class Named(Protocol):
    """A thing as a link."""

    @property
    def label(self) -> str:
        """What it is called."""

    @property
    def url(self) -> str:
        """Where it is shown."""


Describe = Callable[[UUID, Iterable[str]], Mapping[str, Named]]
_describe: list[Describe] = []


def register(describe: Describe) -> None:
    """Take the function (tenant_id, refs) -> {ref: thing}; unknown ids are left out."""
    _describe[:] = [describe]


def of(tenant_id: UUID, refs: Iterable[str]) -> Mapping[str, Named]:
    """Return what is known of each id."""
    return _describe[0](tenant_id, refs) if _describe else {}
