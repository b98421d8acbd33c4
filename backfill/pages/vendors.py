"""Vendors: whom this installation can ask for data, what each can fill, and how it went lately."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q

from backfill.models import IngestItem, ItemState
from backfill.vendors import registry
from backfill.vendors.base import Capability
from backfill.vendors.registry import Listed
from datasets.models import LakeEntry
from tradenexus import db
from tradenexus.web import copy
from tradenexus.web.page import Page

DAYS = 7
NAMES = 12  # instruments that are named; the rest is counted
CAME = (ItemState.COMMITTED, ItemState.QUARANTINED)


@dataclass(slots=True)
class Card:
    """One vendor: `place` in the order of preference; `faults` are [(code, count)] of the last days."""

    vendor: Listed
    place: int
    entries: int
    came: int = 0
    failed: int = 0
    last: datetime | None = None
    faults: list[tuple[str, int]] = field(default_factory=list)
    fills: list[dict[str, Any]] = field(default_factory=list)


class Vendors(Page):
    """All vendors, the preferred one first."""

    template = "backfill/vendors.html"
    nav = "vendors"
    title = "Vendors"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return each vendor with what it can fill and what it gave."""
        cards = cards_of(self.actor.tenant_id)
        ready = any(card.vendor.vendor for card in cards)
        ask = {"label": "Ingest candidates", "url": "/lakehouse/ingests/new/"}
        return {
            "cards": cards,
            "days": DAYS,
            "primary": ask if ready and self.actor.may("write") else None,
            "copy": copy.commands("GET", "/v1/vendors", cli="nexus vendor list"),
            "twin": "/v1/vendors",
        }


class Faults(Page):
    """How it went with each vendor lately, for the board of data quality."""

    template = fragment = "backfill/_faults.html"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return each vendor with what came and what failed."""
        return {"cards": cards_of(self.actor.tenant_id)}


def cards_of(tenant_id: UUID) -> list[Card]:
    """Return the vendors of this installation with what this workspace got from each."""
    mine = IngestItem.objects.filter(run__tenant_id=tenant_id)
    recent = Q(settled_at__gte=db.now() - timedelta(days=DAYS))
    told = mine.order_by().values("vendor").annotate(
        came=Count("id", filter=recent & Q(state__in=CAME)),
        failed=Count("id", filter=recent & Q(state=ItemState.FAILED)),
        last=Max("settled_at", filter=Q(state__in=CAME)),
    )  # fmt: skip
    by_name: dict[str, dict[str, Any]] = {row["vendor"]: dict(row) for row in told}
    held = dict(LakeEntry.of(tenant_id).order_by().values_list("vendor").annotate(Count("id")))
    faults: dict[str, list[tuple[str, int]]] = {}
    failed = mine.filter(recent, state=ItemState.FAILED).order_by().values_list("vendor", "code").annotate(Count("id"))
    for vendor, code, count in failed:
        faults.setdefault(vendor, []).append((code, count))
    cards = []
    for place, each in enumerate(registry.listed(), 1):
        row = by_name.get(each.name, {})
        card = Card(each, place, held.get(each.name, 0), row.get("came", 0), row.get("failed", 0), row.get("last"))
        card.faults = sorted(faults.get(each.name, []), key=lambda one: -one[1])
        card.fills = [_fill(one) for one in each.capabilities]
        cards.append(card)
    return cards


def _fill(one: Capability) -> dict[str, Any]:
    names = None if one.instruments is None else sorted(one.instruments)
    return {
        "table": one.table,
        "interval": one.interval,
        "types": ", ".join(one.asset_types),
        "venues": ", ".join(one.venues),
        "names": names and names[:NAMES],
        "more": max(0, len(names) - NAMES) if names else 0,
        "count": None if names is None else len(names),
    }
