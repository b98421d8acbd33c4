"""What publishing and backtests moved, for collectors of lineage (settings.NEXUS_OPENLINEAGE).

A symbol at the provider is called `symbols/<its id>` in the namespace `lona://<host of the gateway>`; its version is
the provider's hash of the content. A backtest's report is `backtests/bt_…` here, its version the provider's id of it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings

from datasets.openlineage import named
from lona.models import Backtest, BacktestInput, BacktestStatus, Publication, PublicationState
from tradenexus import ids
from tradenexus.jobs.models import Job, State
from tradenexus.openlineage import facets
from tradenexus.openlineage.facets import Moved, Set

_HELD = (PublicationState.PUBLISHED, PublicationState.RETIRED)


def publish(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """Slices of versions went to the provider; one that it had already was not written."""
    asked = {job.ref: set(job.params["publicationIds"]) for job in jobs}
    keys = {ids.decode(Publication.prefix, ref) for refs in asked.values() for ref in refs}
    rows = list(Publication.of(tenant_id).filter(id__in=keys).select_related("version__dataset").order_by("id"))
    told = {}
    for job in jobs:
        mine = [row for row in rows if row.ref in asked[job.ref]]
        sources = {row.version_id: row.version for row in mine}
        outputs = []
        for row in mine:
            if row.state in _HELD and row.lona_symbol_id:
                written = {} if row.reused else {"rows": row.rows, "size_bytes": row.size_bytes}
                outputs.append(symbol(row.lona_symbol_id, row.content_hash, row.provider, **written))
        told[job.ref] = Moved([named.version(source) for source in sources.values()], outputs)
    return told


def backtest(tenant_id: UUID, jobs: list[Job]) -> dict[str, Moved]:
    """A strategy was run over symbols; what came of it is its report."""
    rows = Backtest.of(tenant_id).defer("equity", "drawdown", "trades")
    known, told = named.subjects(rows, jobs, "backtestId"), {}
    parts: dict[UUID, list[BacktestInput]] = {}
    read = BacktestInput.objects.filter(backtest__in=known.values()).select_related("version__dataset", "publication")
    for part in read.order_by("place"):
        parts.setdefault(part.backtest_id, []).append(part)
    for job in jobs:
        if row := known.get(job.ref):
            done = job.state == State.SUCCEEDED and row.status == BacktestStatus.COMPLETED
            outputs = [named.here(row.tenant_id, f"backtests/{row.ref}", version=row.report_id)] if done else []
            told[job.ref] = Moved(_read(row, parts.get(row.id, [])), outputs)
    return told


def _read(row: Backtest, parts: list[BacktestInput]) -> list[Set]:
    inputs: dict[str, Set] = {}
    for part in parts:
        at = part.publication
        if at and at.lona_symbol_id:
            one = symbol(at.lona_symbol_id, at.content_hash, at.provider)
        else:
            one = named.version(part.version)
        inputs.setdefault(one["name"], one)
    for data_id in row.data_ids:
        inputs.setdefault(f"symbols/{data_id}", symbol(data_id, "", row.provider))
    return list(inputs.values())


def symbol(symbol_id: str, digest: str, provider: str, **written: Any) -> Set:
    """Return a symbol at the provider."""
    source = provider or "Lona"
    space = f"lona://{urlsplit(settings.LONA_GATEWAY_URL).hostname or 'gateway'}"
    return facets.dataset(space, f"symbols/{symbol_id}", version=digest, source=source, **written)
