"""Agents of the sandbox: invites, registration, and who is calling.

A token is 256 random bits, shown once; only its SHA-256 is stored (a slow hash adds nothing to a random token) and
compared in constant time. `X-User-Id` must be the agent that owns the token: ids are private to it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from lona.sandbox import answers
from lona.sandbox.answers import Refusal
from lona.sandbox.store import Store, timestamp

PERMISSIONS = ["symbols", "strategies", "runner", "reports"]
_NOBODY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()


def seed(store: Store, agent_id: str, token: str, name: str = "Trade Nexus") -> None:
    """Make sure that the agent exists with exactly this token, without expiry."""
    store.write(
        "INSERT INTO agent (id, name, source, token_hash, created_at) VALUES (?, ?, 'environment', ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = NULL",
        (agent_id, name, _digest(token), timestamp()),
    )


def caller(request: Request) -> str:
    """Return the agent id of X-API-Key and X-User-Id; refused with 401 unless both are right and not expired."""
    token, agent_id = request.headers.get("x-api-key", ""), request.headers.get("x-user-id", "")
    row = answers.store_of(request).one("SELECT token_hash, expires_at FROM agent WHERE id = ?", (agent_id,))
    matches = hmac.compare_digest(_digest(token), row["token_hash"] if row else _NOBODY)
    if row is None or not matches or not token:
        raise Refusal(401, "Invalid or missing API key", "UNAUTHORIZED")
    if row["expires_at"] is not None and row["expires_at"] <= timestamp():
        raise Refusal(401, "The API key has expired", "TOKEN_EXPIRED")
    return agent_id


async def request_invite(request: Request) -> Response:
    """Answer a single-use invite code of one hour; refused with 429 over the number per hour and address."""
    body = await answers.body_of(request)
    agent_id, _, _ = _agent_in(request, body)
    store, now = answers.store_of(request), datetime.now(UTC)
    address = request.client.host if request.client else "unknown"
    code, expires_at = secrets.token_urlsafe(24), timestamp(now + timedelta(hours=1))
    with store.transaction():
        _refuse_too_many(request, store, address, now)
        store.write(
            "INSERT INTO invite (code_hash, agent_id, address, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
            (_digest(code), agent_id, address, timestamp(now), expires_at),
        )
    return answers.data(request, {"invite_code": code, "expires_at": expires_at})


async def register(request: Request) -> Response:
    """Answer a new token for an agent; needs an unused invite of that agent, or the registration secret.

    An agent that is registered already is refused with 409, unless the secret is shown: then its token is replaced.
    """
    body = await answers.body_of(request)
    agent_id, name, source = _agent_in(request, body)
    days = _days_in(request, body)
    privileged = _has_secret(request)
    token, now = secrets.token_urlsafe(32), datetime.now(UTC)
    expires_at = timestamp(now + timedelta(days=days))
    store = answers.store_of(request)
    with store.transaction():
        if not privileged:
            _use_invite(request, store, body, agent_id, now)
            if store.one("SELECT 1 FROM agent WHERE id = ?", (agent_id,)):
                raise Refusal(409, "Resource already exists", "CONFLICT")
        store.write(
            "INSERT INTO agent (id, name, source, token_hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at",
            (agent_id, name, source, _digest(token), timestamp(now), expires_at),
        )
    answer = {"token": token, "partner_id": agent_id, "partner_name": name}
    return answers.data(request, {**answer, "permissions": PERMISSIONS, "expires_at": expires_at})


def _agent_in(request: Request, body: dict[str, Any]) -> tuple[str, str, str]:
    agent_id = answers.text_in(request, body, "agent_id", most=128)
    name = answers.text_in(request, body, "agent_name", most=200)
    return agent_id, name, answers.text_in(request, body, "source", most=200)


def _days_in(request: Request, body: dict[str, Any]) -> int:
    days = body.get("expires_in_days")
    if days is None:
        return answers.knobs_of(request).token_days
    if type(days) is not int or not 1 <= days <= 365:
        raise answers.invalid(request, "expires_in_days must be a whole number from 1 to 365")
    return days


def _has_secret(request: Request) -> bool:
    shown, secret = request.headers.get("x-agent-registration-secret"), answers.knobs_of(request).registration_secret
    if shown is None:
        return False
    if not secret or not hmac.compare_digest(_digest(shown), _digest(secret)):
        raise Refusal(403, "Invalid registration secret", "FORBIDDEN")
    return True


def _use_invite(request: Request, store: Store, body: dict[str, Any], agent_id: str, now: datetime) -> None:
    if body.get("invite_code") is None and not answers.knobs_of(request).invite_required:
        return
    code = body.get("invite_code")
    used = isinstance(code, str) and store.write(
        "UPDATE invite SET used_at = ? WHERE code_hash = ? AND agent_id = ? AND used_at IS NULL AND expires_at > ?",
        (timestamp(now), _digest(code), agent_id, timestamp(now)),
    )
    if not used:
        raise Refusal(403, "The invite code is missing, used, expired or of another agent", "INVITE_INVALID")


def _refuse_too_many(request: Request, store: Store, address: str, now: datetime) -> None:
    since = timestamp(now - timedelta(hours=1))
    row = store.one(
        "SELECT count(*), min(created_at) FROM invite WHERE address = ? AND created_at > ?", (address, since)
    )
    if row is None or row[0] < answers.knobs_of(request).invites_per_hour:
        return
    oldest = datetime.fromisoformat(row[1]) if row[1] else now
    wait_s = max(1, int((oldest + timedelta(hours=1) - now).total_seconds()))
    raise Refusal(429, "Too many invite requests", "RATE_LIMITED", {"Retry-After": str(wait_s)})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
