"""Read-only look at publications, strategies and backtests for operators."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from lona.models import Backtest, Publication, Strategy, SymbolLink


class ReadOnly(admin.ModelAdmin):
    """Shows rows and changes none: verbs go through the API, which audits them."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False


@admin.register(Publication)
class PublicationAdmin(ReadOnly):
    """Slices at the provider."""

    list_display = ("ref", "tenant", "instrument", "frequency", "state", "symbol_name", "rows", "created_at")
    list_filter = ("state", "mode", "mapping")
    search_fields = ("symbol_name", "lona_symbol_id", "instrument")
    show_full_result_count = False


@admin.register(Strategy)
class StrategyAdmin(ReadOnly):
    """Strategies."""

    list_display = ("ref", "tenant", "name", "state", "provider", "created_at")
    list_filter = ("state",)
    search_fields = ("name", "lona_strategy_id")


@admin.register(Backtest)
class BacktestAdmin(ReadOnly):
    """Runs; their curves are not loaded for the list."""

    list_display = ("ref", "tenant", "strategy", "status", "start_date", "end_date", "provider", "created_at")
    list_filter = ("status",)
    search_fields = ("report_id",)
    list_select_related = ("tenant", "strategy")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Leave the long columns out."""
        return super().get_queryset(request).defer("equity", "drawdown", "trades")


@admin.register(SymbolLink)
class SymbolLinkAdmin(ReadOnly):
    """Global symbols linked as datasets."""

    list_display = ("ref", "tenant", "name", "lona_symbol_id", "created_at")
