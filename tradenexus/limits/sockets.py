"""Sockets that a subject holds open at once, over all processes. A seat is a lease, renewed while the socket lives.

The seats of a killed server are free again after the lease. A socket that has its seat keeps it, also when the limit is
lowered under it.
"""

from __future__ import annotations

from django.conf import settings

from tradenexus.actor import Actor
from tradenexus.limits import counting

LEASE_S, RENEW_S = 30.0, 10.0
FULL = 4029  # the close code


def subject_of(actor: Actor) -> str:
    """Return who the socket counts for: the key, or the signed-in person whatever the session."""
    return f"user:{actor.user_id}" if actor.via == "session" else actor.via


def seated(subject: str, holder: bytes) -> bool:
    """Take a seat or renew it; False when all are taken. Every socket has one when the limit is off."""
    limit = settings.NEXUS_OPEN_SOCKETS
    return not limit or counting.hold(subject, holder, limit, LEASE_S)


def leave(subject: str, holder: bytes) -> None:
    """Give the seat back."""
    if settings.NEXUS_OPEN_SOCKETS:
        counting.release(subject, holder)


def reason() -> str:
    """Return the words of the close frame (at most 123 bytes)."""
    return f"{settings.NEXUS_OPEN_SOCKETS} sockets are open for this key or person; close one, or poll"
