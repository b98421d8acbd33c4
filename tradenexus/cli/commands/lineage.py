"""`nexus lineage`: from the first byte to the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import downloads, invocation, params, references
from tradenexus.cli.failures import Usage
from tradenexus.cli.figures import cell
from tradenexus.cli.output import Column, dumps

app = params.verb()
EDGES = (
    Column("FROM", "from"),
    Column("OPERATION", "operation"),
    Column("TO", "to"),
    Column("PARAMETERS", "params", drop=1),
)


@app.command()
def lineage(
    ctx: typer.Context,
    ref: Annotated[
        str, typer.Argument(metavar="[export] REF", help="Dataset REF or bt_... id; of `export` also job_....")
    ],
    of: Annotated[str | None, typer.Argument(hidden=True)] = None,
    focus: Annotated[str | None, typer.Option("--focus", metavar="ID", help="Only around this node of it.")] = None,
    depth: Annotated[int | None, typer.Option("--depth", min=1, max=20, help="So many steps around the focus.")] = None,
    direction: Annotated[str | None, typer.Option("--direction", help="up, down or both.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Of `export`: file instead of stdout.")] = None,
) -> None:
    """Show what something was made from and what was made of it, with digests.

    `export` writes the OpenLineage run events of the jobs that made it, one a line, for a collector.

    Example: nexus lineage btc@published
    Example: nexus lineage btc --depth 1 --direction down
    Example: nexus lineage bt_...
    Example: nexus lineage export btc --out btc.ndjson
    """
    nx = invocation.of(ctx)
    if of is not None:
        if ref != "export" or focus or depth or direction:
            raise Usage(f"{ref!r} with {of!r}: only `export` takes another name", hint="nexus lineage export REF")
        _export(nx, of, out)
        return
    if out is not None:
        raise Usage("--out is for export", hint="nexus lineage export REF --out FILE")
    _show(nx, ref, {"focus": focus, "depth": depth, "dir": direction})


def _show(nx: invocation.Invocation, ref: str, around: dict[str, Any]) -> None:
    if ref.startswith("bt_"):
        if any(around.values()):
            raise Usage("--focus, --depth and --direction are for datasets", hint="nexus lineage REF --depth 1")
        page = ("backtests", references.typed(ref, "bt"))
        body = nx.client.get(f"/v1/backtests/{page[1]}/lineage")
    else:
        target = references.resolve(nx.client, ref)
        page = ("datasets", target.dataset_id)
        body = nx.client.get(f"{target.path}/lineage", {"version": target.version, **around})
    graph = body.get("lineage", body)
    if nx.out.structured:
        nx.out.document({"nodes": graph["nodes"], "edges": graph["edges"]})
    elif nx.out.mode == "tsv":
        nx.out.rows(graph["edges"], EDGES)
    else:
        for line in tree(graph["nodes"], graph["edges"]):
            nx.out.line(line)
    nx.out.note(f"Web: {nx.web(*page)}")


def _export(nx: invocation.Invocation, ref: str, out: Path | None) -> None:
    if ref.startswith("job_"):
        path, params = f"/v1/jobs/{references.typed(ref, 'job')}/openlineage", {}
    else:
        target = references.resolve(nx.client, ref)
        path, params = f"{target.path}/lineage", {"version": target.version, "format": "openlineage"}
    nx.out.raw("a list of run events")
    answer = nx.client.persistent("GET", path, params=params)
    if not answer.ok or not isinstance(answer.body, list):
        raise answer.failure("lineage export")
    events: list[dict[str, Any]] = answer.body
    if out is None:
        for event in events:
            nx.out.line(dumps(event))
        return
    downloads.check_target(out, replace=nx.options.yes)
    out.write_text("".join(dumps(event) + "\n" for event in events), "utf-8")
    nx.out.note(f"{len(events)} events written to {out}")


def tree(nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> list[str]:
    """Return the graph as indented lines, origins first; a node with several parents is written once and then named."""
    by_id = {node["id"]: node for node in nodes}
    children: dict[str, list[dict[str, Any]]] = {}
    for edge in edges:
        children.setdefault(edge["from"], []).append(edge)
    origins = [node["id"] for node in nodes if node["id"] not in {edge["to"] for edge in edges}]
    lines: list[str] = []
    seen: set[str] = set()
    stack = [(node_id, 0, "") for node_id in reversed(origins or list(by_id)[:1])]
    while stack:
        node_id, depth, how = stack.pop()
        again = node_id in seen
        lines.append(
            "  " * depth + (f"{how} -> " if how else "") + _name(by_id.get(node_id, {"id": node_id}), short=again)
        )
        if not again:
            seen.add(node_id)
            stack += [(e["to"], depth + 1, str(e.get("operation") or "")) for e in reversed(children.get(node_id, []))]
    return lines


def _name(node: dict[str, Any], *, short: bool) -> str:
    hidden = sum((node.get("hidden") or {}).values())
    parts = [str(node.get("kind") or ""), str(node.get("label") or ""), str(node["id"])]
    if node.get("digest") and not short:
        parts.append(f"sha256 {node['digest']}")
    if hidden and not short:
        parts.append(f"+{hidden:,} not shown")
    return cell("  ".join(part for part in parts if part) + ("  (see above)" if short else ""), human=True)
