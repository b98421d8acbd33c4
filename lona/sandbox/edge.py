"""The outermost layer: a log line and a count per request, faults, and the connection for those that drop it."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from lona.sandbox.faults import Faults

log = logging.getLogger("lona.sandbox.http")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_SILENT = ("/healthz", "/_sandbox")
_PATHS_MAX = 500


class Connection(H11Protocol):
    """uvicorn's HTTP protocol that shows its transport to the application, as `sandbox.transport` in the scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application for this connection."""
        super().connection_made(transport)
        app: Any = self.app

        async def shown(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "sandbox.transport": transport}, receive, send)

        self.app = shown


class Edge:
    """Serves `app`; `counts` holds requests by "METHOD /path" with ids as {id}, unknown paths left out."""

    def __init__(self, app: ASGIApp, faults: Faults, counts: Counter[str]) -> None:
        self._app, self._faults, self._counts = app, faults, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (or the lifespan, untouched)."""
        if scope["type"] != "http" or scope["path"].startswith(_SILENT):
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        fault = self._faults.take(scope["method"], scope["path"])
        try:
            if fault is None:
                await self._app(scope, receive, noted)
            else:
                await self._faults.apply(fault, self._app, scope, receive, noted)
        finally:
            self._note(scope, status, time.monotonic() - started, fault.kind if fault else None)

    def _note(self, scope: Scope, status: int, seconds: float, fault: str | None) -> None:
        called = f"{scope['method']} {_ID.sub('{id}', scope['path'])}"[:200]
        if status != 404 and (called in self._counts or len(self._counts) < _PATHS_MAX):
            self._counts[called] += 1
        request_id = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        extra = {
            "method": scope["method"],
            "path": scope["path"][:300],
            "status": status or None,
            "ms": round(seconds * 1e3),
        }
        log.info("request", extra={**extra, "fault": fault, "request_id": request_id.decode("latin-1")[:128] or None})
