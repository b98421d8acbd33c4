"""Lineage between versions and the lake: a version leads to the commits that took its rows in.

Named in settings.NEXUS_LINEAGE and NEXUS_NEIGHBOURS.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from datasets import lineage
from datasets.lineage import Edge, Node
from datasets.models import DatasetVersion, LakeCommit
from datasets.neighbourhood import Found, Way, cut, decoded

MOST = 500


def following(tenant_id: UUID, known: list[str]) -> tuple[list[Node], list[Edge]]:
    """Return the commits whose source is one of the known ids, newest first, at most 500."""
    versions = [ref for ref in known if ref.startswith(f"{DatasetVersion.prefix}_")]
    rows = LakeCommit.of(tenant_id).filter(source__in=versions).order_by("-created_at")[:MOST]
    return [describe(row) for row in rows], [taken(row) for row in rows]


def beside(tenant_id: UUID, refs: Sequence[str], way: Way, fan: int, near: UUID | None) -> Found:
    """Return the commits below versions, and the versions above commits (datasets.neighbourhood.Neighbours)."""
    found, commits = Found(), LakeCommit.of(tenant_id).order_by("-created_at", "-id")
    named = commits.filter(id__in=decoded(LakeCommit.prefix, refs))
    if way == "self":
        found.nodes = {row.ref: describe(row) for row in named}
    elif way == "down":
        sources = [ref for ref in refs if ref.startswith(f"{DatasetVersion.prefix}_")]
        rows, totals = cut(commits, "source", sources, fan)
        found = Found({row.ref: describe(row) for row in rows}, [taken(row) for row in rows])
        found.totals.update(totals)
    else:
        _above(tenant_id, found, list(named), fan, near)
    return found


def _above(tenant_id: UUID, found: Found, commits: list[LakeCommit], fan: int, near: UUID | None) -> None:
    wanted = decoded(DatasetVersion.prefix, [row.source for row in commits])
    rows = DatasetVersion.of(tenant_id).select_related("dataset").filter(id__in=wanted)
    if near:
        rows = rows.filter(dataset_id=near)
    known = {row.ref: row for row in rows}
    for commit in commits:
        if commit.source in known:
            found.totals[commit.ref] += 1
            if fan:
                found.nodes[commit.source] = lineage.describe(known[commit.source])
                found.edges.append(taken(commit))


def describe(commit: LakeCommit) -> Node:
    """Return the node of a commit."""
    first = [each["entry"] for each in commit.summary.get("first", [])]
    more = commit.summary.get("entries", len(first)) - 1
    label = f"{first[0]}{f' and {more} more' if more > 0 else ''}" if first else "the lake"
    details = {name: commit.summary.get(name) for name in ("added", "replaced", "quarantined", "entries")}
    return {"id": commit.ref, "kind": "lake", "label": label, "digest": None, "details": details}


def taken(commit: LakeCommit) -> Edge:
    """Return the edge from a commit's source to it."""
    return {"from": commit.source, "to": commit.ref, "operation": commit.operation}
