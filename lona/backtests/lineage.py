"""Lineage at the provider: version -> publication -> symbol -> backtest -> report, and strategy -> backtest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from datasets import lineage
from datasets.models import DatasetVersion
from lona.models import Backtest, BacktestInput, Publication
from tradenexus import ids

Node = dict[str, Any]
Edge = dict[str, Any]


def following(tenant_id: UUID, known: list[str]) -> tuple[list[Node], list[Edge]]:
    """Return the nodes and edges that follow from the versions among the ids."""
    versions = _decoded(DatasetVersion.prefix, known)
    publications = list(
        Publication.of(tenant_id).filter(version_id__in=versions).select_related("version").order_by("created_at")[:500]
    )
    inputs = _inputs(tenant_id, BacktestInput.objects.filter(version_id__in=versions))
    return drawn(publications, inputs, {part.backtest_id: part.backtest for part in inputs}.values())


def of_backtest(row: Backtest) -> dict[str, list[dict[str, Any]]]:
    """Return {nodes, edges} of one backtest: only what led to it, from the first byte to the report."""
    inputs = _inputs(row.tenant_id, BacktestInput.objects.filter(backtest=row))
    publications = [part.publication for part in inputs if part.publication]
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for version in {part.version_id: part.version for part in inputs}.values():
        whole = lineage.of_version(version)
        kept = _leading_to(whole, version.ref)
        nodes |= {node["id"]: node for node in whole["nodes"] if node["id"] in kept}
        edges += [edge for edge in whole["edges"] if edge["to"] in kept and edge not in edges]
    own_nodes, own_edges = drawn(publications, inputs, [row])
    nodes |= {node["id"]: node for node in own_nodes}
    return {"nodes": list(nodes.values()), "edges": edges + [edge for edge in own_edges if edge not in edges]}


def _leading_to(whole: dict[str, Any], target: str) -> set[str]:
    kept, growing = {target}, True
    while growing:
        before = {edge["from"] for edge in whole["edges"] if edge["to"] in kept} - kept
        kept |= before
        growing = bool(before)
    return kept


def _inputs(tenant_id: UUID, rows: Any) -> list[BacktestInput]:
    related = ("version__dataset", "publication__version", "backtest__strategy")
    mine = rows.filter(backtest__tenant_id=tenant_id).select_related(*related)
    curves = ("backtest__equity", "backtest__drawdown", "backtest__trades")
    return list(mine.defer(*curves).order_by("backtest__created_at", "place")[:500])


def drawn(
    publications: Iterable[Publication], inputs: Iterable[BacktestInput], backtests: Iterable[Backtest]
) -> tuple[list[Node], list[Edge]]:
    """Return the nodes of publications and backtests with what hangs on each, and all their edges."""
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for row in publications:
        _publication(row, nodes, edges)
    for part in inputs:
        symbol = part.publication.lona_symbol_id if part.publication else ""
        source = f"lona:{symbol}" if symbol else part.version.ref
        edge = {"from": source, "to": part.backtest.ref, "operation": "read"}
        if edge not in edges:
            edges.append(edge)
    for backtest in backtests:
        _backtest(backtest, nodes, edges)
    return list(nodes.values()), edges


def _publication(row: Publication, nodes: dict[str, Node], edges: list[Edge]) -> None:
    details = {"state": row.state, "rows": row.rows, "contentHash": row.content_hash or None, "mode": row.mode}
    label = row.symbol_name or row.instrument
    nodes[row.ref] = _node(row.ref, "publication", label, row.csv_sha256, {**details, "provider": row.provider})
    edges.append({"from": row.version.ref, "to": row.ref, "operation": "publish"})
    if row.lona_symbol_id:
        symbol = f"lona:{row.lona_symbol_id}"
        nodes[symbol] = _node(symbol, "symbol", row.symbol_name, row.content_hash, {"provider": row.provider})
        edges.append({"from": row.ref, "to": symbol, "operation": "store"})


def _backtest(row: Backtest, nodes: dict[str, Node], edges: list[Edge]) -> None:
    strategy = row.strategy
    details = {"status": row.status, "provider": row.provider, "metrics": row.metrics or {}}
    label = f"{strategy.name} {row.start_date}..{row.end_date}"
    nodes[row.ref] = _node(row.ref, "backtest", label, None, details)
    nodes[strategy.ref] = _node(
        strategy.ref, "strategy", strategy.name, strategy.code_sha256, {"lonaStrategyId": strategy.lona_strategy_id}
    )
    edges.append({"from": strategy.ref, "to": row.ref, "operation": "run", "params": row.parameters})
    for data_id in row.data_ids:
        symbol = f"lona:{data_id}"
        nodes.setdefault(symbol, _node(symbol, "symbol", data_id, None, {"provider": row.provider}))
        edges.append({"from": symbol, "to": row.ref, "operation": "read"})
    if row.report_id:
        report = f"report:{row.report_id}"
        nodes[report] = _node(report, "report", row.report_id, None, {"provider": row.provider})
        edges.append({"from": row.ref, "to": report, "operation": "report"})


def _node(key: str, kind: str, label: str, digest: str | None, details: dict[str, Any]) -> Node:
    return {"id": key, "kind": kind, "label": label, "digest": digest or None, "details": details}


def _decoded(prefix: str, refs: Iterable[str]) -> list[UUID]:
    return [ids.decode(prefix, ref) for ref in refs if ref.startswith(f"{prefix}_")]
