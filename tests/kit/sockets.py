"""A websocket client that speaks ASGI to the application directly."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from asgiref.testing import ApplicationCommunicator


class Socket(ApplicationCommunicator):
    """One websocket: connect, read JSON frames, disconnect."""

    def __init__(self, application: Any, url: str, headers: list[tuple[bytes, bytes]]):
        parts = urlsplit(url)
        scope = {"type": "websocket", "path": parts.path, "query_string": parts.query.encode(), "headers": headers}
        super().__init__(application, {**scope, "subprotocols": [], "scheme": "ws"})

    async def connect(self) -> bool:
        """Return whether the handshake was accepted."""
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output(5))["type"] == "websocket.accept"

    async def frame(self) -> dict[str, Any]:
        """Return the next frame's JSON."""
        message = await self.receive_output(5)
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def disconnect(self) -> None:
        """Close from the client's side."""
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(5)
