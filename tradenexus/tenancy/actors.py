"""From a signed-in person to an actor: which tenant, which scopes."""

from __future__ import annotations

from uuid import UUID

from tradenexus.actor import Actor
from tradenexus.tenancy.models import Membership, User


def of_user(user: User, request_id: str, tenant_id: UUID | None = None) -> Actor | None:
    """Return the person acting in the given tenant (default: the one joined first), or None without a membership."""
    memberships = Membership.everyone.filter(user=user).order_by("created_at", "id")
    membership = memberships.filter(tenant_id=tenant_id).first() if tenant_id else memberships.first()
    if membership is None or not user.is_active:
        return None
    return Actor(membership.tenant_id, user.id, request_id, membership.scopes, via="session")
