"""How the sandbox answers: {"data": T}, {"error": {code, message}}, {"detail": ...}, lists; and how it reads a body.

`Refusal` is the only exception of the HTTP side; a refusal with a code is an `error`, one without is a `detail`.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from lona.sandbox.knobs import Knobs
    from lona.sandbox.store import Store

BODY_LIMIT_BYTES = 1024 * 1024


class Refusal(Exception):
    """The request is not accepted: HTTP status, message, and a code unless the answer is a bare `detail`."""

    def __init__(self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, headers


def not_found(message: str = "Not found") -> Refusal:
    """Return the 404 that answers unknown ids and other users' ids alike."""
    return Refusal(404, message)


def invalid(request: Request, message: str) -> Refusal:
    """Return the refusal of a body or a parameter that does not fit (status is a knob)."""
    return Refusal(knobs_of(request).validation_status, message, "VALIDATION_ERROR")


def store_of(request: Request) -> Store:
    """Return the store of the application that got this request."""
    store: Store = request.app.state.store
    return store


def knobs_of(request: Request) -> Knobs:
    """Return the knobs of the application that got this request."""
    knobs: Knobs = request.app.state.knobs
    return knobs


def encoded(value: object) -> bytes:
    """Return compact JSON; NaN and infinities are refused with ValueError, never sent."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer `value` as it is, without the data envelope."""
    return Response(encoded(value), status, headers, "application/json")


def data(request: Request, value: object, status: int = 200) -> Response:
    """Answer `value` in the success envelope (a knob takes the envelope away)."""
    return json_response({"data": value} if knobs_of(request).envelope else value, status)


def refused(request: Request, error: Exception) -> Response:
    """Answer a Refusal or Starlette's own HTTPException (unknown path, wrong method)."""
    if isinstance(error, HTTPException):
        error = Refusal(error.status_code, error.detail, headers=dict(error.headers or {}))
    assert isinstance(error, Refusal)
    shape = knobs_of(request).error_shape
    if shape == "detail" or (shape == "mixed" and not error.code):
        body: dict[str, Any] = {"detail": error.message}
    else:
        body = {"error": {"code": error.code or f"HTTP_{error.status}", "message": error.message}}
    return json_response(body, error.status, error.headers)


def failed(request: Request, error: Exception) -> Response:
    """Answer what nobody expected; the traceback goes to the log only."""
    return json_response({"error": {"code": "INTERNAL_ERROR", "message": "Internal server error"}}, 500)


async def body_of(request: Request) -> dict[str, Any]:
    """Read a JSON object of at most 1 MiB; anything else is refused."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > BODY_LIMIT_BYTES:
            raise Refusal(413, "Request body too large", "PAYLOAD_TOO_LARGE")
    try:
        body = json.loads(received, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise invalid(request, "The body is not valid JSON") from None
    if not isinstance(body, dict):
        raise invalid(request, "The body must be a JSON object")
    return body


def text_in(
    request: Request, body: dict[str, Any], name: str, least: int = 1, most: int = 200, default: str | None = None
) -> str:
    """Return a text field of `least` to `most` characters; absent or null is `default` (None: refused)."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not least <= len(value.strip()) or len(value) > most:
        raise invalid(request, f"{name} must be text of {least} to {most} characters")
    if any((ord(letter) < 32 and letter not in "\n\r\t") or 0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise invalid(request, f"{name} has characters that cannot be stored")
    return value


def paged(
    request: Request, count_sql: str, page_sql: str, values: tuple[object, ...]
) -> tuple[list[sqlite3.Row], int, int]:
    """Return (rows, total, skip) for `skip` and `limit`; a limit over the knob's maximum is refused."""
    limit_max = knobs_of(request).page_limit_max
    skip = _number_in(request, "skip", 0, 0, 2**53)
    limit = _number_in(request, "limit", min(50, limit_max), 1, limit_max)
    store = store_of(request)
    counted = store.one(count_sql, values)
    rows = store.all(f"{page_sql} LIMIT ? OFFSET ?", (*values, limit, skip))
    return rows, counted[0] if counted else 0, skip


def listed(request: Request, items: list[dict[str, Any]], total: int, skip: int) -> Response:
    """Answer one page: {items, has_next, total}."""
    return data(request, {"items": items, "has_next": skip + len(items) < total, "total": total})


def _number_in(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 18) or not least <= int(text) <= most:
        raise invalid(request, f"{name} must be a whole number from {least} to {most}")
    return int(text)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
