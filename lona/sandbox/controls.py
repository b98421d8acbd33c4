"""What tests and people turn at run time: knobs, faults, and a look inside. Only from this machine.

Two checks keep web pages out that a browser on this machine shows: the Host header must be a loopback name (no DNS
rebinding), and bodies must be application/json (which a foreign page may not send without being asked first).
"""

from __future__ import annotations

import ipaddress
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lona.sandbox import answers, faults
from lona.sandbox.answers import Refusal
from lona.sandbox.knobs import KnobRefused

_SHOWN_MAX = 1000


async def health(request: Request) -> Response:
    """Answer that the process serves and its database reads."""
    answers.store_of(request).one("SELECT 1")
    return answers.json_response({"status": "ok", "provider": "Sandbox (local)"})


async def get_knobs(request: Request) -> Response:
    """Answer all knobs by name."""
    _only_from_here(request)
    return answers.json_response(answers.knobs_of(request).shown())


async def put_knobs(request: Request) -> Response:
    """Change the knobs named in the body, all or none, until the process ends."""
    _only_from_here(request)
    body = await answers.body_of(request)
    try:
        answers.knobs_of(request).update(body)
    except KnobRefused as error:
        raise Refusal(422, str(error), "KNOB_REFUSED") from None
    return await get_knobs(request)


async def post_fault(request: Request) -> Response:
    """Let one fault wait for its requests; answers all that wait."""
    _only_from_here(request)
    try:
        fault = faults.parse(await answers.body_of(request))
    except faults.FaultRefused as error:
        raise Refusal(422, str(error), "FAULT_REFUSED") from None
    request.app.state.faults.add(fault)
    return answers.json_response({"added": asdict(fault), "waiting": request.app.state.faults.shown()}, 201)


async def delete_faults(request: Request) -> Response:
    """Forget all waiting faults."""
    _only_from_here(request)
    request.app.state.faults.clear()
    return Response(status_code=204)


async def get_state(request: Request) -> Response:
    """Answer what is stored: counts, the newest symbols and reports of everybody, requests, knobs, waiting faults."""
    _only_from_here(request)
    state = request.app.state
    shown: dict[str, Any] = {
        "agents": _rows(request, "SELECT id, name, source, expires_at FROM agent ORDER BY created_at DESC"),
        "strategies": _rows(request, "SELECT id, owner, name FROM strategy ORDER BY n DESC"),
        "symbols": _rows(
            request,
            "SELECT id, owner, name, rows, size_bytes, start_timestamp, end_timestamp FROM symbol"
            " WHERE deleted_at IS NULL ORDER BY n DESC",
        ),
        "reports": _rows(
            request, "SELECT id, owner, strategy_id, status, progress, runs, error FROM report ORDER BY n DESC"
        ),
    }
    inside = {"requests": dict(state.counts), "knobs": state.knobs.shown(), "faults": state.faults.shown()}
    return answers.json_response({**shown, **inside})


def _rows(request: Request, sql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in answers.store_of(request).all(f"{sql} LIMIT ?", (_SHOWN_MAX,))]


def _only_from_here(request: Request) -> None:
    host, address = request.url.hostname or "", request.client.host if request.client else ""
    if not _is_loopback(address) or not (host == "localhost" or _is_loopback(host)):
        raise answers.not_found()
    if (
        request.method in ("PUT", "POST")
        and request.headers.get("content-type", "").split(";")[0] != "application/json"
    ):
        raise Refusal(415, "Send application/json", "UNSUPPORTED_MEDIA_TYPE")


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False
