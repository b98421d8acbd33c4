"""Faults on demand: the next N requests that match are delayed, dropped, failed or done twice.

delay                     wait `seconds`, then answer as usual
drop_before               close the connection, do nothing
drop_after_commit         do it, then close the connection without an answer
status_500                answer 500, do nothing
status_500_after_commit   do it, then answer 500
double                    do it twice, past the name-clash check, as two racing requests would; answer the first
fail_report               accept the run; its report ends FAILED (`failure`: code, data, execution, timeout)
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lona.sandbox.runs import FORCED

KINDS = frozenset(
    ["delay", "drop_before", "drop_after_commit", "status_500", "status_500_after_commit", "double", "fail_report"]
)
PREFIX = "/api/v1"
_ANSWER_500 = b'{"error":{"code":"INTERNAL_ERROR","message":"Internal server error"}}'


class FaultRefused(ValueError):
    """The fault asked for is not one: unknown kind, no match, or a number out of range."""


@dataclass
class Fault:
    """One fault: `match` is "METHOD /path" below /api/v1, * matches anything; `times` is what is left of it."""

    match: str
    kind: str
    times: int = 1
    seconds: float = 0.0
    failure: str = "execution"


def parse(given: Mapping[str, Any]) -> Fault:
    """Read a fault from a JSON object; raises FaultRefused."""
    unknown = set(given) - {"match", "kind", "times", "seconds", "failure"}
    texts = [given.get("match"), given.get("kind"), given.get("failure", "execution")]
    if unknown or not all(isinstance(text, str) for text in texts) or " /" not in given["match"]:
        raise FaultRefused('a fault is {match: "METHOD /path", kind, times?, seconds?, failure?}')
    fault = Fault(**given)
    if fault.kind not in KINDS:
        raise FaultRefused(f"kind must be one of {', '.join(sorted(KINDS))}")
    if type(fault.times) is not int or not 1 <= fault.times <= 10**6:
        raise FaultRefused("times must be a whole number from 1")
    if isinstance(fault.seconds, bool) or not isinstance(fault.seconds, int | float) or not 0 <= fault.seconds <= 3600:
        raise FaultRefused("seconds must be a number from 0 to 3600")
    if fault.failure not in FORCED:
        raise FaultRefused(f"failure must be one of {', '.join(FORCED)}")
    return fault


class Faults:
    """The faults waiting for their requests; the first that matches is taken."""

    def __init__(self, scratch: Path) -> None:
        self._waiting: list[Fault] = []
        self._scratch = scratch

    def add(self, fault: Fault) -> None:
        """Let a fault wait."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all waiting faults."""
        self._waiting.clear()

    def shown(self) -> list[dict[str, Any]]:
        """Return the waiting faults as JSON objects."""
        return [asdict(fault) for fault in self._waiting]

    def take(self, method: str, path: str) -> Fault | None:
        """Use up one time of the first fault that matches."""
        called = f"{method} {path.removeprefix(PREFIX)}"
        for fault in self._waiting:
            if fnmatchcase(called, fault.match):
                fault.times -= 1
                if not fault.times:
                    self._waiting.remove(fault)
                return fault
        return None

    async def apply(self, fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request under a fault."""
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            await app(scope, receive, send)
        elif fault.kind == "fail_report":
            await app({**scope, "sandbox.fail_report": fault.failure}, receive, send)
        elif fault.kind == "double":
            await self._twice(app, scope, receive, send)
        else:
            if fault.kind.endswith("_after_commit"):
                await app(scope, receive, _unsent)
            await (_drop(scope) if fault.kind.startswith("drop") else _answer_500(send))

    async def _twice(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        first: list[Message] = []
        with tempfile.TemporaryFile(dir=self._scratch) as body:

            async def recorded() -> Message:
                message = await receive()
                body.write(message.get("body", b""))
                return message

            async def replayed() -> Message:
                chunk = body.read(65_536)
                return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

            async def kept(message: Message) -> None:
                first.append(message)

            repeated = dict(scope)
            await app(scope, recorded, kept)
            body.seek(0)
            await app({**repeated, "sandbox.repeated": True}, replayed, _unsent)
        for message in first:
            await send(message)


async def _unsent(message: Message) -> None:
    return


async def _drop(scope: Scope) -> None:
    scope["sandbox.transport"].abort()
    # One turn of the loop: the protocol learns that the connection is gone before the application returns.
    await asyncio.sleep(0)


async def _answer_500(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_ANSWER_500)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": _ANSWER_500})
