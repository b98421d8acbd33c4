"""Where a dataset comes from and what became of it: lineage, versions, differences, publications, activity."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, QueryDict

from datasets import activity, neighbourhood, versions
from datasets.models import DatasetVersion
from datasets.pages.frame import DatasetPage
from datasets.transforms import recipe
from tradenexus.errors import BadRequest
from tradenexus.tenancy.models import User
from tradenexus.web import copy, figures, tables

_DIRECTIONS = (("both", "above and below"), ("up", "above: what it was made of"), ("down", "below: what became of it"))
_DEPTHS = (1, 2, 3, 5)
_WIDER = 4 * neighbourhood.FAN  # what one page draws well
_PAGES = {
    "upload": "/uploads/{}/",
    "publication": "/publishes/{}/",
    "backtest": "/backtests/{}/",
    "quarantine": "/lakehouse/quarantine/{}/",
    "snapshot": "/lakehouse/snapshots/{}/",
    "files": "/jobs/{}/",
}


class Lineage(DatasetPage):
    """The lineage around one node, as a list, drawn by the browser; `+n` leads on, in place where scripts run."""

    tab = "lineage"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the nodes around the focus, each with its address, what was made of it, and how many are not shown."""
        self.around = neighbourhood.asked(self.query)
        graph = neighbourhood.of(self.version, **self.around)
        labels = {node["id"]: node["label"] for node in graph["nodes"]}
        made: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for edge in graph["edges"]:
            steps = (edge.get("params") or {}).get("steps") or []
            told = {"operation": edge["operation"], "label": labels[edge["to"]]}
            made[edge["from"]].append(told | {"recipe": [recipe.words(step) for step in steps]})
        nodes = [self._node(node, made[node["id"]], graph) for node in graph["nodes"]]
        names = ("id", "kind", "label", "url", "note", "state", "on_path", "neighbours", "more")
        edges = [{"from": edge["from"], "to": edge["to"], "operation": edge["operation"]} for edge in graph["edges"]]
        drawn = [{name: node[name] for name in names} for node in nodes]
        return {
            "nodes": nodes,
            "graph": {"nodes": drawn, "edges": edges, "focus": graph["focus"]},
            "focus": {"id": graph["focus"], "label": labels[graph["focus"]]},
            "depth": self.around.get("depth", 1),
            "direction": self.around.get("direction", "both"),
            "directions": _DIRECTIONS,
            "depths": sorted({*_DEPTHS, self.around.get("depth", 1)}),
            "whole_url": self.twin(self.tab)["twin"],
            "twin": self._twin(),
            "openlineage_url": self._events(),
        }

    def _events(self) -> str:
        return f"/v1/datasets/{self.dataset.ref}/lineage?version={self.version.number}&format=openlineage"

    def _twin(self) -> str:
        query = self.query.copy()
        query.setdefault("depth", "1")
        if self.pinned:
            query["version"] = str(self.version.number)
        return f"/v1/datasets/{self.dataset.ref}/lineage?{query.urlencode()}"

    def _node(self, node: dict[str, Any], made: list[dict[str, Any]], graph: dict[str, Any]) -> dict[str, Any]:
        details = node.get("details") or {}
        state = str(details.get("status") or details.get("state") or "")
        rows = details.get("rows")
        return {
            "id": node["id"],
            "kind": node["kind"],
            "label": node["label"],
            "digest": node.get("digest"),
            "state": state,
            "note": f"{figures.number(rows)} rows" if rows is not None else state.replace("_", " "),
            "url": _address(node, details),
            "made": made,
            "here": node["id"] == self.version.ref,
            "focused": node["id"] == graph["focus"],
            "on_path": node["id"] in graph["path"],
            "neighbours": node["neighbours"],
            "more": {way: self._more(node, way, graph["focus"]) for way in ("up", "down")},
        }

    def _more(self, node: dict[str, Any], way: str, focus: str) -> dict[str, Any]:
        """How many neighbours are not shown, and where they are; the focus itself tells more of them once."""
        hidden, fan = node["hidden"][way], self.around.get("fan", neighbourhood.FAN)
        asked = self.around.get("direction", "both") in (way, "both")
        wider = _WIDER if node["id"] == focus and asked else neighbourhood.FAN
        if node["id"] == focus and asked and fan >= wider:
            return {"hidden": hidden, "url": ""}
        query = QueryDict(mutable=True)
        query["focus"], query["depth"] = node["id"], "1"
        if wider != neighbourhood.FAN:
            query["fan"] = str(wider)
        return {"hidden": hidden, "url": f"{self.base}lineage/?{query.urlencode()}"}


def _address(node: dict[str, Any], details: dict[str, Any]) -> str:
    if node["kind"] == "version":
        return f"/datasets/{details['datasetId']}/v/{details['version']}/"
    if node["kind"] == "entry":
        return f"/lakehouse/{details['table']}/{quote(details['instrument'], safe=':')}/"
    if node["kind"] == "export":
        return f"/exports/{details['night']}/"
    return _PAGES[node["kind"]].format(node["id"]) if node["kind"] in _PAGES else ""


