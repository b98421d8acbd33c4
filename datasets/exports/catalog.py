"""catalog.json: what the lake holds, one object an entry, under `EXCHANGE:SYMBOL_1d`.

The ending is the interval of bars and the table's name for everything else. Should two tables hold bars of one
instrument and interval, the first by name has the short key and the others end in the table's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from datasets.market import tables
from datasets.models import LakeEntry

_FIELDS = ("table", "instrument", "fetched_at", "first_ns", "last_ns", "quality_score")
_DAY, _EPOCH = 86_400 * 10**9, date(1970, 1, 1).toordinal()
Row = tuple[str, str, "datetime | None", "int | None", "int | None", "float | None"]


def of(tenant_id: UUID) -> dict[str, dict[str, Any]]:
    """Return the catalog of a workspace's lake, sorted by table and instrument; one query."""
    rows = LakeEntry.of(tenant_id).filter(rows__gt=0).order_by("table", "instrument")
    return told(rows.values_list(*_FIELDS))


def told(rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """Return the catalog of entries in the order of table and instrument.

    freshness: when the source gave the newest rows (ISO 8601 UTC). start_date, end_date: UTC dates of the first and
    last row, both inclusive. data_quality_score: 0 to 100, the mean over all expected sessions.
    """
    found: dict[str, dict[str, Any]] = {}
    for table, instrument, fetched_at, first_ns, last_ns, score in rows:
        key = f"{instrument}_{_ending(table)}"
        found[key if key not in found else f"{instrument}_{table}"] = {
            "freshness": fetched_at and f"{fetched_at.astimezone(UTC).isoformat()[:19]}Z",
            "start_date": None if first_ns is None else _date(first_ns // _DAY),
            "end_date": None if last_ns is None else _date(last_ns // _DAY),
            "data_quality_score": score,
        }
    return found


@lru_cache(maxsize=1_000)
def _ending(table: str) -> str:
    known = tables.TABLES.get(table)
    return known.interval if known and known.family == tables.BARS else table


@lru_cache(maxsize=100_000)  # entries share their days: the lake's catalog is asked for often
def _date(day: int) -> str:
    return date.fromordinal(_EPOCH + day).isoformat()
