"""Where a version comes from and what was made of it: nodes and edges, from the first byte to the last report.

Other apps add their own nodes through functions named in settings.NEXUS_LINEAGE.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from datasets.models import DatasetVersion, ProvisionalScan, UploadSession
from tradenexus import ids

Node = dict[str, Any]
Edge = dict[str, Any]
DEPTH = 20


def of_version(version: DatasetVersion) -> dict[str, list[dict[str, Any]]]:
    """Return {nodes, edges} of a version: its ancestors, its descendants, their uploads, publications and backtests."""
    found = ancestors(version) + _descendants(version)
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    uploads = UploadSession.of(version.tenant_id).filter(version_id__in=[row.id for row in found])
    for upload in uploads.select_related("version", "scan"):
        nodes[upload.ref] = describe_upload(upload)
        edges.append(received(upload))
    for row in found:
        nodes[row.ref] = describe(row)
        if row.parent_id:
            edges.append(derived(row))
    return extend(version.tenant_id, nodes, edges)


def extend(tenant_id: UUID, nodes: dict[str, Node], edges: list[Edge]) -> dict[str, list[dict[str, Any]]]:
    """Let the other apps add what they know of the nodes, and return {nodes, edges}."""
    for path in settings.NEXUS_LINEAGE:
        more_nodes, more_edges = import_string(path)(tenant_id, list(nodes))
        nodes |= {node["id"]: node for node in more_nodes if node["id"] not in nodes}
        edges += more_edges
    return {"nodes": list(nodes.values()), "edges": edges}


def describe(version: DatasetVersion) -> Node:
    """Return the node of a version."""
    return {
        "id": version.ref,
        "kind": "version",
        "label": f"{version.dataset.name}@{version.number}",
        "digest": version.sha256 or None,
        "details": {
            "datasetId": version.dataset.ref,
            "version": version.number,
            "operation": version.operation,
            "status": version.status,
            "rows": version.row_count,
            "contentDigest": version.content_digest or None,
        },
    }


def describe_upload(upload: UploadSession) -> Node:
    """Return the node of an upload."""
    details: dict[str, Any] = {"sizeBytes": upload.length, "state": upload.state}
    scan: ProvisionalScan | None = getattr(upload, "scan", None)
    if scan is not None:  # whether its validation read it, or took over what was found while it came in
        details["provisionalScan"] = f"{scan.state}: {scan.reason}" if scan.reason else scan.state
    digest = upload.sha256 or None
    return {"id": upload.ref, "kind": "upload", "label": upload.filename, "digest": digest, "details": details}


def received(upload: UploadSession) -> Edge:
    """Return the edge from an upload to its version."""
    version = upload.target.ref
    return {"from": upload.ref, "to": version, "operation": "receive"}


def derived(version: DatasetVersion) -> Edge:
    """Return the edge to a version from the one it was made of."""
    parent = ids.encode(DatasetVersion.prefix, version.parent_id) if version.parent_id else ""
    return {"from": parent, "to": version.ref, "operation": version.operation, "params": version.params}


def ancestors(version: DatasetVersion) -> list[DatasetVersion]:
    """Return the versions that a version was made of, the first first, and itself last."""
    return ancestors_of([version])[version.id]


def ancestors_of(versions: Iterable[DatasetVersion]) -> dict[UUID, list[DatasetVersion]]:
    """Return by each version's id those that it was made of, the first first, and itself last; a query a generation."""
    chains = {version.id: [version] for version in versions}
    for _ in range(DEPTH - 1):
        above = {chain[-1].parent_id for chain in chains.values()} - {None}
        if not above:
            break
        tenant_id = next(iter(chains.values()))[0].tenant_id
        known = DatasetVersion.of(tenant_id).select_related("dataset").in_bulk(above)
        for chain in chains.values():
            if chain[-1].parent_id:
                chain.append(known[chain[-1].parent_id])
    return {key: chain[::-1] for key, chain in chains.items()}


def _descendants(version: DatasetVersion) -> list[DatasetVersion]:
    found: list[DatasetVersion] = []
    layer = [version.id]
    for _ in range(DEPTH):
        rows = DatasetVersion.of(version.tenant_id).select_related("dataset").filter(parent_id__in=layer)
        children = list(rows.order_by("number")[:200])
        if not children:
            break
        found += children
        layer = [row.id for row in children]
    return found
