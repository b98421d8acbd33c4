"""Entries about any of many subjects, newest first: a page costs what a page should, however long the trail is.

Only the subjects with the newest entries can be on the page, and of each only its newest entries: the first query finds
both by one look into the index per subject. An `IN` over all of them would read and sort every entry they ever had.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from tradenexus import db
from tradenexus.audit.models import Entry

MOST_SEQ = 2**63 - 1
# Materialized, so that neither database asks for the deep end (`floor`) of a subject that is not chosen.
_SQL = """
WITH asked (subject) AS (VALUES {places}),
newest AS MATERIALIZED (
    SELECT subject, (
        SELECT seq FROM audit_entry WHERE tenant_id = %s AND audit_entry.subject = asked.subject AND seq < %s
        ORDER BY seq DESC LIMIT 1
    ) AS seq FROM asked
),
chosen AS MATERIALIZED (SELECT subject FROM newest WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT %s),
floors AS MATERIALIZED (
    SELECT subject, COALESCE((
        SELECT seq FROM audit_entry WHERE tenant_id = %s AND audit_entry.subject = chosen.subject AND seq < %s
        ORDER BY seq DESC LIMIT 1 OFFSET %s
    ), 0) AS floor FROM chosen
)
SELECT entry.seq FROM floors CROSS JOIN audit_entry AS entry
WHERE entry.tenant_id = %s AND entry.subject = floors.subject AND entry.seq < %s AND entry.seq >= floors.floor
ORDER BY entry.seq DESC LIMIT %s
"""


def newest(tenant_id: UUID, subjects: Sequence[str], before: int | None, most: int) -> list[Entry]:
    """Return the newest `most` entries about the subjects with a number below `before`, newest first.

    ValueError for a number that no entry can have.
    """
    if before is not None and not (isinstance(before, int) and 0 <= before <= MOST_SEQ):
        raise ValueError("not the number of an entry")
    if not subjects:
        return []
    ceiling = MOST_SEQ if before is None else before
    rows = Entry.of(tenant_id).filter(seq__in=_numbers(tenant_id, subjects, ceiling, most))
    return list(rows.order_by("-seq"))


def _numbers(tenant_id: UUID, subjects: Sequence[str], before: int, most: int) -> list[int]:
    own = [tenant_id.hex if db.is_sqlite() else tenant_id, before]
    asked = list(dict.fromkeys(subjects))
    with connection.cursor() as cursor:
        places = ", ".join(["(%s)"] * len(asked))
        cursor.execute(_SQL.format(places=places), [*asked, *own, most, *own, most - 1, *own, most])
        return [number for (number,) in cursor.fetchall()]
