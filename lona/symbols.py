"""The provider's symbols as people see them: the tenant's own, the global ones, and linking a global one as a dataset.

All tenants of an installation are one agent there; whose a symbol is, its name says. Symbols that we did not name are
shown only while the installation has a single tenant.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from datasets.models import Dataset, DatasetVersion, Status
from lona import errors
from lona.adapter import answers, names
from lona.client import PAGE, Client
from lona.models import SymbolLink
from tradenexus.actor import Actor
from tradenexus.events import outbox
from tradenexus.tenancy.models import Tenant


def listed(
    client: Client, tenant_id: UUID, scope: str, skip: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Return one page of the provider's symbols (`mine` or `global`) and where the next one starts, or None."""
    items, more = client.symbols_page(skip, min(limit, PAGE), is_global=scope == "global")
    shown = [item for item in items if scope == "global" or is_mine(str(item.get("name", "")), tenant_id)]
    return shown, skip + len(items) if more and items else None


def is_mine(name: str, tenant_id: UUID) -> bool:
    """Tell whether a symbol of our agent belongs to this tenant."""
    mark = names.mark_of(name)
    if mark is None:
        return Tenant.objects.count() == 1
    return mark == names.tenant_mark(tenant_id)


def linkable(client: Client, symbol_id: str) -> dict[str, Any]:
    """Read a global symbol; SymbolNotLinkable when there is none of this id."""
    try:
        symbol = client.symbol(symbol_id)
    except errors.LonaNotFound as missing:
        raise errors.SymbolNotLinkable("no global symbol of this id", {"symbolId": symbol_id[:200]}) from missing
    if not symbol.get("is_global"):
        raise errors.SymbolNotLinkable("no global symbol of this id", {"symbolId": symbol_id[:200]})
    return symbol


def link(actor: Actor, symbol: dict[str, Any], name: str, provider: str) -> Dataset:
    """Make a dataset without bytes for a global symbol, inside `db.atomic()`; the one that is there is returned."""
    symbol_id = str(symbol["id"])[:200]
    found = SymbolLink.of(actor.tenant_id).filter(lona_symbol_id=symbol_id).select_related("dataset").first()
    if found is not None:
        return found.dataset
    called = name or str(symbol.get("name") or symbol_id)[:200]
    frequency = str((symbol.get("frequencies") or [""])[0])[:12]
    dataset = Dataset.everyone.create(
        tenant_id=actor.tenant_id,
        owner_id=actor.user_id,
        name=called,
        version=1,
        status=Status.PUBLISHED,
        kind="bars",
        symbols_text=f"|{called}|",
        provider_data_id=symbol_id[:128],
    )
    version = _version(actor, dataset, symbol, frequency, called)
    SymbolLink.everyone.create(
        tenant_id=actor.tenant_id,
        dataset=dataset,
        lona_symbol_id=symbol_id,
        name=called,
        frequency=frequency,
        details={key: symbol.get(key) for key in ("data_range", "frequencies", "type_metadata", "description")},
        provider=provider,
    )
    told = {"dataset": dataset.ref, "version": 1, "operation": "link", "lonaSymbolId": symbol_id}
    outbox.record(actor, "version.opened", version.ref, new=version.status, details=told, data=told)
    return dataset


def _version(actor: Actor, dataset: Dataset, symbol: dict[str, Any], frequency: str, called: str) -> DatasetVersion:
    first, last = data_range(symbol) or (None, None)
    return DatasetVersion.everyone.create(
        tenant_id=actor.tenant_id,
        dataset=dataset,
        number=1,
        status=Status.PUBLISHED,
        operation="link",
        created_by_id=actor.user_id,
        params={"lonaSymbolId": str(symbol["id"])},
        kind="bars",
        interval=frequency,
        symbols=[called],
        start_ns=first,
        end_ns=last,
    )


def data_range(symbol: dict[str, Any]) -> tuple[int, int] | None:
    """Read a symbol's first and last time in ns, None while it has none."""
    given = symbol.get("data_range")
    if not isinstance(given, dict) or not given.get("start_timestamp") or not given.get("end_timestamp"):
        return None
    return answers.instant_ns(given["start_timestamp"]), answers.instant_ns(given["end_timestamp"])
