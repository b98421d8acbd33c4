"""Making and revoking API keys as a person does it: what may be granted, and the audit entry beside it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest
from tradenexus.events import outbox
from tradenexus.rest.auth import ScopeMissing
from tradenexus.tenancy import keys
from tradenexus.tenancy.models import ApiKey, Tenant, User

SCOPES = ("read", "write", "publish", "admin")


def make(actor: Actor, name: str, scopes: Iterable[str], expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    """Create a key and return it with its full text, which is not kept; BadRequest for a scope too many, a past end."""
    wanted = frozenset(scopes)
    beyond = wanted - actor.scopes
    if beyond and not actor.may("admin"):
        raise BadRequest("a key cannot hold more than its maker holds", {"scopes": sorted(beyond)})
    if expires_at and expires_at <= timezone.now():
        raise BadRequest("expiresAt lies in the past", {"fields": {"expiresAt": ["must be in the future"]}})
    user, tenant = User.objects.get(id=actor.person_id), Tenant.objects.get(id=actor.tenant_id)
    with db.atomic():
        key, text = keys.create(tenant, user, name, wanted, expires_at)
        outbox.record(actor, "key.created", key.ref, new="active", details={"scopes": key.scopes})
    return key, text


def revoke(actor: Actor, key: ApiKey, reason: str = "") -> ApiKey:
    """Revoke a key: its next request is refused. ScopeMissing for another person's key without `admin`."""
    if key.user_id != actor.user_id and not actor.may("admin"):
        raise ScopeMissing("only its owner or an admin can revoke a key", {"needed": "admin"})
    with db.atomic():
        changed = ApiKey.of(actor.tenant_id).filter(id=key.id, revoked_at=None).update(revoked_at=db.now())
        if changed:
            outbox.record(actor, "key.revoked", key.ref, old="active", new="revoked", reason=reason)
    key.refresh_from_db()
    return key
