"""`nexus publication`: what is at the provider, and whether its record agrees with ours."""

from __future__ import annotations

from typing import Annotated

import typer

from tradenexus.cli import invocation, params, references, waiting
from tradenexus.cli.output import Column

app = params.noun("Publications to Lona.")

COLUMNS = (
    Column("ID", "id"),
    Column("DATASET", "datasetId", drop=3),
    Column("VERSION", "version", right=True, drop=2),
    Column("STATE", "state|status", state=True),
    Column("SYMBOL AT LONA", "lonaSymbolId|providerDataId"),
    Column("NAME", "name", drop=1),
    Column("FROM", "slice.start", drop=5),
    Column("TO", "slice.end", drop=5),
    Column("ROWS", "rowCount|rows", right=True, drop=4),
    Column("PROVIDER", "provider", drop=6),
)
FACTS = (
    *(Column(c.title.lower(), c.path, state=c.state) for c in COLUMNS),
    Column("mode", "mode"),
    Column("reused", "reused"),
    Column("digest", "contentDigest|sha256"),
    Column("job", "job.id"),
    Column("error", "error.message"),
    Column("created", "createdAt"),
)
MAPPINGS = (
    Column("STATE", "state|status", state=True),
    Column("DATASET", "datasetId", drop=2),
    Column("VERSION", "version", right=True, drop=1),
    Column("SYMBOL AT LONA", "lonaSymbolId"),
    Column("NAME", "name", drop=3),
    Column("LAST RECONCILED", "reconciledAt", drop=4),
    Column("WHY", "reason", drop=5),
)
SYMBOLS = (
    Column("ID", "id|lonaSymbolId"),
    Column("NAME", "name"),
    Column("FREQUENCIES", "frequencies", drop=2),
    Column("FROM", "dataRange.start|timeRange.start", drop=3),
    Column("TO", "dataRange.end|timeRange.end", drop=3),
    Column("PROVIDER", "provider", drop=4),
    Column("GLOBAL", "isGlobal", drop=1),
)


@app.command("list")
def list_(ctx: typer.Context, limit: params.Limit = 50) -> None:
    """List publications. Example: nexus publication list"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/publications", limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} publications - Web: {nx.web('publishes')}")


@app.command()
def show(ctx: typer.Context, publication: Annotated[str, typer.Argument(metavar="PUB", help="pub_... id")]) -> None:
    """Show one publication. Example: nexus publication show pub_..."""
    nx = invocation.of(ctx)
    body = nx.client.get(f"/v1/publications/{references.typed(publication, 'pub')}")
    item = body.get("publication", body)
    nx.out.facts(item, FACTS, f"Web: {nx.web('publishes', item['id'])}")


@app.command()
def mapping(ctx: typer.Context, limit: params.Limit = 200) -> None:
    """List which version is which symbol at the provider, and whether both records agree.

    Example: nexus publication mapping
    """
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/mappings", limit=limit))
    nx.out.rows(items, MAPPINGS, f"{len(items)} mappings - Web: {nx.web('publishes', 'mapping')}")


@app.command()
def reconcile(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    wait: params.Wait = False,
) -> None:
    """Compare our record with the provider's, both ways, and mend ours. Asks first unless --dry-run.

    Example: nexus publication reconcile --dry-run
    """
    nx = invocation.of(ctx)
    if not dry_run:
        nx.confirm("change our record where it differs from the provider's? (--dry-run shows how)")
    body = nx.client.post("/v1/mappings:reconcile", {"dryRun": dry_run}, patience_s=waiting.PATIENCE_S)
    if body.get("job"):
        body["job"] = waiting.finish(nx, body["job"], what="reconcile") if wait or dry_run else body["job"]
        body = body | (body["job"].get("result") or {})
    if nx.out.structured:
        nx.out.document(body)
        return
    if body.get("job") and not (wait or dry_run):
        waiting.announce(nx, body["job"])
    nx.out.rows(
        body.get("items") or body.get("changes") or [], MAPPINGS, "dry run: nothing was changed" if dry_run else ""
    )


@app.command()
def symbols(
    ctx: typer.Context,
    global_: Annotated[bool, typer.Option("--global", help="The provider's own symbols, not ours.")] = False,
    limit: params.Limit = 200,
) -> None:
    """List symbols at the provider. Example: nexus publication symbols --global"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/lona/symbols", {"scope": "global" if global_ else "mine"}, limit=limit))
    nx.out.rows(items, SYMBOLS, f"{len(items)} symbols - Web: {nx.web('publishes', 'mapping')}")
