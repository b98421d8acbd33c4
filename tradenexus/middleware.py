"""Request ids in and out, the server's version on every answer, and no caching of private answers."""

from __future__ import annotations

import re
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from tradenexus.ids import uuid7

_PRINTABLE = re.compile(r"[\x21-\x7e]{1,128}")


def request_id_from(given: str | None) -> str:
    """Return the caller's request id when it is at most 128 printable characters, else a new one."""
    return given if given and _PRINTABLE.fullmatch(given) else uuid7().hex


class RequestIdMiddleware:
    """Take or make `X-Request-Id`, bind it to the logs, and return it on every answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = request_id_from(request.headers.get("X-Request-Id"))  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request.request_id):  # type: ignore[attr-defined]
            response = self.get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        response["X-Nexus-Version"] = settings.NEXUS_VERSION
        return response


class PrivateCacheMiddleware:
    """Mark every dynamic answer `private, no-store` unless a view said otherwise."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-store"
        return response
