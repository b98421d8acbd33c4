"""Makes the ranges of a repair: gaps of all entries that are meant, close ones together, the oldest first, so many.

A range that came to nothing in a repair not long ago stands behind those that were never tried: what cannot be filled
keeps nobody from what can.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings

from backfill.gaps import asks, detecting
from backfill.gaps.asks import Ask
from backfill.models import RepairItem, RepairRun, RepairState
from backfill.repair import selecting
from backfill.repair.asking import Vendors
from datasets.market.intervals import HOUR

TRIED = (RepairState.FAILED, RepairState.NO_DATA, RepairState.QUARANTINED, RepairState.PARTLY)
_SHOWN = 20
Key = tuple[str, str, int]


@dataclass
class _Oldest:
    """The first ranges of all, and how many more there were and what they lack."""

    most: int
    tried: set[Key]
    kept: list[tuple[bool, int, str, str, Ask]] = field(default_factory=list)
    left: int = 0
    left_missing: int = 0

    def add(self, table: str, instrument: str, ask: Ask) -> None:
        tried = (table, instrument, ask.start_ns) in self.tried
        self.kept.append((tried, ask.start_ns, table, instrument, ask))
        if len(self.kept) >= 2 * self.most:
            self.cut()

    def cut(self) -> None:
        self.kept.sort(key=lambda each: each[:4])
        self.left += len(self.kept[self.most :])
        self.left_missing += sum(each[4].count for each in self.kept[self.most :])
        del self.kept[self.most :]


def plan(repair: RepairRun, vendors: Vendors, run: Any) -> tuple[list[RepairItem], dict[str, Any]]:
    """Return the items of a repair (not saved) and what was found.

    found: entries looked at, ranges and missing rows to be asked for, left and leftMissing (ranges over budget and what
    they lack), known (gaps that every vendor has answered for), noVendor (gaps that none can fill), unreadable, and
    undecided (of how many entries of which table nobody can say what is missing, and why).
    """
    selection = selecting.selection(repair.selection)
    oldest = _Oldest(settings.NEXUS_REPAIR_RANGES, _tried(repair.tenant_id, vendors))
    told: dict[str, Any] = {"entries": 0, "gaps": 0, "known": 0, "noVendor": 0, "unreadable": []}
    undecided: Counter[tuple[str, str]] = Counter()
    for found in detecting.find(detecting.entries(repair.tenant_id, selection), selection, vendors.genesis, run):
        entry = found.entry
        told["entries"] += 1
        told["gaps"] += len(found.gaps) + found.more
        oldest.left += found.more
        if found.undecided:
            undecided[entry.table, found.undecided] += 1
        if found.fault:
            told["unreadable"] = [*told["unreadable"], {"entry": str(entry), "fault": found.fault}][:_SHOWN]
        able = bool(vendors.able(entry.table, entry.instrument))
        wanted = vendors.open(entry, found.gaps)
        told["known" if able else "noVendor"] += len(found.gaps) - len(wanted)
        close, step = settings.NEXUS_REPAIR_CLOSE_HOURS * HOUR, detecting.step_of(entry.table)
        for ask in asks.join(wanted, close, step, _most(entry.table)):
            oldest.add(entry.table, entry.instrument, ask)
        run.progress("detect", told["entries"], None, "entries")
    oldest.cut()
    items = [
        _item(repair, number, table, instrument, ask)
        for number, (_, _, table, instrument, ask) in enumerate(oldest.kept, 1)
    ]
    told |= {"ranges": len(items), "missing": sum(item.missing for item in items)}
    told["undecided"] = [
        {"table": table, "entries": count, "why": why} for (table, why), count in sorted(undecided.items())[:_SHOWN]
    ]
    return items, told | {"left": oldest.left, "leftMissing": oldest.left_missing}


def _most(table: str) -> int:
    """Return the steps of the longest range: bars as many as may be fetched; ticks a day's worth."""
    return settings.NEXUS_REPAIR_ROWS if detecting.step_of(table) > 1 else 24 * HOUR


def _item(repair: RepairRun, number: int, table: str, instrument: str, ask: Ask) -> RepairItem:
    return RepairItem(
        run=repair,
        number=number,
        table=table,
        instrument=instrument,
        kind=ask.gaps[0].kind,
        start_ns=ask.start_ns,
        end_ns=ask.end_ns,
        missing=ask.count,
        gaps=[list(gap) for gap in ask.gaps],
        state=RepairState.PLANNED if repair.plan else RepairState.PENDING,
    )


def _tried(tenant_id: UUID, vendors: Vendors) -> set[Key]:
    rows = RepairItem.objects.filter(run__tenant_id=tenant_id, state__in=TRIED, settled_at__gt=vendors.cutoff)
    return set(rows.values_list("table", "instrument", "start_ns"))
