"""Sessions in which nothing was traded, as a vendor says: what else the lake knows of them, and how they are told.

A vendor's word is not taken where rows of another table show trade, nor where rows of the session wait in quarantine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets.lake.offers import Offer
from datasets.market import dates, tables
from datasets.models import LakeEntry, LakePartition, LakeQuarantine

NO_DATA = "NO_DATA"
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Doubts:
    """Days that are not empty after all: `contradicted` by what the words say; `held`: refused rows wait."""

    contradicted: dict[int, str] = field(default_factory=dict)
    held: frozenset[int] = frozenset()


def doubts(entry: LakeEntry, days: Collection[int]) -> Doubts:
    """Return what speaks against an absence of rows on these days; two queries, none without days."""
    if not days:
        return Doubts()
    first, last = dates.to_date(min(days)), dates.to_date(max(days))
    held = LakeQuarantine.everyone.filter(entry_id=entry.id, state="held", session__range=(first, last))
    waiting = {dates.to_day(session) for session in held.values_list("session", flat=True)}
    return Doubts(contradicted(entry, days), frozenset(waiting & set(days)))


def contradicted(entry: LakeEntry, days: Collection[int]) -> dict[int, str]:
    """Return the days on which another table of the same instrument has rows that show trade, with who says so."""
    if not days or tables.find(entry.table).family == tables.EVENTS:
        return {}
    first, last = dates.to_date(min(days)), dates.to_date(max(days))
    others = [name for name, table in tables.TABLES.items() if name != entry.table and _shows_trade(table)]
    rows = LakePartition.objects.filter(
        entry__tenant_id=entry.tenant_id,
        entry__instrument=entry.instrument,
        entry__table__in=others,
        session__range=(first, last),
        rows__gt=0,
    )
    found: dict[int, str] = {}
    for session, table, count in rows.order_by("entry__table").values_list("session", "entry__table", "rows"):
        day = dates.to_day(session)
        if day in days:
            found.setdefault(day, f"{table} has {count} row(s) of {session}")
    return found


def _shows_trade(table: tables.Table) -> bool:
    """Quotes stand where nobody trades, and events happen without a market."""
    return table.family == tables.BARS or table.name == "trades"


def summary(entries: Sequence[LakeEntry], offers: Sequence[Offer], found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what a commit says of absences: {absent: {sessions, contradicted, first: [{entry, session, ...}]}}.

    Empty when no vendor said anything of the kind. The words stay here when later rows take the session's place.
    """
    told = []
    for entry, offer, work in zip(entries, offers, found, strict=True):
        said = {each.day for each in offer.benign}
        for each in work["partitions"] if said else ():
            if each["day"] in said and not each["rows"]:
                session = str(dates.to_date(each["day"]))
                facts = {"code": each["code"], "vendor": offer.vendor, "words": each["notes"]}
                told.append({"entry": str(entry), "session": session, **facts})
    if not told:
        return {}
    written = sum(each["code"] == NO_DATA for each in told)
    return {"absent": {"sessions": written, "contradicted": len(told) - written, "first": told[:SHOWN]}}
