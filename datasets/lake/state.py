"""What a commit starts from: the entry of each offer, the segments its rows fall into, and what the ledger knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from datasets.lake import absences, instruments
from datasets.lake.absences import Doubts
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
    doubts: Doubts  # about those of which the offer says so

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
    standing = [(entries[offer.table, offer.instrument], offer) for offer in offers
                if (offer.table, offer.instrument) in entries]  # fmt: skip
    members = _members([(entry, offer) for entry, offer in standing if entry.revision > 0])
    ledger = _ledger([(entry, offer) for entry, offer in standing if entry.updated_at])
    bases = []
    for offer in offers:
        instrument = described.get(offer.instrument) or instruments.in_force(tenant_id, offer.instrument)
        entry = entries.get((offer.table, offer.instrument)) or LakeEntry(
            tenant_id=tenant_id, table=offer.table, instrument=offer.instrument, calendar=instrument.calendar
        )
        known = ledger.get(entry.id, Known())
        bases.append(
            Base(
                entry,
                instrument,
                members.get(entry.id, []),
                actions.get(offer.instrument, []),
                known.vendors,
                frozenset(known.accepted),
                frozenset(known.benign),
                absences.doubts(entry, [each.day for each in offer.benign]),
            )
        )
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


def _members(standing: Sequence[tuple[LakeEntry, Offer]]) -> dict[UUID, list[LakeMember]]:
    """Return by entry the members of the offered spans and the one before them, in order; two queries for all."""
    spans: dict[UUID, list[tuple[int, int]]] = {}
    rows = LakeMember.objects.filter(entry__in=[entry for entry, _ in standing], until_revision=None)
    for entry_id, start, number in rows.values_list("entry_id", "span_start_ns", "id"):
        spans.setdefault(entry_id, []).append((start, number))
    chosen: list[int] = []
    for entry, offer in standing:
        span = tables.find(offer.table).span
        start = dates.span_start_of(span, offer.start_ns)
        end = dates.span_end(span, dates.span_start_of(span, offer.end_ns - 1))
        held = sorted(spans.get(entry.id, []))
        chosen += [number for at, number in held if at < start][-1:]
        chosen += [number for at, number in held if start <= at < end]
    found: dict[UUID, list[LakeMember]] = {}
    for member in LakeMember.objects.filter(id__in=chosen).select_related("segment").order_by("span_start_ns"):
        found.setdefault(member.entry_id, []).append(member)
    return found


@dataclass
class Known:
    """What the ledger knows of the days around an offer."""

    vendors: dict[str, str] = field(default_factory=dict)
    accepted: set[int] = field(default_factory=set)
    benign: set[int] = field(default_factory=set)


def _ledger(standing: Sequence[tuple[LakeEntry, Offer]]) -> dict[UUID, Known]:
    """Return by entry what is known of the offered days; a query for all offers of the same range."""
    alike: dict[tuple[int, int], list[UUID]] = {}
    for entry, offer in standing:
        days = (offer.start_ns // intervals.DAY - 1, offer.end_ns // intervals.DAY + 1)
        alike.setdefault(days, []).append(entry.id)
    found: dict[UUID, Known] = {}
    now = db.now()
    for (first, last), entries in alike.items():
        rows = LakePartition.objects.filter(entry_id__in=entries, session__gte=dates.to_date(first))
        rows = rows.filter(Q(rows__gt=0) | ~Q(override_status="") | Q(code="NO_DATA"), session__lte=dates.to_date(last))
        for entry_id, session, vendor, count, code, override, until in rows.values_list(
            "entry_id", "session", "vendor", "rows", "code", "override_status", "override_until"
        ):
            known, day = found.setdefault(entry_id, Known()), dates.to_day(session)
            if count:
                known.vendors[str(day)] = vendor
            if override and override != "RED" and until and until > now:
                known.accepted.add(day)
            if code == "NO_DATA":
                known.benign.add(day)
    return found
