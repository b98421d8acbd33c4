"""API keys: made once, kept as a hash, verified in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone

from tradenexus.actor import ALL_SCOPES, Actor
from tradenexus.errors import BadRequest
from tradenexus.tenancy.models import ApiKey, Membership, Tenant, User

_FORM = re.compile(r"nx_([0-9a-z]{8})_([0-9A-Za-z_-]{32,64})")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_USED_PRECISION = timedelta(minutes=1)


def create(
    tenant: Tenant, user: User, name: str, scopes: Iterable[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Create a key and return it with its full text, which is not kept; BadRequest for a scope too many."""
    wanted = frozenset(scopes)
    granted = Membership.of(tenant.id).get(user=user).scopes
    if not wanted or wanted - ALL_SCOPES:
        raise BadRequest("scopes must be some of read, write, publish, admin", {"scopes": sorted(wanted)})
    if wanted - granted:
        raise BadRequest("a key cannot hold more than its owner's role grants", {"scopes": sorted(wanted - granted)})
    lookup = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    secret = secrets.token_urlsafe(32)
    key = ApiKey.everyone.create(
        tenant=tenant,
        user=user,
        name=name,
        lookup=lookup,
        secret_hash=_digest(secret),
        scopes=sorted(wanted),
        expires_at=expires_at,
    )
    return key, f"nx_{lookup}_{secret}"


def verify(text: str, request_id: str) -> Actor | None:
    """Return the actor behind a key, or None when it is malformed, unknown, expired, revoked, or its owner has left."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    key = ApiKey.everyone.select_related("user").filter(lookup=match.group(1)).first()
    now = timezone.now()
    # The digest is compared even for an unknown prefix, so that the time tells nothing.
    stored = key.secret_hash if key else "0" * 64
    if not hmac.compare_digest(_digest(match.group(2)), stored) or key is None or not _usable(key, now):
        return None
    membership = Membership.of(key.tenant_id).filter(user_id=key.user_id).first()
    if membership is None:
        return None
    _note_use(key, now)
    scopes = frozenset(key.scopes) & membership.scopes
    return Actor(key.tenant_id, key.user_id, request_id, scopes, via=f"key:{key.lookup}")


def _usable(key: ApiKey, now: datetime) -> bool:
    return key.user.is_active and key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def _note_use(key: ApiKey, now: datetime) -> None:
    # At most one write a minute and key: "last used" is for people, and reads must not queue for the writer.
    if key.last_used_at is None or now - key.last_used_at > _USED_PRECISION:
        ApiKey.everyone.filter(id=key.id).update(last_used_at=now)


def _digest(secret: str) -> str:
    # The secret has 256 random bits: a fast hash is enough, there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()
