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


def publish(tenant_id: UUID, job: Job) -> Moved:
    """Slices of versions went to the provider; one that it had already was not written."""
    keys = [ids.decode(Publication.prefix, ref) for ref in job.params["publicationIds"]]
    rows = Publication.of(tenant_id).filter(id__in=keys).select_related("version__dataset").order_by("id")
    sources = {row.version_id: row.version for row in rows}
    outputs = []
    for row in rows:
        if row.state in _HELD and row.lona_symbol_id:
            written = {} if row.reused else {"rows": row.rows, "size_bytes": row.size_bytes}
            outputs.append(symbol(row.lona_symbol_id, row.content_hash, row.provider, **written))
    return Moved([named.version(source) for source in sources.values()], outputs)


def backtest(tenant_id: UUID, job: Job) -> Moved:
    """A strategy was run over symbols; what came of it is its report."""
    key = ids.decode(Backtest.prefix, job.params["backtestId"])
    row = Backtest.of(tenant_id).defer("equity", "drawdown", "trades").filter(id=key).first()
    if row is None:
        return Moved()
    inputs: dict[str, Set] = {}
    related = ("version__dataset", "publication")
    for part in BacktestInput.objects.filter(backtest=row).select_related(*related).order_by("place"):
        at = part.publication
        if at and at.lona_symbol_id:
            one = symbol(at.lona_symbol_id, at.content_hash, at.provider)
        else:
            one = named.version(part.version)
        inputs.setdefault(one["name"], one)
    for data_id in row.data_ids:
        inputs.setdefault(f"symbols/{data_id}", symbol(data_id, "", row.provider))
    done = job.state == State.SUCCEEDED and row.status == BacktestStatus.COMPLETED
    outputs = [named.here(row.tenant_id, f"backtests/{row.ref}", version=row.report_id)] if done else []
    return Moved(list(inputs.values()), outputs)


def symbol(symbol_id: str, digest: str, provider: str, **written: Any) -> Set:
    """Return a symbol at the provider."""
    source = provider or "Lona"
    space = f"lona://{urlsplit(settings.LONA_GATEWAY_URL).hostname or 'gateway'}"
    return facets.dataset(space, f"symbols/{symbol_id}", version=digest, source=source, **written)
