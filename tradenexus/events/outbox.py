"""Write an event with its audit entry, in the transaction of what it tells about, and wake the readers on commit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, transaction

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
    transaction.on_commit(lambda: hub.wake(actor.tenant_id))
    return seq


def _append_one_by_one(entry: Entry, event: Event) -> int:
    chain.append(entry)
    event.seq = _next(entry.tenant_id)
    event.save(force_insert=True)
    return event.seq


def _next(tenant_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_head SET event_seq = event_seq + 1 WHERE tenant_id = %s RETURNING event_seq", [tenant_id.hex]
        )
        return cursor.fetchone()[0]
