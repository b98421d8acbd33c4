"""Lineage between versions and the lake: a version leads to the commits that took its rows in, a commit to the rows
that it refused, and these to the versions that fixes made of them.

Named in settings.NEXUS_LINEAGE and NEXUS_NEIGHBOURS.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from datasets import lineage
from datasets.lineage import Edge, Node
from datasets.models import DatasetVersion, LakeCommit, LakeQuarantine, UploadSession
from datasets.neighbourhood import Found, Way, cut, decoded
from tradenexus import ids

MOST = 500


def following(tenant_id: UUID, known: list[str]) -> tuple[list[Node], list[Edge]]:
    """Return the commits whose source is one of the known ids, newest first, at most 500; and what fixes connect."""
    versions = [ref for ref in known if ref.startswith(f"{DatasetVersion.prefix}_")]
    rows = LakeCommit.of(tenant_id).filter(source__in=versions).order_by("-created_at")[:MOST]
    nodes, edges = [describe(row) for row in rows], [taken(row) for row in rows]
    of_fixes = DatasetVersion.of(tenant_id).filter(quarantine__isnull=False)
    above = of_fixes.filter(id__in=decoded(DatasetVersion.prefix, versions))
    of_refused = list(above.select_related("quarantine__entry", "quarantine__commit")[:MOST])
    _refused(tenant_id, of_refused, nodes, edges)
    below = of_fixes.filter(quarantine__commit__in=[row.id for row in rows])
    made = list(below.select_related("dataset", "quarantine__entry", "quarantine__commit")[:MOST])
    for version in made:
        held = version.quarantine
        assert held is not None
        nodes += [describe_refused(held), lineage.describe(version)]
        edges += [refused(held), fixed(version)]
    entered = LakeCommit.of(tenant_id).filter(source__in=[version.ref for version in made])
    nodes += [describe(row) for row in entered]
    edges += [taken(row) for row in entered]
    return nodes, list({(edge["from"], edge["to"]): edge for edge in edges}.values())


def _refused(tenant_id: UUID, made: list[DatasetVersion], nodes: list[Node], edges: list[Edge]) -> None:
    """Add where versions made of refused rows come from, up to the upload or the vendor."""
    helds = {version.quarantine.id: version.quarantine for version in made if version.quarantine}
    wanted = decoded(DatasetVersion.prefix, [held.commit.source for held in helds.values()])
    known = {row.ref: row for row in DatasetVersion.of(tenant_id).select_related("dataset").filter(id__in=wanted)}
    chains = lineage.ancestors_of(known.values())
    edges += [fixed(version) for version in made]
    for held in helds.values():
        nodes += [describe_refused(held), describe(held.commit)]
        edges.append(refused(held))
        if held.commit.source in known:
            edges.append(taken(held.commit))
        else:
            vendor = held.vendor or "unknown"
            nodes.append({"id": f"vendor:{vendor}", "kind": "vendor", "label": vendor, "digest": None, "details": {}})
            edges.append({"from": f"vendor:{vendor}", "to": held.commit.ref, "operation": held.commit.operation})
    above = {row.id: row for chain in chains.values() for row in chain}
    nodes += [lineage.describe(row) for row in above.values()]
    edges += [lineage.derived(row) for row in above.values() if row.parent_id]
    for upload in UploadSession.of(tenant_id).filter(version_id__in=list(above)).select_related("version", "scan"):
        nodes.append(lineage.describe_upload(upload))
        edges.append(lineage.received(upload))


def beside(tenant_id: UUID, refs: Sequence[str], way: Way, fan: int, near: UUID | None) -> Found:
    """Return the commits below versions, and the versions above commits (datasets.neighbourhood.Neighbours)."""
    found, commits = Found(), LakeCommit.of(tenant_id).order_by("-created_at", "-id")
    named = commits.filter(id__in=decoded(LakeCommit.prefix, refs))
    if way == "self":
        found.nodes = {row.ref: describe(row) for row in named}
        held = LakeQuarantine.of(tenant_id).filter(id__in=decoded(LakeQuarantine.prefix, refs))
        found.nodes |= {row.ref: describe_refused(row) for row in held.select_related("entry")}
    elif way == "down":
        sources = [ref for ref in refs if ref.startswith(f"{DatasetVersion.prefix}_")]
        rows, totals = cut(commits, "source", sources, fan)
        found = Found({row.ref: describe(row) for row in rows}, [taken(row) for row in rows])
        found.totals.update(totals)
        _below_refused(tenant_id, found, refs, fan)
    else:
        _above(tenant_id, found, list(named), fan, near)
        _above_fixed(tenant_id, found, refs, fan)
    return found


def _below_refused(tenant_id: UUID, found: Found, refs: Sequence[str], fan: int) -> None:
    """Add the refused rows below commits that somebody fixed, and what was made of them."""
    made = DatasetVersion.of(tenant_id).select_related("dataset", "quarantine__entry", "quarantine__commit")
    commits, helds = decoded(LakeCommit.prefix, refs), decoded(LakeQuarantine.prefix, refs)
    known: set[str] = set()
    for version in made.filter(quarantine__commit__in=commits).order_by("-number", "-id"):
        held = version.quarantine
        assert held is not None
        if held.ref not in known:
            known.add(held.ref)
            _add(found, held.commit.ref, describe_refused(held), refused(held), fan)
    for version in made.filter(quarantine__in=helds).order_by("-number", "-id"):
        assert version.quarantine is not None
        _add(found, version.quarantine.ref, lineage.describe(version), fixed(version), fan)


def _above_fixed(tenant_id: UUID, found: Found, refs: Sequence[str], fan: int) -> None:
    """Add the refused rows above versions that were made of them, and the commits that refused rows."""
    made = DatasetVersion.of(tenant_id).filter(id__in=decoded(DatasetVersion.prefix, refs), quarantine__isnull=False)
    for version in made.select_related("quarantine__entry", "quarantine__commit"):
        assert version.quarantine is not None
        _add(found, version.ref, describe_refused(version.quarantine), fixed(version), fan)
    helds = LakeQuarantine.of(tenant_id).filter(id__in=decoded(LakeQuarantine.prefix, refs))
    for held in helds.select_related("entry", "commit"):
        _add(found, held.ref, describe(held.commit), refused(held), fan)


def _add(found: Found, asked: str, node: Node, edge: Edge, fan: int) -> None:
    if found.totals[asked] < fan:
        found.nodes[node["id"]] = node
        found.edges.append(edge)
    found.totals[asked] += 1


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


def describe_refused(held: LakeQuarantine) -> Node:
    """Return the node of refused rows; the entry must be at hand."""
    details = {"state": held.state, "rows": held.rows, "code": held.code, "vendor": held.vendor, "notes": held.notes}
    label = f"{held.entry} {held.session}, {held.code}"
    return {"id": held.ref, "kind": "quarantine", "label": label, "digest": held.sha256, "details": details}


def refused(held: LakeQuarantine) -> Edge:
    """Return the edge from a commit to rows that it kept out; the commit must be at hand."""
    return {"from": held.commit.ref, "to": held.ref, "operation": "quarantine"}


def fixed(version: DatasetVersion) -> Edge:
    """Return the edge from refused rows to a version that a fix made of them, with its recipe."""
    held = ids.encode(LakeQuarantine.prefix, version.quarantine_id) if version.quarantine_id else ""
    return {"from": held, "to": version.ref, "operation": version.operation, "params": version.params}
