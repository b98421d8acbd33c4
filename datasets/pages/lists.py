"""The list of datasets: state chips with counts, filters, search, keyset pages, archive or re-validate all matching."""

from __future__ import annotations

import shlex
from typing import Any

from django.http import HttpRequest, HttpResponse

from datasets import lifecycle, listing, validation, versions
from datasets.models import Dataset, DatasetVersion, Status
from tradenexus import db
from tradenexus.errors import BadRequest, Conflict
from tradenexus.web import copy, figures, tables
from tradenexus.web.page import Page

BULK_LIMIT = 500  # of one press: each is its own transaction with its own audit entry
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
FILTERS = ("state", "kind", "symbol", "q", "sort")
ACTIONS = ("archive", "validate")


class DatasetList(Page):
    """All datasets of the workspace."""

    template = "datasets/list.html"
    fragment = "datasets/_list.html"
    nav = "datasets"
    title = "Datasets"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the rows asked for, the counts of each state and the filters in force."""
        asked = {name: self.query.get(name, "") for name in FILTERS}
        rows = listing.filtered(Dataset.of(self.actor.tenant_id), asked)
        pager = tables.page(self.request, rows.select_related("owner"), listing.order_of(asked))
        counted = listing.counts(self.actor.tenant_id)
        query = {name: value for name, value in asked.items() if value}
        return {
            "pager": pager,
            "rows": _with_versions(pager.items),
            "groups": _groups(counted, asked["state"]),
            "total": sum(counted.values()),
            "matching": self._matching(pager, rows, counted, query),
            "asked": asked,
            "narrowed": bool(set(query) - {"sort"}),
            "kinds": listing.KINDS,
            "notice": self._notice(),
            "primary": {"label": "Upload", "url": "/uploads/new/"},
            "copy": copy.commands("GET", "/v1/datasets", cli=_cli(query), query=query),
            "twin": "/v1/datasets" + tables.changed(self.query, cursor=None).rstrip("?"),
        }

    def post(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Archive or re-validate the chosen datasets, or all that match the filters."""
        self.require("write")
        action = request.POST.get("action", "")
        if action not in ACTIONS:
            raise BadRequest(f"action must be one of {', '.join(ACTIONS)}", {"fields": {"action": [action[:32]]}})
        rows = listing.filtered(Dataset.of(self.actor.tenant_id), {n: request.POST.get(n, "") for n in FILTERS})
        chosen = request.POST.getlist("id")
        found = list(rows[:BULK_LIMIT]) if request.POST.get("all") else [self.find(Dataset, ref) for ref in chosen]
        changed = sum(self._act(action, dataset) for dataset in found[:BULK_LIMIT])
        kept = {name: request.POST.get(name) for name in FILTERS}
        return self.done("/datasets/" + tables.changed(request.GET, **kept, bulk=action, did=changed, of=len(found)))

    def _act(self, action: str, dataset: Dataset) -> bool:
        try:
            with db.atomic():
                if action == "validate":
                    validation.request(self.actor, dataset, None, {})
                    return True
                version = versions.of_dataset(dataset, None)
                if version.status == Status.ARCHIVED:
                    return False
                lifecycle.advance(version, Status.ARCHIVED, self.actor, reason="archived from the list")
                return True
        except Conflict:  # it is in no state for this: it stays as it is, and the count says so
            return False

    def _notice(self) -> str:
        did, of = self.query.get("did", ""), self.query.get("of", "")
        if self.query.get("bulk") not in ACTIONS or not (did.isdecimal() and of.isdecimal()):
            return ""
        verb = "Archived" if self.query.get("bulk") == "archive" else "Validating"
        left = int(of) - int(did)
        rest = f" {left:,} stay as they are: their state does not allow it." if left > 0 else ""
        more = f" One press acts on at most {BULK_LIMIT}; press again for the rest." if int(of) == BULK_LIMIT else ""
        return f"{verb} {int(did):,} of {int(of):,} datasets.{rest}{more}"

    @staticmethod
    def _matching(pager: tables.Page, rows: Any, counted: dict[str, int], query: dict[str, str]) -> int:
        if not pager.next_url and not pager.first_url:
            return len(pager)
        if set(query) <= {"state", "sort"}:  # known from the counts
            states = query.get("state", "").split(",") if query.get("state") else set(counted) - {Status.ARCHIVED}
            return sum(counted.get(state, 0) for state in states)
        return rows.count()


def _groups(counted: dict[str, int], chosen: str) -> list[dict[str, Any]]:
    shown = []
    for label, states in GROUPS:
        within = states.split(",") if states else [state for state in counted if state != Status.ARCHIVED]
        number = sum(counted.get(state, 0) for state in within)
        shown.append({"label": label, "state": states, "count": number, "on": states == chosen})
    return shown


def _with_versions(rows: list[Dataset]) -> list[tuple[Dataset, DatasetVersion, str]]:
    newest = {version.dataset_id: version for version in listing.newest_of(rows)}
    return [(row, newest[row.id], _days(newest[row.id])) for row in rows]


def _days(version: DatasetVersion) -> str:
    if version.start_ns is None or version.end_ns is None:
        return ""
    return f"{figures.moment_ns(version.start_ns)[:10]} - {figures.moment_ns(version.end_ns)[:10]}"


def _cli(query: dict[str, str]) -> str:
    names = {"q": "search"}
    options = " ".join(f"--{names.get(name, name)} {shlex.quote(value)}" for name, value in query.items())
    return f"nexus dataset list {options}".strip()
