"""Who calls the byte path: a key, or a signed-in browser with its CSRF token; never anybody by default."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse

from tradenexus.actor import Actor
from tradenexus.errors import AuthRequired, BadRequest
from tradenexus.rest.auth import ScopeMissing, authenticate_headers, authenticate_session


def of_call(scope: Mapping[str, Any], headers: Mapping[str, str], request_id: str, method: str) -> Actor:
    """Return the caller; AuthRequired without one, ScopeMissing when it may not do this (HEAD reads, others write)."""
    actor = authenticate_headers(headers, request_id) or _of_session(scope, request_id)
    if actor is None:
        raise AuthRequired("send `Authorization: Bearer <key>` or sign in")
    needed = "read" if method == "HEAD" else "write"
    if not actor.may(needed):
        raise ScopeMissing(f"this needs the scope {needed!r}", {"needed": needed, "held": sorted(actor.scopes)})
    return actor


def _of_session(scope: Mapping[str, Any], request_id: str) -> Actor | None:
    request = ASGIRequest(dict(scope), BytesIO())
    SessionMiddleware(lambda _request: HttpResponse()).process_request(request)
    try:
        return authenticate_session(request, request_id)
    except SuspiciousOperation as error:
        raise BadRequest("the request's host or session is not acceptable") from error
