"""Write and verify the audit chain: hash = SHA-256(previous hash ":" number ":" canonical JSON of the entry)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.audit.models import GENESIS, Entry, Head
from tradenexus.rest.canonical import canonical_json


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a verification; `first_bad` names the first entry that does not fit, and `why`."""

    ok: bool
    entries: int
    head: str
    first_bad: int | None = None
    why: str = ""


def record(
    actor: Actor,
    action: str,
    subject: str,
    *,
    old: str = "",
    new: str = "",
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> Entry:
    """Append one entry to the actor's tenant's chain; inside a transaction, whose last statements this should be."""
    entry = draft(actor, action, subject, old=old, new=new, reason=reason, details=details)
    append(entry)
    return entry


def append(entry: Entry, events: int = 0) -> int:
    """Give a drafted entry its place at the end of its tenant's chain, and keep it.

    events: how many events the caller writes with it; return the number of the last one.
    """
    entry.seq, entry.prev_hash, event_seq = _next(entry.tenant_id, events)
    entry.hash = link(entry)
    db.insert(entry)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_head SET audit_hash = %s, audit_previous = %s WHERE tenant_id = %s",
            [entry.hash, entry.prev_hash, _key(entry.tenant_id)],
        )
    return event_seq


def draft(
    actor: Actor, action: str, subject: str, *, old: str, new: str, reason: str, details: dict[str, Any] | None
) -> Entry:
    """Return an entry that has no place in the chain yet; inside a transaction only."""
    if not connection.in_atomic_block:
        raise RuntimeError("an audit entry must be written in the transaction of what it tells about")
    return Entry(
        id=ids.uuid7(),
        tenant_id=actor.tenant_id,
        at=db.now(),
        user_id=actor.user_id,
        via=actor.via,
        request_id=actor.request_id,
        action=action,
        subject=subject,
        old=old,
        new=new,
        reason=reason.replace("\0", "\ufffd"),
        details=exact(details or {}),
    )


def link(entry: Entry) -> str:
    """Return the hash an entry must carry."""
    text = f"{entry.prev_hash}:{entry.seq}:{canonical_json(body(entry))}"
    return hashlib.sha256(text.encode()).hexdigest()


def body(entry: Entry) -> dict[str, Any]:
    """Return what is hashed: every column but the number and the hashes."""
    return {
        "id": entry.id.hex,
        "tenant": entry.tenant_id.hex,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "user": entry.user_id.hex if entry.user_id else None,
        "via": entry.via,
        "request": entry.request_id,
        "action": entry.action,
        "subject": entry.subject,
        "old": entry.old,
        "new": entry.new,
        "reason": entry.reason,
        "details": entry.details,
    }


def exact(value: Any) -> Any:
    """Return the value in a form that every database gives back unchanged: floats as text, no NUL, plain types only."""
    if isinstance(value, dict):
        return {str(key).replace("\0", "\ufffd"): exact(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [exact(part) for part in value]
    if value is None or isinstance(value, bool | int):
        return value
    return repr(value) if isinstance(value, float) else str(value).replace("\0", "\ufffd")


def verify(tenant_id: UUID) -> Verdict:
    """Walk the tenant's chain from its first entry to its head and say whether every link fits."""
    head = Head.objects.filter(tenant_id=tenant_id).first() or Head(tenant_id=tenant_id)
    expected, previous = 0, GENESIS
    for entry in Entry.of(tenant_id).filter(seq__lte=head.audit_seq).order_by("seq").iterator(chunk_size=2_000):
        expected += 1
        why = _misfit(entry, expected, previous)
        if why:
            return Verdict(False, expected - 1, head.audit_hash, expected if entry.seq > expected else entry.seq, why)
        previous = entry.hash
    if expected != head.audit_seq or previous != head.audit_hash:
        return Verdict(False, expected, head.audit_hash, expected + 1, "the newest entries are missing")
    return Verdict(True, expected, head.audit_hash)


def _misfit(entry: Entry, expected: int, previous: str) -> str:
    if entry.seq != expected:
        return f"entry {expected} is missing"
    if entry.prev_hash != previous:
        return f"entry {entry.seq} does not follow the entry before it"
    if link(entry) != entry.hash:
        return f"entry {entry.seq} was changed after it was written"
    return ""


def _next(tenant_id: UUID, events: int) -> tuple[int, str, int]:
    """Take the next number, and so many of events; the row stays locked to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_head (tenant_id, audit_seq, audit_hash, audit_previous, event_seq)"
            " VALUES (%s, 1, %s, '', %s)"
            " ON CONFLICT (tenant_id) DO UPDATE SET"
            " audit_seq = audit_head.audit_seq + 1, event_seq = audit_head.event_seq + excluded.event_seq"
            " RETURNING audit_seq, audit_hash, event_seq",
            [_key(tenant_id), GENESIS, events],
        )
        return cursor.fetchone()


def _key(tenant_id: UUID) -> Any:
    return tenant_id.hex if db.is_sqlite() else tenant_id


def at_text(moment: datetime) -> str:
    """Return a moment as the API shows it: ISO 8601, UTC, microseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
