"""Whom to ask for gaps: vendors in order of preference, less those that have answered for them lately."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from backfill.gaps import asks
from backfill.gaps.kinds import Gap
from backfill.models import RepairItem, VendorAnswer
from backfill.vendors import registry
from backfill.vendors.registry import Listed
from datasets.market.ranges import Range
from datasets.models import Instrument, LakeEntry
from tradenexus import db

NEVER = -(2**63)  # the start of a vendor that nobody can say it of


class Vendors:
    """The vendors of this installation, and what they have answered for in one workspace.

    With `again` earlier answers count for nothing.
    """

    def __init__(self, tenant_id: UUID, again: bool = False):
        self.tenant_id, self.again = tenant_id, again
        self.listed = [each for each in registry.listed() if each.vendor]
        self.cutoff = db.now() - timedelta(days=settings.NEXUS_REPAIR_ASK_AGAIN_DAYS)
        self._types: dict[str, str] = {}

    def able(self, table: str, instrument: str) -> list[tuple[Listed, int]]:
        """Return who can fill a table of an instrument, the preferred one first, and from when each has anything."""
        if instrument not in self._types:
            known = Instrument.of(self.tenant_id).filter(name=instrument, valid_until=None)
            self._types[instrument] = known.values_list("type", flat=True).first() or ""
        found = []
        for each in self.listed:
            for one in each.capabilities:
                if one.table == table and one.covers(instrument, self._types[instrument]):
                    found.append((each, one.since_ns if one.since_ns is not None else NEVER))
                    break
        return found

    def genesis(self, entry: LakeEntry) -> int | None:
        """Return the first time for which any vendor can have a row of an entry, None when nobody can say."""
        starts = [since for _, since in self.able(entry.table, entry.instrument)]
        return min(starts) if starts and min(starts) > NEVER else None

    def answered(self, table: str, instrument: str) -> dict[str, list[Range]]:
        """Return the ranges of an entry that vendors have answered for and are not asked for again yet."""
        if self.again:
            return {}
        rows = VendorAnswer.of(self.tenant_id).filter(table=table, instrument=instrument, answered_at__gt=self.cutoff)
        known: dict[str, list[Range]] = {}
        for vendor, start, end in rows.values_list("vendor", "start_ns", "end_ns"):
            known.setdefault(vendor, []).append((start, end))
        return known

    def earlier(self, item: RepairItem) -> list[dict[str, Any]]:
        """Return what was answered of an item's range and still counts, as an item keeps answers; rows not told."""
        if self.again:
            return []
        rows = VendorAnswer.of(self.tenant_id).filter(table=item.table, instrument=item.instrument)
        rows = rows.filter(answered_at__gt=self.cutoff, start_ns__lt=item.end_ns, end_ns__gt=item.start_ns)
        return [
            told(
                each.vendor,
                code=each.code,
                benign=True,  # no other answer without rows is remembered
                reason="it answered so before" if each.code else "",
                askedNs=[each.start_ns, each.end_ns],
                answeredAt=each.answered_at.isoformat(),
            )
            for each in rows.order_by("answered_at")
        ]

    def open(self, entry: LakeEntry, gaps: Sequence[Gap]) -> list[Gap]:
        """Return the gaps of an entry for which there is a vendor to ask."""
        known = self.answered(entry.table, entry.instrument)
        wanted: set[Gap] = set()
        for listed, since in self.able(entry.table, entry.instrument):
            wanted.update(_of(gaps, since, known.get(listed.name, [])))
        return [gap for gap in gaps if gap in wanted]

    def next(self, item: RepairItem) -> tuple[Listed, Range] | None:
        """Return whom to ask next for what a range still lacks, and for which part of it; None when all were asked."""
        done = {each["vendor"] for each in item.asked}
        known = self.answered(item.table, item.instrument)
        gaps = [Gap(*each) for each in item.gaps]
        for listed, since in self.able(item.table, item.instrument):
            wanted = [] if listed.name in done else _of(gaps, since, known.get(listed.name, []))
            if wanted:
                return listed, (wanted[0].start_ns, wanted[-1].end_ns)
        return None

    def remember(self, item: RepairItem, vendor: str, asked: Range, code: str) -> None:
        """Write down that a vendor answered for a range of an item; inside the job's effect."""
        VendorAnswer.everyone.update_or_create(
            tenant_id=self.tenant_id,
            table=item.table,
            instrument=item.instrument,
            vendor=vendor,
            start_ns=asked[0],
            end_ns=asked[1],
            defaults={"code": code, "answered_at": db.now()},
        )

    def forget(self) -> None:
        """Remove answers that count for nothing any more."""
        VendorAnswer.of(self.tenant_id).filter(answered_at__lte=self.cutoff).delete()


def told(vendor: str, **facts: Any) -> dict[str, Any]:
    """Return an answer as an item keeps it: `rowsNs` are the times of its first and last row, `absent` are dates."""
    nothing = {"code": "", "benign": False, "reason": "", "rows": 0, "filled": 0, "held": 0, "commitId": ""}
    when: dict[str, Any] = {"askedNs": None, "rowsNs": None, "answeredAt": db.now().isoformat(), "absent": []}
    return {"vendor": vendor, **nothing, **when, **facts}


def _of(gaps: Iterable[Gap], since: int, answered: list[Range]) -> list[Gap]:
    return [gap for gap in asks.unanswered(gaps, answered) if gap.end_ns > since]