class VersionList(DatasetPage):
    """All versions of a dataset, newest first; two of them can be compared."""

    tab = "versions"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return a page of versions with the rows each has more than its parent."""
        asked = [self.query.get(name, "") for name in ("a", "b")]
        rows = DatasetVersion.of(self.actor.tenant_id).filter(dataset=self.dataset)
        pager = tables.page(self.request, rows.select_related("parent", "created_by"), ("-number",))
        listed = [(row, _delta(row)) for row in pager.items]
        chosen = asked if all(asked) else [str(row.number) for row in pager.items[:2]][::-1]
        return {"pager": pager, "rows": listed, "chosen": chosen, "comparable": len(pager.items) > 1}


def _delta(row: DatasetVersion) -> str:
    if row.parent is None or row.row_count is None or row.parent.row_count is None:
        return ""
    return f"{row.row_count - row.parent.row_count:+,}"


class Choose(DatasetPage):
    """Leads from the form of two versions to their differences."""

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Redirect to the page of the two numbers."""
        self.locate(**kwargs)
        a, b = (versions.of_dataset(self.dataset, self.query.get(name) or None) for name in ("a", "b"))
        return self.done(f"/datasets/{self.dataset.ref}/diff/{a.number}...{b.number}")


class Diff(DatasetPage):
    """Two versions side by side."""

    tab = "versions"
    fragment = "datasets/_diff.html"
    live = False

    def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Show the two versions that the address names as a...b."""
        first, dots, second = kwargs["span"].partition("...")
        if not dots:
            raise BadRequest("name two versions as a...b")
        self.locate(kwargs["ref"])
        self.span = kwargs["span"]
        self.a, self.b = (versions.of_dataset(self.dataset, number) for number in (first, second))
        return self.render(self.framed(self.context()))

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the facts of both, those that differ marked, and the symbols only one of them has."""
        facts = [(label, show(self.a), show(self.b)) for label, show in FACTS]
        path = f"/v1/datasets/{self.dataset.ref}/diff/{self.span}"
        both = self.a.row_count is not None and self.b.row_count is not None
        same = bool(self.a.content_digest) and self.a.content_digest == self.b.content_digest
        return {
            "a": self.a,
            "b": self.b,
            "facts": [(label, left, right, left != right) for label, left, right in facts],
            "identical": same,
            "rows_delta": f"{(self.b.row_count or 0) - (self.a.row_count or 0):+,}" if both else "",
            "added": sorted(set(self.b.symbols) - set(self.a.symbols)),
            "removed": sorted(set(self.a.symbols) - set(self.b.symbols)),
            "copy": copy.commands("GET", path, cli=f"nexus dataset diff {self._ref(self.a)} {self._ref(self.b)}"),
            "twin": path,
        }

    def _ref(self, version: DatasetVersion) -> str:
        return f"{self.dataset.ref}@{version.number}"


FACTS = (
    ("State", lambda v: v.status),
    ("Made by", lambda v: v.operation),
    ("Kind", lambda v: v.kind or figures.NOTHING),
    ("Interval", lambda v: v.interval or figures.NOTHING),
    ("Rows", lambda v: figures.number(v.row_count)),
    ("First row", lambda v: figures.moment_ns(v.start_ns)),
    ("Last row", lambda v: figures.moment_ns(v.end_ns)),
    ("Symbols", lambda v: figures.number(len(v.symbols))),
    ("Grade", lambda v: v.grade or figures.NOTHING),
    ("Score", lambda v: figures.number(v.score)),
    ("Size", lambda v: f"{v.size_bytes:,} bytes"),
    ("SHA-256", lambda v: v.sha256 or figures.NOTHING),
    ("Content digest", lambda v: v.content_digest or figures.NOTHING),
)


class Publish(DatasetPage):
    """What of a version is at the provider; the part belongs to the publishing app and is asked for by address."""

    tab = "publish"
    live = False
    bare = True

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return the address of the part."""
        return {"part_url": f"/publishes/_version/{self.version.ref}/"}


class Activity(DatasetPage):
    """What happened to a dataset and its versions, from the audit trail."""

    tab = "activity"

    def context(self, **kwargs: Any) -> dict[str, Any]:
        """Return a page of audit entries, newest first, with the people named."""
        own = {self.version.ref: f"v{self.version.number}"}
        subjects = own if self.pinned else activity.subjects_of(self.dataset)
        pager = tables.page(self.request, activity.entries(self.dataset, list(subjects)), ("-seq",))
        people = User.objects.in_bulk({entry.user_id for entry in pager.items if entry.user_id})
        listed = [(entry, subjects[entry.subject], people.get(entry.user_id)) for entry in pager.items]
        untold = self.dataset.version - activity.TOLD if not self.pinned else 0
        return {"pager": pager, "entries": listed, "untold": max(0, untold)}
