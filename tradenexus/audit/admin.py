"""The audit trails of all workspaces in the operations desk, newest first; found by object or by person."""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator

from tradenexus import ids
from tradenexus.audit.models import Entry, Head
from tradenexus.ops.desk import Desk
from tradenexus.tenancy.models import Tenant, User


@admin.register(Entry)
class EntryDesk(Desk):
    """What happened to what, by whom, for which reason."""

    list_display = ("seq", "at", "tenant", "action", "subject", "change", "why", "via")
    list_select_related = ("tenant",)
    exact = ("subject",)
    search_help_text = "The typed id of an object (dsv_…, job_…), or a person's e-mail address or id (usr_…)"
    product = "/audit/?object={thing.subject}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by object or person through the indexes, which begin with the workspace: all workspaces are named."""
        term = search_term.strip()
        if not term:
            return queryset, False
        person = _person(term)
        named = {"user_id": person} if person else {"subject": term}
        return queryset.filter(tenant__in=Tenant.objects.values("id"), **named), False

    @admin.display
    def change(self, entry: Entry) -> str:
        """Return the old and the new state."""
        return " → ".join(word for word in (entry.old, entry.new) if word)

    @admin.display(description="reason")
    def why(self, entry: Entry) -> str:
        """Return the reason's beginning."""
        return Truncator(entry.reason).chars(120)

    def ref_of(self, thing: Entry) -> str:
        """An entry's history is that of its object."""
        return thing.subject


@admin.register(Head)
class HeadDesk(Desk):
    """How far each workspace's trail has come."""

    list_display = ("tenant", "audit_seq", "event_seq", "audit_hash")
    list_select_related = ("tenant",)
    search_fields = ("tenant__name",)
    product = "/audit/verify/"


def _person(term: str) -> UUID | None:
    with contextlib.suppress(ValueError):
        return ids.decode("usr", term)
    return User.objects.filter(email=term.lower()).values_list("id", flat=True).first() if "@" in term else None
