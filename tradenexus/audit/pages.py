"""The audit trail as a page: who did what to what, the chain verified at the press of a button, everything exported."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from tradenexus import ids
from tradenexus.audit import chain
from tradenexus.audit.models import Entry, Head
from tradenexus.errors import BadRequest
from tradenexus.tenancy.models import Membership
from tradenexus.web import naming, tables
from tradenexus.web.copy import commands
from tradenexus.web.page import Page


class Trail(Page):
    """Entries, newest first; filtered by object and by person."""

    template, fragment, nav, title = "audit/trail.html", "audit/_trail.html", "audit", "Audit"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return a page of entries and the filters that made it."""
        asked = {name: self.query.get(name, "").strip() for name in ("object", "actor")}
        rows = Entry.of(self.actor.tenant_id)
        if asked["object"]:
            rows = rows.filter(subject=_clean(asked["object"]))
        if asked["actor"]:
            rows = rows.filter(user_id=_person(asked["actor"]))
        members = Membership.of(self.actor.tenant_id).select_related("user").order_by("user__email")
        people = {m.user_id: m.user.email for m in members}
        pager = tables.page(self.request, rows, ("-seq",))
        names = naming.of(self.actor.tenant_id, [entry.subject for entry in pager.items])
        for entry in pager.items:
            entry.named = names.get(entry.subject)
            entry.who = people.get(entry.user_id) or _outsider(entry)
        return {
            "pager": pager,
            "asked": asked,
            "filtered": any(asked.values()),
            "narrowing": sum(map(bool, asked.values())),
            "people": [(ids.encode("usr", person), email) for person, email in people.items()],
            "total": Head.objects.filter(tenant_id=self.actor.tenant_id).values_list("audit_seq", flat=True).first()
            or 0,
            "twin": f"/v1/audit{tables.changed(self.query)}",
            "copy": commands("GET", "/v1/audit", query=asked, cli="nexus audit list"),
            "menu": [("Export bundle", "/v1/audit/bundle"), ("Export all as JSON lines", "/v1/audit/export")],
        }


class Verify(Page):
    """Walks the chain from its first entry to its head."""

    template, fragment, nav, title = "audit/verify.html", "audit/_verdict.html", "audit", "Audit chain"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the verdict."""
        return {
            "verdict": chain.verify(self.actor.tenant_id),
            "crumbs": [("Audit", "/audit/"), ("Verify", "")],
            "twin": "/v1/audit:verify",
            "copy": commands("GET", "/v1/audit:verify", cli="nexus audit verify"),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Verify for a plain form as for htmx: it changes nothing."""
        return self.render(self.context())


def _outsider(entry: Entry) -> str:
    if entry.user_id is None:
        return "the platform"
    return "an operator" if entry.via == "admin" else "a former member"


def _person(text: str) -> Any:
    try:
        return ids.decode("usr", text)
    except ValueError as error:
        raise BadRequest(
            "the filter `actor` must be usr_ and 32 hex digits", {"fields": {"actor": [text[:64]]}}
        ) from error


def _clean(text: str) -> str:
    if "\0" in text or len(text) > 64:
        raise BadRequest("the filter `object` must be the typed id of an object", {"fields": {"object": [text[:64]]}})
    return text
