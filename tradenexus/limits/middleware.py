"""Counts every request that Django answers, and answers 429 to the one too many: the envelope at /v1, a page elsewhere.

What counts together: an API key, a signed-in person (all their sessions), or the address of whoever shows neither; a
wrong key counts for its address. Not counted: health, metrics and static files. Upload bytes never come here (see
BYTE_PATHS): they are limited by open uploads and bytes, not by their number.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse

from tradenexus.errors import ProblemError
from tradenexus.limits import requests
from tradenexus.rest import auth
from tradenexus.web import problems

UNCOUNTED = ("/healthz", "/readyz", "/metrics")
_PREFIX_V6 = 64  # what one household or machine is given: single addresses in it cost nothing


class RequestLimitMiddleware:
    """Let a request pass, or answer it when its subject has used up the minute."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _counts(request):
            refusal = requests.refusal(subject_of(request), request.method or "GET")
            if refusal:
                return problems.answer(request, refusal)
        return self.get_response(request)


def subject_of(request: HttpRequest) -> str:
    """Return who the request counts for: the address too when the key is wrong or the database cannot say."""
    try:
        return _credential(request) or address(request)
    except (ProblemError, OperationalError):
        return address(request)


def address(request: HttpRequest) -> str:
    """Return the caller's address as a subject, of IPv6 its network."""
    text = request.META.get("REMOTE_ADDR") or ""
    try:
        found = ip_address(text)
    except ValueError:  # a server on a Unix socket knows none
        return "ip:"
    if found.version == 6:
        mapped = found.ipv4_mapped
        return f"ip:{mapped or ip_network((found.packed, _PREFIX_V6), strict=False)}"
    return f"ip:{found}"


def _credential(request: HttpRequest) -> str | None:
    if request.path.startswith("/v1/"):
        actor = auth.actor_of_key(request)
        if actor:
            return actor.via
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        user = request.session.get(SESSION_KEY)
        return f"user:{user}" if user else None
    return None


def _counts(request: HttpRequest) -> bool:
    if request.path in UNCOUNTED or request.path.startswith(settings.STATIC_URL):
        return False
    return bool(requests.limit_of(request.method or "GET")[1])
