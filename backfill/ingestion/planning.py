"""What would be done about candidates: which tables of which vendor, what is fresh, what will be fetched.

Fresh is what the catalog says, never a file: `fetched_at` lies within the freshness, and no row has become due since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from backfill.ingestion import candidates
from backfill.ingestion.candidates import Candidate, Refused
from backfill.vendors import registry
from backfill.vendors.registry import Listed
from datasets.lake.instruments import InstrumentUnknown
from datasets.lake.rules import POLICIES
from datasets.market.intervals import DAY
from datasets.models import Instrument, LakeEntry
from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, ProblemError, Unprocessable

_AT_ONCE = 400  # names of one query
_MOST_HOURS = 8_784


class VendorCannot(Unprocessable):
    """No configured vendor has this instrument, or not in the tables that were asked for. `nexus vendor list` shows."""

    code = "VENDOR_CANNOT"


@dataclass(frozen=True, slots=True)
class Options:
    """How candidates are taken in; `full` asks for all that the vendor has, not only for what is new."""

    freshness_s: float
    vendor: str = ""
    full: bool = False
    policy: str = ""

    def shown(self) -> dict[str, Any]:
        """Return them as they are kept and shown."""
        return {
            "freshnessHours": self.freshness_s / 3600,
            "vendor": self.vendor,
            "full": self.full,
            "policy": self.policy,
        }


def options(said: dict[str, Any]) -> Options:
    """Return the options that a caller gave, the others as the settings say; BadRequest, VendorUnknown."""
    hours = said.get("freshnessHours")
    if hours is not None and not 0 <= hours <= _MOST_HOURS:
        words = f"freshnessHours is a number from 0 to {_MOST_HOURS}"
        raise BadRequest(words, {"fields": {"freshnessHours": [words]}})
    policy = said.get("policy") or settings.NEXUS_INGEST_POLICY
    if policy not in POLICIES:
        raise BadRequest(f"policy is one of {', '.join(POLICIES)}", {"fields": {"policy": [str(policy)[:32]]}})
    vendor = said.get("vendor") or ""
    if vendor:
        registry.ready(vendor)
    freshness_s = settings.NEXUS_INGEST_FRESHNESS_S if hours is None else float(hours) * 3600
    return Options(freshness_s, vendor, bool(said.get("full")), policy)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One instrument of one table: `start_ns` is where a fetch begins, None for the vendor's first row."""

    table: str
    instrument: str
    vendor: str
    facts: dict[str, str]
    start_ns: int | None
    why: str  # missing, stale, asked for in full; or why it is fresh


@dataclass(slots=True)
class Plan:
    """What would be done, in the order in which it was asked for."""

    fresh: list[Wanted] = field(default_factory=list)
    queued: list[Wanted] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    @property
    def words(self) -> str:
        """Say it in a line."""
        more = f", {len(self.refused)} refused" if self.refused else ""
        return f"{len(self.fresh)} fresh, {len(self.queued)} will be fetched{more}"


def plan(actor: Actor, handed: Any, wanted: Options) -> Plan:
    """Return what would be done about candidates as they were handed in; CandidatesMalformed."""
    passed, refused = candidates.read(handed)
    made = Plan(refused=refused)
    names = sorted({each.name for each in passed})
    known = _registered(actor.tenant_id, names)
    entries = _entries(actor.tenant_id, names)
    vendors, now = registry.listed(), db.now()
    seen: set[tuple[str, str]] = set()
    for candidate in passed:
        try:
            for item in _items(candidate, wanted, vendors, known):
                if (item.table, item.instrument) not in seen:
                    seen.add((item.table, item.instrument))
                    _sort(made, item, entries.get((item.table, item.instrument)), wanted, now)
        except ProblemError as problem:
            made.refused.append(Refused(candidate.name, problem.code, problem.message))
    return made


def _items(candidate: Candidate, wanted: Options, vendors: Sequence[Listed], known: dict[str, str]) -> Iterable[Wanted]:
    named = candidate.vendor or wanted.vendor
    asked = [registry.ready(named)] if named else vendors
    facts = {**_described(asked, candidate.name), **candidate.facts}
    asset_type = known.get(candidate.name) or facts.get("type", "")
    if not asset_type:
        raise InstrumentUnknown(f"{candidate.name} is not in the registry: say its type", {"field": "type"})
    candidates.check(facts)
    found: dict[str, str] = {}
    for vendor in asked:
        for each in vendor.capabilities:
            if (not candidate.tables or each.table in candidate.tables) and each.covers(candidate.name, asset_type):
                found.setdefault(each.table, vendor.name)
    lacking = sorted(set(candidate.tables) - set(found))
    if lacking or not found:
        what = ", ".join(lacking) or "a table"
        raise VendorCannot(f"no vendor that is configured has {what} of {candidate.name}", {"tables": lacking})
    return [Wanted(table, candidate.name, vendor, facts, None, "missing") for table, vendor in sorted(found.items())]


def _described(vendors: Sequence[Listed], name: str) -> dict[str, str]:
    for each in vendors:
        facts = dict(each.vendor.describe(name)) if each.vendor else {}
        if facts:
            return facts
    return {}


def _sort(made: Plan, item: Wanted, entry: LakeEntry | None, wanted: Options, now: datetime) -> None:
    start, why = None, "missing"
    if entry is not None and entry.fetched_at is not None:
        if is_fresh(entry, wanted.freshness_s, now):
            made.fresh.append(_as(item, None, f"fetched {entry.fetched_at:%Y-%m-%d %H:%M}Z"))
            return
        why = "stale"
        if entry.last_ns is not None and not wanted.full:
            start = entry.last_ns // DAY * DAY - settings.NEXUS_INGEST_OVERLAP_DAYS * DAY
    made.queued.append(_as(item, start, why))


def _as(item: Wanted, start_ns: int | None, why: str) -> Wanted:
    return Wanted(item.table, item.instrument, item.vendor, item.facts, start_ns, why)


def is_fresh(entry: LakeEntry, freshness_s: float, now: datetime) -> bool:
    """Tell whether an entry was fetched within the freshness and since the last time that a row became due."""
    if entry.fetched_at is None or entry.fetched_at <= now - timedelta(seconds=freshness_s):
        return False
    return entry.expected_next is None or entry.expected_next > now or entry.expected_next <= entry.fetched_at


def _registered(tenant_id: UUID, names: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for at in range(0, len(names), _AT_ONCE):
        rows = Instrument.of(tenant_id).filter(name__in=names[at : at + _AT_ONCE], valid_until=None)
        found |= dict(rows.values_list("name", "type"))
    return found


def _entries(tenant_id: UUID, names: list[str]) -> dict[tuple[str, str], LakeEntry]:
    found: dict[tuple[str, str], LakeEntry] = {}
    for at in range(0, len(names), _AT_ONCE):
        rows = LakeEntry.of(tenant_id).filter(instrument__in=names[at : at + _AT_ONCE])
        found |= {(row.table, row.instrument): row for row in rows}
    return found
