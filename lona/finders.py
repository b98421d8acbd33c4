"""What other parts of the platform ask this app for: lineage, search hits, facts of the overview, publishing many."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from datasets import bulk
from datasets.models import Dataset, DatasetVersion
from datasets.neighbourhood import Found, Way
from lona import resolve
from lona.models import Backtest, Publication, Strategy
from tradenexus import ids
from tradenexus.actor import Actor
from tradenexus.jobs import subjects
from tradenexus.jobs.subjects import Subject
from tradenexus.search.registry import finder, summary


def lineage(tenant_id: UUID, known: list[str]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the nodes and edges that follow from the versions among the ids (settings.NEXUS_LINEAGE)."""
    from lona.backtests.lineage import following

    return following(tenant_id, known)


def neighbours(tenant_id: UUID, refs: Sequence[str], way: Way, fan: int, near: UUID | None) -> Found:
    """Return what of the provider is beside the ids in a lineage (settings.NEXUS_NEIGHBOURS)."""
    from lona.backtests.neighbours import beside

    return beside(tenant_id, refs, way, fan, near)


@finder("publications")
def publications(tenant_id: UUID, text: str, limit: int) -> list[dict[str, Any]]:
    """Find publications by id, symbol, the provider's name or id of it."""
    named = Q(symbol_name__icontains=text) | Q(instrument__iexact=text) | Q(lona_symbol_id=text)
    rows = Publication.of(tenant_id).filter(_by_id(Publication, text) or named).order_by("-created_at")[:limit]
    return [
        _hit("publication", row.ref, row.symbol_name or row.instrument, row.state, f"/publishes/{row.ref}/")
        for row in rows
    ]


@finder("strategies")
def strategies(tenant_id: UUID, text: str, limit: int) -> list[dict[str, Any]]:
    """Find strategies by id or part of the name."""
    wanted = _by_id(Strategy, text) or Q(name__icontains=text)
    rows = Strategy.of(tenant_id).filter(wanted).order_by("-created_at")[:limit]
    return [_hit("strategy", row.ref, row.name, row.state, f"/backtests/?strategy={row.ref}") for row in rows]


@finder("backtests")
def backtests(tenant_id: UUID, text: str, limit: int) -> list[dict[str, Any]]:
    """Find backtests by id, the provider's report id or the strategy's name."""
    # Looked up first: SQLite would join every backtest with its strategy to compare the name.
    named = list(Strategy.of(tenant_id).filter(name__icontains=text).values_list("id", flat=True))
    wanted = _by_id(Backtest, text) or Q(report_id=text) | Q(strategy__in=named)
    rows = Backtest.of(tenant_id).filter(wanted).select_related("strategy").defer("equity", "drawdown", "trades")
    return [
        _hit("backtest", row.ref, str(row.strategy), f"{row.status}, {row.start_date} to {row.end_date}", None)
        for row in rows.order_by("-created_at")[:limit]
    ]


@summary("publications")
def publications_by_state(tenant_id: UUID) -> dict[str, Any]:
    """Return how many publications are in each state."""
    return {"byState": dict(Publication.of(tenant_id).values_list("state").annotate(Count("id")).order_by("state"))}


@summary("backtests")
def recent_backtests(tenant_id: UUID) -> dict[str, Any]:
    """Return how many backtests are in each state, and the five newest."""
    rows = Backtest.of(tenant_id)
    newest = rows.select_related("strategy").defer("equity", "drawdown", "trades").order_by("-created_at", "-id")[:5]
    recent = [
        {"id": row.ref, "strategy": row.strategy.name, "status": row.status, "metrics": row.metrics} for row in newest
    ]
    return {"byStatus": dict(rows.values_list("status").annotate(Count("id")).order_by("status")), "recent": recent}


@subjects.describes("bt")
def named_backtests(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how backtests are called: strategy and days."""
    rows = Backtest.of(tenant_id).filter(id__in=_decoded(Backtest, refs)).select_related("strategy")
    return {
        row.ref: Subject(
            row.ref, "backtest", f"{row.strategy} {row.start_date} to {row.end_date}", f"/backtests/{row.ref}/"
        )
        for row in rows.defer("equity", "drawdown", "trades", "strategy__code")
    }


@subjects.describes("pub")
def named_publications(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how publications are called: by the symbol's name at the provider."""
    rows = Publication.of(tenant_id).filter(id__in=_decoded(Publication, refs))
    return {
        row.ref: Subject(row.ref, "publication", row.symbol_name or row.instrument, f"/publishes/{row.ref}/")
        for row in rows
    }


@subjects.describes("str")
def named_strategies(tenant_id: UUID, refs: list[str]) -> dict[str, Subject]:
    """Say how strategies are called."""
    rows = Strategy.of(tenant_id).filter(id__in=_decoded(Strategy, refs))
    return {row.ref: Subject(row.ref, "strategy", row.name, f"/backtests/?strategy={row.ref}") for row in rows}


def _decoded(model: Any, refs: list[str]) -> list[UUID]:
    found = []
    for ref in refs:
        with suppress(ValueError):
            found.append(ids.decode(model.prefix, ref))
    return found


def _by_id(model: Any, text: str) -> Q | None:
    try:
        return Q(id=ids.decode(model.prefix, text))
    except ValueError:
        return None


def _hit(kind: str, ref: str, label: str, detail: str, url: str | None) -> dict[str, Any]:
    return {"kind": kind, "id": ref, "label": label, "detail": detail, "url": url or f"/backtests/{ref}/"}


@bulk.act(
    "publish",
    "Publish",
    "published",
    scope="publish",
    states=resolve.PUBLISHABLE,
    follows="Each version is sent to the provider whole, by a job of its own. What the provider has already is joined,"
    " not sent again. Trades and quotes are refused: candles are made of them first.",
)
def publish(actor: Actor, dataset: Dataset, version: DatasetVersion) -> str:
    """Ask for the whole version to be published; return the job that carries it."""
    from lona.publish import requests

    found = resolve.publishable(dataset, version.number)
    return requests.request(actor, found, resolve.slices(found)).job.ref
