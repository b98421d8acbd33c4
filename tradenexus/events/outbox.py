"""Write an event with its audit entry, in the transaction of what it tells about, and wake the readers on commit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.audit import chain
from tradenexus.audit.models import Entry
from tradenexus.events import hub, postgres
from tradenexus.events.models import Event


def record(
    actor: Actor,
    action: str,
    subject: str,
    *,
    old: str = "",
    new: str = "",
    reason: str = "",
    details: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
) -> int:
    """Append an audit entry and the event that announces it; return the event's number.

    Call it last in the transaction: it locks the tenant's head row until commit, which makes number order commit
    order. `data` is what watchers see beside action, subject, old and new.
    """
    shown = {"old": old, "new": new, "reason": reason, "requestId": actor.request_id, **(data or {})}
    entry = chain.draft(actor, action, subject, old=old, new=new, reason=reason, details=details)
    event = Event(tenant_id=actor.tenant_id, at=entry.at, type=action, subject=subject, data=shown)
    seq = _append_one_by_one(entry, event) if db.is_sqlite() else postgres.append(entry, event)
    wake(actor.tenant_id)
    return seq


def wake(tenant_id: UUID) -> None:
    """Wake the readers when the transaction commits: for who has an event written by the database itself."""
    transaction.on_commit(lambda: hub.wake(tenant_id))


def _append_one_by_one(entry: Entry, event: Event) -> int:
    event.seq = chain.append(entry, events=1)
    db.insert(event)
    return event.seq
