"""An audit entry, its event and the tenant's head as one statement, hashed by the database (PostgreSQL).

The head row's lock is what all of a tenant's writers wait for; one round trip under it instead of five lets them pass
sooner. The statement is a function of migration 0002, whose plans the database keeps.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from tradenexus.audit import chain
from tradenexus.audit.models import Entry
from tradenexus.events.models import Event
from tradenexus.rest.canonical import canonical_json

_APPEND = "SELECT nexus_append(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s)"


def append(entry: Entry, event: Event) -> int:
    """Give a drafted entry and its event their places, and keep both; return the event's number."""
    values: list[Any] = [
        entry.tenant_id,
        entry.id,
        event.id,
        entry.at,
        entry.user_id,
        entry.via,
        entry.request_id,
        entry.action,
        entry.subject,
        entry.old,
        entry.new,
        entry.reason,
        json.dumps(entry.details),
        json.dumps(event.data),
        canonical_json(chain.body(entry)),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_APPEND, values)
        return cursor.fetchone()[0]
