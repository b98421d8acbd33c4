"""Repeats of a POST: same key and body get the first answer again, another body under the same key is refused.

The key's row is written in the transaction of the effect: both exist or neither, and of two requests at once the
second waits for the first at the unique constraint.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import IntegrityError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, Conflict
from tradenexus.rest.canonical import canonical_json
from tradenexus.rest.models import IdempotencyKey
from tradenexus.rest.views import TenantView

_FORM = re.compile(r"[\x21-\x7e]{8,128}")
_KEPT_HEADERS = ("Location", "Content-Location")


class KeyConflict(Conflict):
    """This Idempotency-Key was used with another body. Send a new key for a new request."""

    code = "IDEMPOTENCY_KEY_CONFLICT"


View = Callable[..., Response]


def once(method: View) -> View:
    """Make a POST method of a TenantView run at most once per Idempotency-Key (optional header, 8-128 characters).

    The method runs inside `db.atomic()`, with or without a key.
    """

    @wraps(method)
    def wrapper(view: TenantView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            with db.atomic():
                return method(view, request, *args, **kwargs)
        if not _FORM.fullmatch(key):
            raise BadRequest("Idempotency-Key must be 8 to 128 printable characters without spaces")
        operation = f"{request.method} {request.path}"[:200]
        body_hash = hashlib.sha256(canonical_json(request.data).encode(errors="surrogatepass")).hexdigest()
        replayed = _replay(view.actor, operation, key, body_hash)
        if replayed is not None:
            return replayed
        try:
            return _first(view, request, method, (operation, key, body_hash), args, kwargs)
        except _TakenMeanwhile:
            return _replay(view.actor, operation, key, body_hash) or _gone()

    return wrapper


def press(actor: Actor, operation: str, key: str, act: Callable[[], str]) -> str:
    """Do what a form of a page asks, at most once per key that the form carries; return the address it leads to.

    `act` runs inside `db.atomic()`. A second press leads to where the first one did.
    """
    if not _FORM.fullmatch(key):
        raise BadRequest("this form carries no key of its own: open it again")
    led = _led(actor, operation, key)
    if led is not None:
        return led
    try:
        with db.atomic():
            row = _insert(actor, operation, key, "")
            to = act()
            IdempotencyKey.everyone.filter(id=row.id).update(status=303, answer={"to": to})
            return to
    except _TakenMeanwhile:
        return _led(actor, operation, key) or _gone()


def _led(actor: Actor, operation: str, key: str) -> str | None:
    row = IdempotencyKey.of(actor.tenant_id).filter(operation=operation, key=key).first()
    return str(row.answer["to"]) if row else None


class _TakenMeanwhile(Exception):
    """Another request with the same key was faster."""


def _first(
    view: TenantView, request: Request, method: View, name: tuple[str, str, str], args: Any, kwargs: Any
) -> Response:
    operation, key, body_hash = name
    with db.atomic():
        row = _insert(view.actor, operation, key, body_hash)
        response = method(view, request, *args, **kwargs)
        headers = {name: response[name] for name in _KEPT_HEADERS if response.has_header(name)}
        IdempotencyKey.everyone.filter(id=row.id).update(
            status=response.status_code, answer=_as_sent(response), headers=headers
        )
    return response


def _insert(actor: Actor, operation: str, key: str, body_hash: str) -> IdempotencyKey:
    try:
        with db.atomic():
            return IdempotencyKey.everyone.create(
                tenant_id=actor.tenant_id, operation=operation, key=key, body_hash=body_hash
            )
    except IntegrityError as error:
        raise _TakenMeanwhile from error


def _replay(actor: Actor, operation: str, key: str, body_hash: str) -> Response | None:
    row = IdempotencyKey.of(actor.tenant_id).filter(operation=operation, key=key).first()
    if row is None:
        return None
    if row.body_hash != body_hash:
        raise KeyConflict("this Idempotency-Key was used before with another body", {"operation": operation})
    return Response(row.answer, status=row.status, headers={**row.headers, "Idempotent-Replay": "true"})


def _as_sent(response: Response) -> Any:
    """Return the answer's JSON as the renderer writes it (times, ids and decimals become text)."""
    return json.loads(JSONRenderer().render(response.data))


def _gone() -> Any:
    raise Conflict("the first request under this Idempotency-Key failed at this moment; send it again")
