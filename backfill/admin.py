"""Ingests, their items and the files of the watched folder in the operations desk: to look at only."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from backfill.models import IngestItem, IngestRun, TakenFile
from tradenexus.ops import columns
from tradenexus.ops.desk import Desk


@admin.register(IngestRun)
class IngestDesk(Desk):
    """Candidates that were handed in, of all workspaces."""

    list_display = ("ref", "tenant", "total", "user", "source", "created_at", "finished_at")
    list_select_related = ("tenant", "user")
    search_help_text = "The typed id (ing_…)"
    product = "/lakehouse/ingests/{ref}/"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave what was refused out of the list."""
        rows = super().get_queryset(request)
        return rows if self.one(request) else rows.defer("refused", "options")


@admin.register(IngestItem)
class IngestItemDesk(Desk):
    """What became of each instrument."""

    list_display = ("run", "number", "table", "instrument", "vendor", columns.chip("state"), "code", "rows")
    list_filter = ("state",)
    list_select_related = ("run", "run__tenant")
    search_fields = ("=instrument", "=vendor")
    search_help_text = "The instrument (VENUE:SYMBOL) or the vendor, whole"
    product = "/lakehouse/ingests/{thing.run.ref}/"

    def tenant_of(self, thing: Any) -> UUID:
        """The run's."""
        return thing.run.tenant_id

    def ref_of(self, thing: Any) -> str:
        """The run's."""
        return thing.run.ref

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave what can be long out of the list."""
        rows = super().get_queryset(request)
        return rows if self.one(request) else rows.defer("facts", "landed", "reason", "findings")


@admin.register(TakenFile)
class TakenFileDesk(Desk):
    """Files of the watched folder that were looked at."""

    list_display = ("ref", "tenant", "name", "code", "run", "taken_at")
    list_select_related = ("tenant", "run")
    exact = ("sha256",)
    search_help_text = "The typed id (tkf_…) or the SHA-256 of the file"
