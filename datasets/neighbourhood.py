"""The lineage around one node: a few steps up (what it was made of) and down (what was made of it), and how much more.

A node's neighbours are asked of whoever knows them: versions and uploads here, the rest of the functions that
settings.NEXUS_NEIGHBOURS names. Of a node with many neighbours only the newest `fan` of each kind are told, and their
number; the whole, bounded graph is `datasets.lineage`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import UUID

from django.conf import settings
from django.db.models import Count, QuerySet
from django.utils.module_loading import import_string

from datasets import lineage
from datasets.lineage import DEPTH, Edge, Node
from datasets.models import DatasetVersion, UploadSession
from tradenexus import db, ids
from tradenexus.errors import BadRequest, NotFound

Way = Literal["up", "down", "self"]
DIRECTIONS: dict[str, tuple[Way, ...]] = {"up": ("up",), "down": ("down",), "both": ("up", "down")}
FAN, MAX_FAN = 25, 500
MOST = 1_000  # nodes from which on nothing more is expanded
FOCUS_CHARACTERS = 300
_PATH_FAN = 200


class NotInLineage(NotFound):
    """The node is not part of this version's lineage. Take one that its lineage tells."""

    code = "NOT_IN_LINEAGE"


@dataclass
class Found:
    """Nodes by id, the edges to them, and how many neighbours each id that was asked about has."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)

    def add(self, more: Found) -> None:
        """Take what is not known yet."""
        self.nodes |= {key: node for key, node in more.nodes.items() if key not in self.nodes}
        known = {(edge["from"], edge["to"], edge["operation"]) for edge in self.edges}
        for edge in more.edges:
            if (ends := (edge["from"], edge["to"], edge["operation"])) not in known:
                known.add(ends)
                self.edges.append(edge)
        self.totals += more.totals


class Neighbours(Protocol):
    """Who knows neighbours: of each id the newest `fan` of a kind, none but their number where `fan` is 0.

    The ids are known to be the workspace's, but for `self`: it asks for the nodes of ids that a person may have named.
    With `near`, only what touches that dataset.
    """

    def __call__(self, tenant_id: UUID, refs: Sequence[str], way: Way, fan: int, near: UUID | None) -> Found:
        """Return the neighbours."""


def of(
    version: DatasetVersion, focus: str = "", depth: int = 1, direction: str = "both", fan: int = FAN
) -> dict[str, Any]:
    """Return {focus, path, nodes, edges}: the way from the version to the focus, and what is `depth` steps around it.

    Each node carries `neighbours` and `hidden`, {up, down}: how many it has, how many are not told here. NotInLineage.
    """
    tenant_id, focus = version.tenant_id, focus or version.ref
    found = _way(version, focus)
    path = list(found.nodes)
    for way in DIRECTIONS[direction]:
        _spread(tenant_id, found, focus, way, depth, fan)
    told = list(found.nodes)
    ends: tuple[tuple[Way, str, str], ...] = (("up", "to", "from"), ("down", "from", "to"))
    for way, near, far in ends:
        totals = _beside(tenant_id, told, way, 0).totals
        shown = Counter(end for end, _ in {(edge[near], edge[far]) for edge in found.edges})
        for key in told:
            found.nodes[key].setdefault("neighbours", {})[way] = max(totals[key], shown[key])
            found.nodes[key].setdefault("hidden", {})[way] = max(0, totals[key] - shown[key])
    return {"focus": focus, "path": path, "nodes": list(found.nodes.values()), "edges": found.edges}


def asked(query: Mapping[str, str]) -> dict[str, Any]:
    """Return focus, depth, direction and fan as a query string gives them, without those it leaves out. BadRequest."""
    given = {name: query[name] for name in ("focus", "depth", "dir", "fan") if query.get(name)}
    around: dict[str, Any] = {}
    if focus := given.get("focus"):
        if "\0" in focus or len(focus) > FOCUS_CHARACTERS:
            raise BadRequest("focus must be the id of a node", {"fields": {"focus": [focus[:64]]}})
        around["focus"] = focus
    for name, most in (("depth", DEPTH), ("fan", MAX_FAN)):
        if name in given:
            around[name] = _number(name, given[name], most)
    if "dir" in given:
        if given["dir"] not in DIRECTIONS:
            raise BadRequest(f"dir must be {', '.join(DIRECTIONS)}", {"fields": {"dir": [given["dir"][:32]]}})
        around["direction"] = given["dir"]
    return around


def _number(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= most):
        raise BadRequest(f"{name} must be a whole number from 1 to {most}", {"fields": {name: [text[:32]]}})
    return int(text)


def cut(
    rows: QuerySet[Any], column: str, keys: Iterable[Any], fan: int, count: str = "pk"
) -> tuple[list[Any], dict[Any, int]]:
    """Return the first `fan` rows for each key of a column, and how many there are; four queries for a hundred keys."""
    keys = list(keys)
    if not keys:
        return [], {}
    mine = rows.filter(**{f"{column}__in": keys})
    totals = dict(mine.order_by().values_list(column).annotate(Count(count, distinct=count != "pk")))
    if not fan:
        return [], totals
    short = [key for key, total in totals.items() if total <= fan]
    found = list(rows.filter(**{f"{column}__in": short})) if short else []
    long = totals.keys() - set(short)
    # by id first: a database that sorts whole rows takes ten times as long
    cut_off = set().union(*db.keys_of([rows.filter(**{column: key})[:fan] for key in long]))
    return found + (list(rows.filter(pk__in=cut_off)) if cut_off else []), totals


def decoded(prefix: str, refs: Iterable[str]) -> list[UUID]:
    """Return the ids among the references that have the prefix; what is none is left out."""
    found = []
    for ref in refs:
        with suppress(ValueError):
            found.append(ids.decode(prefix, ref))
    return found


def _beside(tenant_id: UUID, refs: Sequence[str], way: Way, fan: int, near: UUID | None = None) -> Found:
    found = Found()
    for knows in (_own, *map(import_string, settings.NEXUS_NEIGHBOURS)):
        found.add(knows(tenant_id, refs, way, fan, near))
    return found


def _spread(tenant_id: UUID, found: Found, focus: str, way: Way, depth: int, fan: int) -> None:
    layer, seen = [focus], {focus}
    for _ in range(depth):
        room = max(1, (MOST - len(found.nodes)) // fan)
        if not layer or (len(found.nodes) >= MOST and layer != [focus]):
            return
        more = _beside(tenant_id, layer[:room], way, fan)
        found.add(more)
        layer = [key for key in more.nodes if key not in seen]
        seen |= set(layer)


def _way(version: DatasetVersion, focus: str) -> Found:
    """The nodes from the version to the focus, in this order, and their edges: over what both were made of."""
    start = Found({version.ref: lineage.describe(version)})
    if focus == version.ref:
        return start
    start.nodes |= _beside(version.tenant_id, [focus], "self", 1).nodes
    if focus not in start.nodes:
        raise NotInLineage(f"{focus[:80]} is not part of this version's lineage")
    own, theirs = _Climb(version, version.ref), _Climb(version, focus)
    met = next((key for key in theirs.came if key in own.came), None)
    if met is None:
        raise NotInLineage(f"{start.nodes[focus]['label']} is not part of this version's lineage")
    there, back = own.steps(met), theirs.steps(met)
    known = {**theirs.found.nodes, **own.found.nodes, **start.nodes}
    order = dict.fromkeys([*_keys(there, version.ref), *reversed(_keys(back, focus))])
    edges = [step for _, step in (*there, *back)]
    return Found({key: known[key] for key in order}, [edge for at, edge in enumerate(edges) if edge not in edges[:at]])


def _keys(steps: list[tuple[str, Edge]], start: str) -> list[str]:
    return [start, *(key for key, _ in steps)]


class _Climb:
    """All that one node was made of; `came` leads from each to the node below it, by an edge."""

    def __init__(self, version: DatasetVersion, start: str):
        self.found = Found()
        self.came: dict[str, tuple[str, Edge] | None] = {start: None}
        layer, near = [start], version.dataset_id
        for level in range(DEPTH):
            above = _beside(version.tenant_id, layer, "up", _PATH_FAN, near)
            if not level and not above.nodes and not start.startswith(f"{DatasetVersion.prefix}_"):
                # Nothing is above an upload or a strategy: they are met through what they led to.
                above = _beside(version.tenant_id, layer, "down", _PATH_FAN, near)
            layer = self._take(above)
            if not layer:
                break

    def _take(self, above: Found) -> list[str]:
        self.found.add(above)
        fresh: dict[str, tuple[str, Edge]] = {}
        for edge in above.edges:
            for here, there in ((edge["to"], edge["from"]), (edge["from"], edge["to"])):
                if here in self.came and there in above.nodes and there not in self.came:
                    fresh.setdefault(there, (here, edge))
        self.came |= fresh
        return list(fresh)

    def steps(self, end: str) -> list[tuple[str, Edge]]:
        """The nodes after the start up to `end`, each with the edge that led to it."""
        found: list[tuple[str, Edge]] = []
        at = end
        while (came := self.came[at]) is not None:
            found.append((at, came[1]))
            at = came[0]
        return found[::-1]


def _own(tenant_id: UUID, refs: Sequence[str], way: Way, fan: int, near: UUID | None) -> Found:
    found = Found()
    versions, uploads = decoded(DatasetVersion.prefix, refs), decoded(UploadSession.prefix, refs)
    rows = DatasetVersion.of(tenant_id).select_related("dataset")
    sent = UploadSession.of(tenant_id).select_related("version__dataset", "scan")
    if way == "self":
        found.nodes = {row.ref: lineage.describe(row) for row in rows.filter(id__in=versions)}
        found.nodes |= {row.ref: lineage.describe_upload(row) for row in sent.filter(id__in=uploads)}
    elif way == "down":
        _children(found, versions, fan)
        for one in sent.filter(id__in=uploads, version__isnull=False):  # a part of a file has none
            _single(found, one.ref, lineage.describe(one.target), lineage.received(one), fan)
    else:
        for row in rows.filter(id__in=versions).select_related("parent__dataset"):
            if row.parent:
                _single(found, row.ref, lineage.describe(row.parent), lineage.derived(row), fan)
        for one in sent.filter(version_id__in=versions):
            _single(found, one.target.ref, lineage.describe_upload(one), lineage.received(one), fan)
    return found


def _children(found: Found, versions: list[UUID], fan: int) -> None:
    # Not asked by workspace too: SQLite would then read all its versions instead of those below a parent.
    rows = DatasetVersion.everyone.select_related("dataset").order_by("-number")
    children, totals = cut(rows, "parent_id", versions, fan)
    for row in children:
        found.nodes[row.ref] = lineage.describe(row)
        found.edges.append(lineage.derived(row))
    found.totals += Counter({ids.encode(DatasetVersion.prefix, key): total for key, total in totals.items()})


def _single(found: Found, asked: str, node: Node, edge: Edge, fan: int) -> None:
    found.totals[asked] += 1
    if fan:
        found.nodes[node["id"]] = node
        found.edges.append(edge)
