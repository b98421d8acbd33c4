"""One action on many datasets: what it would meet, the confirmation, and what came of it for each."""

from __future__ import annotations

import shlex
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict

from datasets import bulk, listing
from datasets.models import BulkAction, Dataset, ItemState
from datasets.pages.lists import command
from tradenexus import db
from tradenexus.web import copy, tables
from tradenexus.web.page import Page

SHOWN = 10  # names on the confirmation
CARRIED = ("action", "all", "id", *listing.FILTERS)


class Confirm(Page):
    """How many datasets an action would meet and what follows from it; the press that starts it."""

    template = "datasets/bulk.html"
    nav = "datasets"
    title = "Act on many datasets"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the count by state, the first names and the same thing as commands."""
        crumbs = [("Datasets", "/datasets/"), (self.title, "")]
        if not self.query.get("action") or not _chosen(self.query):
            return {"crumbs": crumbs, "nothing": True, "back": _back(self.query)}
        act = bulk.find(self.query.get("action", ""))
        self.require(act.scope)
        rows, asked = self._rows(self.query)
        plan = bulk.plan(act, rows)
        return {
            "crumbs": crumbs,
            "title": f"{act.label} {plan.total:,} dataset{'' if plan.total == 1 else 's'}",
            "nothing": not plan.total,
            "act": act,
            "plan": plan,
            "refused": plan.total - plan.possible,
            "filters": asked.get("filter"),
            "first": rows.order_by("-created_at", "-id")[:SHOWN],
            "more": max(0, plan.total - SHOWN),
            "fields": [(name, value) for name in CARRIED for value in self.query.getlist(name)],
            "key": f"form-{uuid4().hex}",
            "back": _back(self.query),
            "copy": _commands(act.name, self.query, asked),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Start it, once per form; when another number matches by now, ask again."""
        act = bulk.find(request.POST.get("action", ""))
        self.require(act.scope)
        rows, asked = self._rows(request.POST)
        expect, key = request.POST.get("expect", ""), request.POST.get("key", "")[:128]
        try:
            with db.atomic():
                confirmed = int(expect[:9]) if expect.isascii() and expect.isdigit() else None
                started = bulk.request(self.actor, act, rows, asked, expect=confirmed, key=key or None)
        except (bulk.SelectionChanged, bulk.NothingToDo) as problem:
            self.asked = request.POST
            return self.invalid(self.template, self.context() | {"problem": problem.message})
        return self.done(f"/datasets/bulk/{started.ref}/")

    asked: QueryDict | None = None

    @property
    def query(self) -> QueryDict:
        """What is asked: the address, or the form that was refused."""
        return self.request.GET if self.asked is None else self.asked

    def _rows(self, given: QueryDict) -> tuple[QuerySet[Dataset], dict[str, Any]]:
        if not given.get("all"):
            return bulk.named(self.actor.tenant_id, given.getlist("id")), {}
        filters = {name: given.get(name, "") for name in listing.FILTERS if given.get(name)}
        return listing.filtered(self.actor, filters), {"filter": filters}


class Outcome(Page):
    """What came of an action on many datasets, dataset by dataset."""

    template = "datasets/bulk_outcome.html"
    fragment = "datasets/_bulk_outcome.html"
    nav = "datasets"

    def context(self, ref: str = "", **kwargs: Any) -> dict[str, Any]:
        """Return the counts, why some were refused, and one page of outcomes."""
        row = self.find(BulkAction, ref)
        act, counted = bulk.find(row.action), bulk.counts(row)
        state = self.query.get("state", "")
        refused = row.items.filter(state=ItemState.REFUSED).order_by().values_list("code").annotate(n=Count("id"))
        path = f"/v1/bulk-actions/{row.ref}"
        return {
            "bulk": row,
            "title": f"{act.label} {row.total:,} dataset{'' if row.total == 1 else 's'}",
            "act": act,
            "state": bulk.state_of(row),
            "counted": counted,
            "asked_state": state,
            "groups": [("All", "", row.total), *((one.capitalize(), one, counted[one]) for one in ItemState.values)],
            "reasons": refused.order_by("-n", "code"),
            "pager": tables.page(self.request, bulk.outcomes(row, state), ("number",)),
            "filters": ", ".join(f"{name} {value}" for name, value in row.asked.get("filter", {}).items()),
            "crumbs": [("Datasets", "/datasets/"), ("Act on many", "")],
            "copy": copy.commands("GET", f"{path}/items", cli=f"nexus api GET {path}/items"),
            "twin": path,
        }


def _chosen(given: QueryDict) -> bool:
    return bool(given.get("all") or given.getlist("id"))


def _back(given: QueryDict) -> str:
    kept = {name: given.get(name, "") for name in listing.FILTERS if given.get(name)}
    return f"/datasets/?{urlencode(kept)}"


def _commands(action: str, given: QueryDict, asked: dict[str, Any]) -> copy.Commands:
    ids = given.getlist("id")
    body = {"action": action, **({"filter": asked["filter"]} if asked else {"ids": ids})}
    verb = f"nexus dataset bulk {action}"
    cli = command(asked["filter"], f"{verb} --all") if asked else " ".join([verb, *map(shlex.quote, ids)])
    return copy.commands("POST", "/v1/bulk-actions", body, cli=cli)
