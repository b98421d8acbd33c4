"""What a commit starts from: the entry of each offer, the segments its rows fall into, and what the ledger knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from datasets.lake import instruments
from datasets.lake.offers import Offer
from datasets.market import dates, intervals, tables
from datasets.market import instruments as names
from datasets.models import Instrument, LakeEntry, LakeMember, LakePartition, LakeSegment
from tradenexus import db
from tradenexus.errors import BadRequest

ACTIONS = "corporate_actions"


@dataclass
class Base:
    """One entry as it is: `members` are the segments that hold the offered spans and the one before them."""

    entry: LakeEntry  # not saved while it has no revision
    instrument: Instrument
    members: list[LakeMember]
    actions: list[LakeSegment]
    vendors: dict[str, str]  # day -> whose rows stand there
    accepted: frozenset[int]  # days that a reviewer let in
    benign: frozenset[int]  # days of which a vendor said that nothing was traded

    @property
    def signed(self) -> bool:
        """Tell whether prices of this instrument may be zero or negative."""
        return self.instrument.type in names.SIGNED


def gather(tenant_id: UUID, offers: Sequence[Offer]) -> list[Base]:
    """Return the base of each offer, in order; VALIDATION_ERROR when two are of one entry."""
    wanted = {(offer.table, offer.instrument) for offer in offers}
    if len(wanted) < len(offers):
        raise BadRequest("a commit takes one offer an entry")
    for offer in offers:
        tables.find(offer.table)
    entries = _entries(tenant_id, offers)
    described = _described(tenant_id, offers)
    actions = _actions(tenant_id, {offer.instrument for offer in offers})
    bases = []
    for offer in offers:
        instrument = described.get(offer.instrument) or instruments.in_force(tenant_id, offer.instrument)
        entry = entries.get((offer.table, offer.instrument)) or LakeEntry(
            tenant_id=tenant_id, table=offer.table, instrument=offer.instrument, calendar=instrument.calendar
        )
        stands = entry.revision > 0
        members = _members(entry, offer) if stands else []
        known = _ledger(entry, offer) if entry.updated_at else ({}, frozenset(), frozenset())
        bases.append(Base(entry, instrument, members, actions.get(offer.instrument, []), *known))
    return bases


def _entries(tenant_id: UUID, offers: Sequence[Offer]) -> dict[tuple[str, str], LakeEntry]:
    rows = LakeEntry.of(tenant_id).filter(
        table__in={offer.table for offer in offers}, instrument__in={offer.instrument for offer in offers}
    )
    return {(row.table, row.instrument): row for row in rows}


def _described(tenant_id: UUID, offers: Sequence[Offer]) -> dict[str, Instrument]:
    rows = Instrument.of(tenant_id).filter(name__in={offer.instrument for offer in offers}, valid_until=None)
    return {row.name: row for row in rows}


def _actions(tenant_id: UUID, named: set[str]) -> dict[str, list[LakeSegment]]:
    members = LakeMember.objects.filter(
        entry__tenant_id=tenant_id, entry__table=ACTIONS, entry__instrument__in=named, until_revision=None
    ).select_related("segment", "entry")
    found: dict[str, list[LakeSegment]] = {}
    for member in members.order_by("span_start_ns"):
        found.setdefault(member.entry.instrument, []).append(member.segment)
    return found


def _members(entry: LakeEntry, offer: Offer) -> list[LakeMember]:
    span = tables.find(offer.table).span
    start = dates.span_start_of(span, offer.start_ns)
    end = dates.span_end(span, dates.span_start_of(span, offer.end_ns - 1))
    rows = LakeMember.objects.filter(entry=entry, until_revision=None).select_related("segment")
    before = rows.filter(span_start_ns__lt=start).order_by("-span_start_ns")[:1]
    inside = rows.filter(span_start_ns__gte=start, span_start_ns__lt=end).order_by("span_start_ns")
    return [*before, *inside]


def _ledger(entry: LakeEntry, offer: Offer) -> tuple[dict[str, str], frozenset[int], frozenset[int]]:
    first, last = (
        dates.to_date(offer.start_ns // intervals.DAY - 1),
        dates.to_date(offer.end_ns // intervals.DAY + 1),
    )
    rows = LakePartition.objects.filter(entry=entry, session__gte=first, session__lte=last)
    rows = rows.filter(Q(rows__gt=0) | ~Q(override_status="") | Q(code="NO_DATA"))
    vendors, accepted, benign, now = {}, set(), set(), db.now()
    for session, vendor, count, code, override, until in rows.values_list(
        "session", "vendor", "rows", "code", "override_status", "override_until"
    ):
        day = dates.to_day(session)
        if count:
            vendors[str(day)] = vendor
        if override and override != "RED" and until and until > now:
            accepted.add(day)
        if code == "NO_DATA":
            benign.add(day)
    return vendors, frozenset(accepted), frozenset(benign)
