"""Who does it: an explicit argument of every verb that changes something. Values only, no Django."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import UUID

ALL_SCOPES = frozenset({"read", "write", "publish", "admin"})


@dataclass(frozen=True, slots=True)
class Actor:
    """One person or program acting inside one tenant; `request_id` ties together all that follows from one request."""

    tenant_id: UUID
    user_id: UUID | None
    request_id: str
    scopes: frozenset[str] = field(default_factory=frozenset)
    via: str = "system"

    @property
    def person_id(self) -> UUID:
        """The person's id; for verbs that only a person does."""
        if self.user_id is None:
            raise ValueError("the platform itself is no person")
        return self.user_id

    def may(self, scope: str) -> bool:
        """Tell whether this actor holds the scope (admin holds all)."""
        return scope in self.scopes or "admin" in self.scopes

    def with_request(self, request_id: str) -> Actor:
        """Return the same actor under another request id."""
        return replace(self, request_id=request_id)


def system(tenant_id: UUID, request_id: str) -> Actor:
    """Return the platform itself acting in a tenant (sweeps, schedules, reconciliation)."""
    return Actor(tenant_id=tenant_id, user_id=None, request_id=request_id, scopes=ALL_SCOPES, via="system")
