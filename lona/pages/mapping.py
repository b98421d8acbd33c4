"""Our record against the provider's: look first, then mend; and the provider's global symbols, linked as datasets."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse

from lona import reconcile, symbols
from lona.client import connect, provider_label
from lona.models import Publication, PublicationState, SymbolLink
from lona.pages.provider import ProviderPage
from lona.reconcile import Finding
from tradenexus import db
from tradenexus.errors import BadRequest
from tradenexus.web import copy, tables

STATES = ("ok", "orphan", "missing", "drift", "unknown")
LISTED = 50


class MappingPage(ProviderPage):
    """Version and symbol, side by side."""

    template = "lona/mapping.html"
    fragment = "lona/_mapping.html"
    nav = "publishes"
    title = "Lona mapping"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return what is published, with what the last reconcile found."""
        rows = Publication.of(self.actor.tenant_id).filter(state=PublicationState.PUBLISHED)
        page = tables.page(self.request, rows.select_related("version__dataset"))
        shown = [Finding(row.mapping or "unchecked", "", "none", row) for row in page.items]
        return self._around(shown) | {"pager": page}

    def post(self, request: HttpRequest) -> HttpResponse:
        """Look (nothing is changed), mend, or link a global symbol."""
        self.require("publish")
        action = request.POST.get("action", "")
        if action == "link":
            return self._link(request.POST.get("symbolId", "")[:200])
        if action not in ("look", "mend"):
            raise BadRequest("action is look, mend or link")
        client = connect(self.actor.request_id)
        found = reconcile.compare(self.actor, client)
        if action == "mend":
            reconcile.mend(self.actor, client, found, request.POST.get("orphans") == "delete")
        return self.render(self._around(found) | {"found": found, "looked": True, "mended": action == "mend"})

    def _around(self, shown: list[Finding]) -> dict[str, Any]:
        counts = Counter(row.state for row in shown)
        return {
            "rows": shown,
            "counts": [(state, counts.get(state, 0)) for state in STATES],
            "wrong": sum(counts[state] for state in ("missing", "drift", "unknown")),
            "orphans": counts["orphan"],
            "now": db.now(),
            "twin": "/v1/mappings",
            "copy": copy.commands(
                "POST", "/v1/mappings:reconcile", {"dryRun": True}, "nexus publication reconcile --dry-run"
            ),
            "crumbs": [("Home", "/"), ("Publishes", "/publishes/"), ("Mapping", None)],
        }

    def _link(self, symbol_id: str) -> HttpResponse:
        symbol = symbols.linkable(connect(self.actor.request_id), symbol_id)
        label = provider_label()
        with db.atomic():
            dataset = symbols.link(self.actor, symbol, "", label)
        return self.done(f"/datasets/{dataset.ref}/")


class GlobalPart(ProviderPage):
    """The provider's own symbols; asked for when the page shows them."""

    template = "lona/global.html"
    fragment = "lona/_global.html"
    nav = "publishes"
    title = "From Lona"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return a page of global symbols, and which are linked already."""
        raw = self.query.get("skip", "0")
        skip = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else 0
        client = connect(self.actor.request_id)
        items, following = symbols.listed(client, self.actor.tenant_id, "global", skip, LISTED)
        linked = {link.lona_symbol_id: link.dataset for link in self._links(items)}
        return {
            "rows": [_shown(item, linked) for item in items],
            "next_url": f"/publishes/mapping/_global/?skip={following}" if following is not None else None,
            "skip": skip,
            "crumbs": [
                ("Home", "/"),
                ("Publishes", "/publishes/"),
                ("Mapping", "/publishes/mapping/"),
                ("From Lona", None),
            ],
        }

    def _links(self, items: list[dict[str, Any]]) -> Any:
        ids = [str(item.get("id", ""))[:200] for item in items]
        return SymbolLink.of(self.actor.tenant_id).filter(lona_symbol_id__in=ids).select_related("dataset")


def _shown(item: dict[str, Any], linked: dict[str, Any]) -> dict[str, Any]:
    extent = symbols.data_range(item)
    given = item.get("frequencies")
    return {
        "id": str(item.get("id", ""))[:200],
        "name": str(item.get("name") or "")[:200],
        "description": str(item.get("description") or "")[:300],
        "frequencies": ", ".join(str(one) for one in given[:10]) if isinstance(given, list) else "",
        "first": extent[0] if extent else None,
        "last": extent[1] if extent else None,
        "dataset": linked.get(str(item.get("id", ""))[:200]),
    }
