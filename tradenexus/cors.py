"""Lets pages of other origins call /v1 from a browser: those that NEXUS_CORS_ORIGINS names, and by default none.

Such a page sends a key in a header. Cookies are never allowed across origins, so nothing is done in the name of
somebody who is merely signed in. An origin that is not named is answered as if this were not here: the browser then
keeps the answer from its page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

PREFIX = "/v1/"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
SENT = (
    "Authorization, X-API-Key, Content-Type, Idempotency-Key, Range, X-Request-Id, X-Requested-With, "
    "X-HTTP-Method-Override, Tus-Resumable, Upload-Length, Upload-Defer-Length, Upload-Offset, Upload-Metadata, "
    "Upload-Checksum, Upload-Concat"
)
SHOWN = (
    "Location, Retry-After, Idempotent-Replay, Content-Range, Content-Disposition, ETag, X-Request-Id, "
    "X-Nexus-Version, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Offset, "
    "Upload-Length, Upload-Defer-Length, Upload-Metadata, Upload-Expires, Upload-Concat"
)
MAX_AGE_S = 7_200

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


async def answer(application: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request: a preflight of a named origin here, everything else by the application."""
    if not settings.NEXUS_CORS_ORIGINS or not f"{scope['path']}/".startswith(PREFIX):
        await application(scope, receive, send)
        return
    given = {name.lower(): value for name, value in scope["headers"]}
    origin = given.get(b"origin", b"").decode("latin-1")
    named = origin in settings.NEXUS_CORS_ORIGINS
    if named and scope["method"] == "OPTIONS" and b"access-control-request-method" in given:
        headers = [*_shared(origin), *_pairs(_preflight())]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            extra = _shared(origin) if named else _pairs({"Vary": "Origin"})
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    await application(scope, receive, marked)


def _preflight() -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": SENT,
        "Access-Control-Max-Age": str(MAX_AGE_S),
    }


def _shared(origin: str) -> list[tuple[bytes, bytes]]:
    named = {"Vary": "Origin", "Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": SHOWN}
    return _pairs(named)


def _pairs(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
