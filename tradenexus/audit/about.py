"""Entries about any of many subjects, newest first: a page costs what a page should, however long the trail is.

Only the subjects with the newest entries can be on a page, and of each only its newest entries: both are found by one
look into the index per subject. An `IN` over all of them would read and sort every entry they ever had.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from tradenexus import db
from tradenexus.audit.models import Entry

MOST_SEQ = 2**63 - 1
# Materialized, so that neither database looks for the newest entry twice.
_CHOSEN = """
WITH asked (subject) AS (VALUES {places}),
newest AS MATERIALIZED (
    SELECT subject, (
        SELECT seq FROM audit_entry WHERE tenant_id = %s AND audit_entry.subject = asked.subject AND seq < %s
        ORDER BY seq DESC LIMIT 1
    ) AS seq FROM asked
)
SELECT subject FROM newest WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT %s
"""
# One after the other, not joined: PostgreSQL would rather read the whole trail for a hash of the subjects. SQLite takes
# at most 500 of them; a page is smaller.
_OF_ONE = """
SELECT seq FROM (
    SELECT seq FROM audit_entry WHERE tenant_id = %s AND subject = %s AND seq < %s ORDER BY seq DESC LIMIT %s
) AS own
"""


def newest(tenant_id: UUID, subjects: Sequence[str], before: int | None, most: int) -> list[Entry]:
    """Return the newest `most` entries about the subjects with a number below `before`, newest first.

    `most` is at most 500. ValueError for a number that no entry can have.
    """
    if before is not None and not (isinstance(before, int) and 0 <= before <= MOST_SEQ):
        raise ValueError("not the number of an entry")
    if not subjects:
        return []
    ceiling = MOST_SEQ if before is None else before
    rows = Entry.of(tenant_id).filter(seq__in=_numbers(tenant_id, subjects, ceiling, most))
    return list(rows.order_by("-seq"))


def _numbers(tenant_id: UUID, subjects: Sequence[str], before: int, most: int) -> list[int]:
    tenant = tenant_id.hex if db.is_sqlite() else tenant_id
    asked = list(dict.fromkeys(subjects))
    with connection.cursor() as cursor:
        cursor.execute(_CHOSEN.format(places=", ".join(["(%s)"] * len(asked))), [*asked, tenant, before, most])
        chosen = [subject for (subject,) in cursor.fetchall()]
        if not chosen:
            return []
        own = [value for subject in chosen for value in (tenant, subject, before, most)]
        cursor.execute(f"{' UNION ALL '.join([_OF_ONE] * len(chosen))} ORDER BY seq DESC LIMIT %s", [*own, most])
        return [number for (number,) in cursor.fetchall()]
