"""The search page: what the registered finders find, kind by kind."""

from __future__ import annotations

from typing import Any

from tradenexus.search.registry import FINDERS
from tradenexus.web.copy import commands
from tradenexus.web.page import Page

PER_KIND = 20
EXAMPLES = ("BTC", "AAPL", "ds_…", "job_…")


class Results(Page):
    """Hits of every kind for `?q=`."""

    template, fragment, nav, title = "search/results.html", "search/_results.html", "search", "Search"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the hits by kind; none without a question."""
        text = self.query.get("q", "").replace("\0", "").strip()[:200]
        groups = []
        for kind, find in FINDERS.items() if text else ():
            hits = find(self.actor.tenant_id, text, PER_KIND)
            if hits:
                groups.append((kind.replace("_", " ").capitalize(), hits, len(hits) == PER_KIND))
        cli = f"nexus search {text!r}" if text else "nexus search BTC"
        copy = commands("GET", "/v1/search", query={"q": text or "BTC"}, cli=cli)
        return {"q": text, "groups": groups, "examples": EXAMPLES, "copy": copy, "heading": "Search"}
