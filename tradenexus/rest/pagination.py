"""Keyset pages: `?cursor=&limit=` in, `{requestId, items, nextCursor}` out. Work per page does not grow with depth."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from tradenexus.errors import BadRequest
from tradenexus.rest.views import respond

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
# Rows that no one queryset finds well: (the last row's values in the order, or None; how many) -> the rows that follow.
# ValueError or TypeError for values that are not of this list.
Source = Callable[[Sequence[Any] | None, int], list[Any]]


def page(
    request: Request,
    rows: QuerySet[Any] | Source,
    render: Callable[[Any], dict[str, Any]],
    order: Sequence[str] = ("-created_at", "-id"),
) -> Response:
    """Return one page of `rows` in `order` (last field unique); BadRequest for a bad cursor or limit."""
    items, cursor = slice_of(rows, order, limit_of(request), request.query_params.get("cursor"))
    return respond(request, {"items": [render(row) for row in items], "nextCursor": cursor})


def slice_of(
    rows: QuerySet[Any] | Source, order: Sequence[str], limit: int, cursor: str | None
) -> tuple[list[Any], str | None]:
    """Return up to `limit` rows after `cursor`, and the cursor of the next page or None."""
    last = _decode(cursor, order) if cursor else None
    try:
        found = _following(rows, order, last, limit + 1) if isinstance(rows, QuerySet) else rows(last, limit + 1)
    except (ValueError, TypeError, ValidationError) as error:  # well formed, but not of this list
        if not cursor:
            raise
        raise _not_ours() from error
    more = len(found) > limit
    return found[:limit], _encode(found[limit - 1], order) if more else None


def _following(rows: QuerySet[Any], order: Sequence[str], last: Sequence[Any] | None, most: int) -> list[Any]:
    rows = rows.filter(_after(order, last)) if last else rows
    return list(rows.order_by(*order)[:most])


def limit_of(request: Request) -> int:
    """Return the page size asked for; BadRequest outside 1..200."""
    raw = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (raw.isascii() and raw.isdigit() and len(raw) < 6 and 1 <= int(raw) <= MAX_LIMIT):
        raise BadRequest(f"limit must be a whole number from 1 to {MAX_LIMIT}", {"fields": {"limit": [raw[:32]]}})
    return int(raw)


def _after(order: Sequence[str], values: Sequence[Any]) -> Q:
    condition, equal = Q(), Q()
    for name, value in zip(order, values, strict=True):
        field, comparison = (name[1:], "lt") if name.startswith("-") else (name, "gt")
        condition |= equal & Q(**{f"{field}__{comparison}": value})
        equal &= Q(**{field: value})
    return condition


def _encode(row: Any, order: Sequence[str]) -> str:
    values = [_attribute(row, name.lstrip("-")) for name in order]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _attribute(row: Any, name: str) -> Any:
    value = row
    for part in name.split("__"):
        value = getattr(value, part)
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    return {"u": value.hex} if isinstance(value, UUID) else value


def _decode(cursor: str, order: Sequence[str]) -> list[Any]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(order):
            raise ValueError(cursor)
        return [_value(part) for part in values]
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error) as error:
        raise _not_ours() from error


def _not_ours() -> BadRequest:
    return BadRequest("the cursor is not one of ours; start again without it", {"fields": {"cursor": [""]}})


def _value(part: Any) -> Any:
    if isinstance(part, dict):
        if "d" in part:
            return date.fromisoformat(part["d"])
        return datetime.fromisoformat(part["t"]) if "t" in part else UUID(hex=part["u"])
    if isinstance(part, str | int | float) and not isinstance(part, bool):
        return part
    raise ValueError("not a cursor value")
