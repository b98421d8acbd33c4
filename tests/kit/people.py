"""Three people: owner and teammate share a tenant, the stranger has one of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rest_framework.test import APIClient

from tradenexus.actor import Actor
from tradenexus.tenancy import actors, keys
from tradenexus.tenancy.models import Membership, Role, Tenant, User


@dataclass
class Person:
    """A person in a tenant, with a key and a client that uses it."""

    user: User
    tenant: Tenant
    key: str
    role: str
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        """The person acting, all scopes of the role."""
        actor = actors.of_user(self.user, "test-request", self.tenant.id)
        assert actor is not None
        return actor

    @cached_property
    def api(self) -> APIClient:
        """A DRF client with the person's key."""
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.key}")
        return client


def make(email: str, tenant: Tenant, role: str = Role.ADMIN) -> Person:
    """Create a person with a membership and a key of all the role's scopes."""
    user = User.objects.create_user(email, "correct horse battery")
    membership = Membership.everyone.create(tenant=tenant, user=user, role=role)
    _, key = keys.create(tenant, user, "test", membership.scopes)
    return Person(user, tenant, key, role)
