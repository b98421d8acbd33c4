"""Keyset pages in the query string: `?cursor=` leads on, the browser's back button leads back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict

from tradenexus.rest import pagination

LIMIT = 100


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows; `next_url` and `first_url` keep the filters, and are None where there is nothing to go to."""

    items: list[Any]
    next_url: str | None
    first_url: str | None

    def __len__(self) -> int:
        return len(self.items)


def page(
    request: HttpRequest,
    rows: QuerySet[Any] | pagination.Source,
    order: Sequence[str] = ("-created_at", "-id"),
    limit: int = LIMIT,
) -> Page:
    """Return the page the query string asks for; `order` ends with a unique field. BadRequest for a bad cursor."""
    given = request.GET.get("cursor")
    items, cursor = pagination.slice_of(rows, order, limit, given)
    return Page(
        items, changed(request.GET, cursor=cursor) if cursor else None, given and changed(request.GET, cursor=None)
    )


def changed(query: QueryDict, **changes: Any) -> str:
    """Return the query string with parameters set, or left out where None; a new filter starts at the first page."""
    fresh = query.copy()
    if "cursor" not in changes:
        fresh.pop("cursor", None)
    for name, value in changes.items():
        if value is None or value == "":
            fresh.pop(name, None)
        elif isinstance(value, list | tuple):
            fresh.setlist(name, list(value))
        else:
            fresh[name] = str(value)
    return f"?{fresh.urlencode()}"
