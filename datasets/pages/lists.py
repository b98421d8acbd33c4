"""The list of datasets: state chips with counts, filters, saved views, chosen columns, keyset pages."""

from __future__ import annotations

import shlex
from typing import Any
from urllib.parse import urlencode

from datasets import bulk, listing, saved
from datasets.models import Status
from datasets.pages import rows
from tradenexus.tenancy.models import User
from tradenexus.web import copy, tables
from tradenexus.web.page import Page

GROUPS = (
    ("In use", ""),
    ("Uploading", "uploading"),
    ("Working", "uploaded,validating,transforming,publishing_lona"),
    ("Failed", "validation_failed,transform_failed,publish_failed"),
    ("Validated", "validated"),
    ("Ready", "ready"),
    ("Published", "published_lona"),
    ("Archived", "archived"),
)
FRESHNESS = (("24h", "last 24 hours"), ("7d", "last 7 days"), ("30d", "last 30 days"))
OWNERS = 200


class DatasetList(Page):
    """All datasets of the workspace."""

    template = "datasets/list.html"
    fragment = "datasets/_list.html"
    nav = "datasets"
    title = "Datasets"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the rows asked for, the counts of each state, the filters in force, views and columns."""
        asked = {name: self.query.get(name, "") for name in listing.FILTERS}
        found = listing.filtered(self.actor, asked)
        pager = tables.page(self.request, found.select_related("owner"), listing.order_of(asked))
        counted = listing.counts(self.actor.tenant_id)
        query = {name: value for name, value in asked.items() if value}
        columns = saved.columns_of(self.actor)
        return {
            "pager": pager,
            "rows": rows.of(pager.items, columns),
            "show": dict.fromkeys(columns, True),
            "choices": [(name, label, name in columns) for name, label in saved.COLUMNS.items()],
            "groups": _groups(counted, asked["state"]),
            "total": sum(counted.values()),
            "matching": self._matching(pager, found, counted, query),
            "asked": asked,
            "narrowing": len(set(query) - {"sort", "state"}),  # the states stand beside the sheet
            "narrowed": bool(set(query) - {"sort"}),
            "kinds": listing.KINDS,
            **self._said(asked),
            "spans": (*FRESHNESS, (listing.OLDER, "over 30 days ago")),
            "owners": self._owners(asked["owner"]),
            "acts": [act for act in bulk.acts() if self.actor.may(act.scope)],
            "primary": {"label": "Upload", "url": "/uploads/new/"},
            "copy": copy.commands("GET", "/v1/datasets", cli=command(query), query=query),
            "twin": "/v1/datasets" + tables.changed(self.query, cursor=None).rstrip("?"),
            **self._views(query),
        }

    def _views(self, query: dict[str, str]) -> dict[str, Any]:
        here = urlencode(query)  # in the order of the filters, as views keep them
        views = list(saved.seen_by(self.actor))
        return {"views": views, "here": here, "view": next((one for one in views if one.query == here), None)}

    def _said(self, asked: dict[str, str]) -> dict[str, list[str]]:
        """Return the values to choose from: those that any dataset has, and the one in force."""
        fields = {"vendor": "vendor", "assetClass": "asset_class", "resolution": "resolution"}
        found = {name: listing.said(self.actor.tenant_id, field) for name, field in fields.items()}
        more = {name: [asked[name]] if asked[name] and asked[name] not in found[name] else [] for name in fields}
        return {f"{fields[name]}_choices": more[name] + found[name] for name in fields}

    def _owners(self, chosen: str) -> list[str]:
        people = User.objects.filter(memberships__tenant_id=self.actor.tenant_id).order_by("email")
        known = list(people.values_list("email", flat=True)[:OWNERS])
        return known if chosen in {"", "me", *known} else [chosen, *known]

    @staticmethod
    def _matching(pager: tables.Page, found: Any, counted: dict[str, int], query: dict[str, str]) -> int:
        if not pager.next_url and not pager.first_url:
            return len(pager)
        if set(query) <= {"state", "sort"}:  # known from the counts
            states = query.get("state", "").split(",") if query.get("state") else set(counted) - {Status.ARCHIVED}
            return sum(counted.get(state, 0) for state in states)
        return found.count()


def _groups(counted: dict[str, int], chosen: str) -> list[dict[str, Any]]:
    shown = []
    for label, states in GROUPS:
        within = states.split(",") if states else [state for state in counted if state != Status.ARCHIVED]
        number = sum(counted.get(state, 0) for state in within)
        shown.append({"label": label, "state": states, "count": number, "on": states == chosen})
    return shown


def command(query: dict[str, str], verb: str = "nexus dataset list") -> str:
    """Return a command line with the filters as options."""
    names = {"q": "search", "assetClass": "asset-class"}
    options = " ".join(f"--{names.get(name, name)} {shlex.quote(value)}" for name, value in query.items())
    return f"{verb} {options}".strip()
