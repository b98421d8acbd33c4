"""The server's door: upload bytes go to their own application, sockets to channels, everything else to Django."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradenexus.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()  # loads the apps: what follows may import models

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.conf import settings
from django.urls import get_resolver
from django.utils.module_loading import import_string

from tradenexus import cors, db
from tradenexus.events.routing import websocket_urlpatterns

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_sockets = AuthMiddlewareStack(URLRouter(websocket_urlpatterns))
_bytes = {prefix: import_string(path) for prefix, path in settings.BYTE_PATHS.items()}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Dispatch one connection."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "websocket":
        await _websocket(scope, receive, send)
    else:
        handler = next((app for prefix, app in _bytes.items() if _is_bytes(scope, prefix)), django_application)
        await cors.answer(handler, scope, receive, send)  # type: ignore[arg-type]


def _is_bytes(scope: Scope, prefix: str) -> bool:
    path = scope["path"] + "/" if scope["path"] == prefix.rstrip("/") else scope["path"]
    return path.startswith(prefix) and scope["method"] != "GET"


async def _websocket(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"].rstrip("/") != "/ws/events":
        await send({"type": "websocket.close"})
        return
    await _sockets({**scope, "path": "/ws/events"}, receive, send)


def _settle() -> None:
    """Load what every request needs, and have the collector leave all of it alone.

    It would look at each module and class again and again, and everybody who watches events waits meanwhile.
    """
    get_resolver().url_patterns  # noqa: B018 - loads them
    gc.collect()
    gc.freeze()


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await asyncio.to_thread(db.hold_log)
            await asyncio.to_thread(_settle)
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
