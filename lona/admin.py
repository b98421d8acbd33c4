"""Publications, strategies and backtests in the operations desk; reconciliation as a deed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from lona import reconcile
from lona.models import Backtest, BacktestInput, Publication, Strategy, SymbolLink
from tradenexus.actor import Actor
from tradenexus.ops import columns, filters
from tradenexus.ops.deeds import Deed
from tradenexus.ops.desk import Desk


def _reconcile(actor: Actor, publication: Publication, reason: str) -> str:
    return f"being compared with the provider by {reconcile.request(actor, publication, reason).ref}"


@admin.register(Publication)
class PublicationDesk(Desk):
    """Slices at the provider."""

    list_display = (
        "ref",
        "tenant",
        "instrument",
        "frequency",
        columns.chip("state"),
        columns.chip("mapping"),
        "symbol_name",
        "rows",
        "created_at",
    )
    list_filter = ("state", filters.known("mapping", lambda: ("ok", "missing", "drift")))
    list_select_related = ("tenant",)
    exact = ("lona_symbol_id", "symbol_name")
    search_help_text = "The typed id (pub_…), or the symbol's id or name at the provider"
    product = "/publishes/{ref}/"
    deeds = (
        Deed(
            "reconcile",
            "Reconcile with Lona",
            "Starts a job for each publication that asks the provider for its symbol: one that is gone or differs is "
            "retired here, one whose answer was lost is looked for again. Use it after a fault at the provider. "
            "Nothing is deleted there.",
            _reconcile,
        ),
    )


@admin.register(Strategy)
class StrategyDesk(Desk):
    """Strategies."""

    list_display = ("ref", "tenant", "name", columns.chip("state"), "provider", "created_at")
    list_filter = ("state",)
    list_select_related = ("tenant",)
    search_fields = ("name", "=lona_strategy_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the texts out of the list."""
        rows = super().get_queryset(request)
        return rows if self.one(request) else rows.defer("code", "description", "explanation")


@admin.register(Backtest)
class BacktestDesk(Desk):
    """Runs; their curves are not loaded for the list, nor shown here: the product draws them."""

    list_display = (
        "ref",
        "tenant",
        "strategy",
        columns.chip("status"),
        "start_date",
        "end_date",
        "provider",
        "created_at",
    )
    list_filter = ("status",)
    list_select_related = ("tenant", "strategy")
    search_fields = ("=report_id",)
    search_help_text = "The typed id (bt_…) or the report's id at the provider"
    exclude = ("equity", "drawdown", "trades")
    product = "/backtests/{ref}/"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the long columns out."""
        return super().get_queryset(request).defer("equity", "drawdown", "trades")


@admin.register(BacktestInput)
class BacktestInputDesk(Desk):
    """What each backtest read."""

    list_display = ("backtest", "place", "instrument", "version", "publication")
    list_select_related = ("backtest__strategy", "version__dataset", "publication")

    def tenant_of(self, thing: BacktestInput) -> Any:
        """The backtest's."""
        return thing.backtest.tenant_id

    def ref_of(self, thing: BacktestInput) -> str:
        """Its history is the backtest's."""
        return thing.backtest.ref


@admin.register(SymbolLink)
class SymbolLinkDesk(Desk):
    """Global symbols linked as datasets."""

    list_display = ("ref", "tenant", "name", "lona_symbol_id", "created_at")
    list_select_related = ("tenant",)
    search_fields = ("name", "=lona_symbol_id")
