"""Who is calling: a key, or a signed-in browser session with CSRF. Tenant and person come from the credential alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user
from django.db import OperationalError
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tradenexus import ids
from tradenexus.actor import Actor
from tradenexus.errors import AuthRequired, Forbidden, ProblemError
from tradenexus.middleware import request_id_from
from tradenexus.tenancy import actors, keys
from tradenexus.tenancy.models import User


class IdentityMismatch(AuthRequired):
    """Headers contradict the credential: X-Tenant-Id, X-User-Id, or a second key. Leave them out, or mend them."""

    code = "AUTH_IDENTITY_MISMATCH"


class CsrfFailed(Forbidden):
    """The browser's request lacks a valid CSRF token. Reload the page; programs use an API key and need none."""

    code = "CSRF_FAILED"


class ScopeMissing(Forbidden):
    """The credential lacks the scope that `details.needed` names. Use a key that has it, or ask an admin."""

    code = "SCOPE_MISSING"


def authenticate_headers(headers: Mapping[str, str], request_id: str) -> Actor | None:
    """Return the actor behind `Authorization: Bearer` or `X-API-Key` (names in lower case); None without either.

    Raises AuthRequired for a wrong key and IdentityMismatch for contradicting identity headers or two keys.
    """
    text = headers.get("x-api-key", "")
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and text and bearer.strip() != text.strip():
        raise IdentityMismatch("X-API-Key and Authorization hold two different keys; send one")
    if not text and scheme:
        if scheme.lower() != "bearer":
            raise AuthRequired("the Authorization header must read: Bearer <key>")
        text = bearer
    if not text:
        return None
    actor = keys.verify(text.strip(), request_id)
    if actor is None:
        raise AuthRequired("the API key is unknown, expired or revoked")
    return _agreeing(actor, headers)


def actor_of_key(request: HttpRequest) -> Actor | None:
    """Return the actor of a request's key as `authenticate_headers` does, found out once a request: the limits ask too.

    Raises what it raised the first time.
    """
    if not hasattr(request, "_of_key"):
        headers = {name.lower(): value for name, value in request.headers.items()}
        actor: Actor | None = None
        error: Exception | None = None
        try:
            actor = authenticate_headers(headers, _request_id(request))
        except (ProblemError, OperationalError) as raised:
            error = raised
        request._of_key = (actor, error)  # type: ignore[attr-defined]
    actor, error = request._of_key  # type: ignore[attr-defined]
    if error:
        raise error
    return actor


def authenticate_session(request: HttpRequest, request_id: str) -> Actor | None:
    """Return the actor behind the browser's session; CsrfFailed when a writing request lacks the token."""
    user = getattr(request, "user", None) or get_user(request)
    if not isinstance(user, User) or not user.is_authenticated:
        return None
    refused = _csrf_reason(request)
    if refused:
        raise CsrfFailed(f"CSRF check failed: {refused}")
    actor = actors.of_user(user, request_id, chosen_tenant(request))
    return _agreeing(actor, {k.lower(): v for k, v in request.headers.items()}) if actor else None


def chosen_tenant(request: HttpRequest) -> Any:
    """Return the tenant id this session works in, or None for the person's first."""
    from uuid import UUID

    chosen = request.session.get("tenant_id")
    return UUID(chosen) if chosen else None


def _csrf_reason(request: HttpRequest) -> str | None:
    check = CSRFCheck(lambda _request: None)  # type: ignore[arg-type]
    check.process_request(request)
    return check.process_view(request, None, (), {})  # type: ignore[arg-type, return-value]


def _agreeing(actor: Actor, headers: Mapping[str, str]) -> Actor:
    claims = (("x-tenant-id", actor.tenant_id, "tnt"), ("x-user-id", actor.user_id, "usr"))
    for name, own, prefix in claims:
        claimed = headers.get(name)
        if claimed and own and claimed not in {str(own), own.hex, ids.encode(prefix, own)}:
            raise IdentityMismatch(f"{name} does not agree with the credential")
    return actor


class ApiKeyAuthentication(BaseAuthentication):
    """DRF's door for keys."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        """Return (None, actor) for a key, None when the request carries none."""
        actor = actor_of_key(request._request)
        return (None, actor) if actor else None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="trade-nexus"'


class SessionAuth(BaseAuthentication):
    """DRF's door for browsers."""

    def authenticate(self, request: Request) -> tuple[Any, Actor] | None:
        """Return (user, actor) for a signed-in browser, None otherwise."""
        actor = authenticate_session(request._request, _request_id(request._request))
        return (request._request.user, actor) if actor else None


class HasScope(BasePermission):
    """Let a request pass when its actor holds the scope that the view names for the method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Raise AuthRequired or ScopeMissing, else return True."""
        needed = view.scope_for(request.method)
        if needed is None:
            return True
        actor = request.auth
        if not isinstance(actor, Actor):
            raise AuthRequired("send `Authorization: Bearer <key>` or sign in")
        if not actor.may(needed):
            raise ScopeMissing(f"this needs the scope {needed!r}", {"needed": needed, "held": sorted(actor.scopes)})
        return True


def _request_id(http: HttpRequest) -> str:
    return getattr(http, "request_id", None) or request_id_from(http.headers.get("X-Request-Id"))
