"""Questions to the catalog: which entries there are, how fresh, how good; one indexed query each."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum

from datasets.market import tables
from datasets.models import Grade, LakeEntry
from tradenexus import db
from tradenexus.errors import BadRequest

FRESH, LATE, UNKNOWN = "fresh", "late", "unknown"
STATES = (FRESH, LATE, UNKNOWN)


def entries(
    tenant_id: UUID, *, table: str = "", text: str = "", grade: str = "", freshness: str = "", vendor: str = ""
) -> QuerySet[LakeEntry]:
    """Return the entries that match, with anything in them or expected; order by (table, instrument).

    `text` is a part of the instrument's name. VALIDATION_ERROR for a grade or freshness nobody knows, TableUnknown.
    """
    rows = LakeEntry.of(tenant_id).filter(updated_at__isnull=False)
    if table:
        rows = rows.filter(table=tables.find(table).name)
    if text:
        rows = rows.filter(instrument__icontains=text[:100].replace("\0", ""))
    if vendor:
        rows = rows.filter(vendor=vendor[:64].replace("\0", ""))
    if grade:
        rows = rows.filter(grade=_one_of("grade", grade.upper(), Grade.values))
    if freshness:
        rows = rows.filter(_due(_one_of("freshness", freshness, STATES), db.now()))
    return rows


def freshness(entry: LakeEntry, now: datetime | None = None) -> str:
    """Return fresh while nothing is due yet, late when rows should have come, unknown without a calendar."""
    if entry.expected_next is None:
        return UNKNOWN
    fetched = entry.fetched_at is not None and entry.fetched_at >= entry.expected_next
    return FRESH if fetched or entry.expected_next > (now or db.now()) else LATE


def summary(tenant_id: UUID) -> dict[str, Any]:
    """Return what the lake holds: entries, rows, bytes, instruments, sessions by verdict, entries by freshness."""
    rows, now = entries(tenant_id), db.now()
    told = rows.aggregate(
        entries=Count("id"),
        rows=Sum("rows"),
        sizeBytes=Sum("size_bytes"),
        instruments=Count("instrument", distinct=True),
        sessions=Sum("sessions"),
        green=Sum("green"),
        amber=Sum("amber"),
        red=Sum("red"),
        **{state: Count("id", filter=_due(state, now)) for state in STATES},
    )
    by_table = rows.values("table").annotate(entries=Count("id"), rows=Sum("rows")).order_by("table")
    return {**{name: value or 0 for name, value in told.items()}, "tables": list(by_table)}


def export(tenant_id: UUID) -> dict[str, dict[str, Any]]:
    """Return the catalog as outside tools read it: {"VENUE:SYMBOL_1d": {freshness, start_date, end_date, ...}}."""
    told = {}
    for entry in entries(tenant_id).exclude(first_ns=None).order_by("table", "instrument"):
        table = tables.find(entry.table)
        suffix = table.interval if table.family == tables.BARS else table.name
        told[f"{entry.instrument}_{suffix}"] = {
            "freshness": entry.fetched_at.isoformat() if entry.fetched_at else None,
            "start_date": day_text(entry.first_ns),
            "end_date": day_text(entry.last_ns),
            "data_quality_score": entry.quality_score,
            "table": entry.table,
            "rows": entry.rows,
            "revision": entry.revision,
            "digest": entry.digest,
        }
    return told


def day_text(ns: int | None) -> str | None:
    """Return the UTC date of a time in nanoseconds."""
    from datasets.market import dates, intervals

    return None if ns is None else str(dates.to_date(ns // intervals.DAY))


def _due(state: str, now: datetime) -> Q:
    if state == UNKNOWN:
        return Q(expected_next=None)
    fetched = Q(fetched_at__gte=F("expected_next"))
    fresh = Q(expected_next__gt=now) | fetched
    return Q(expected_next__isnull=False) & (fresh if state == FRESH else ~fresh)


def _one_of(name: str, value: str, allowed: Any) -> str:
    if value not in allowed:
        words = f"{name} is one of {', '.join(allowed)}"
        raise BadRequest(words, {"fields": {name: [words]}})
    return value
