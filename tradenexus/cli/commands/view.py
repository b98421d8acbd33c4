"""`nexus view`: names for filters of the list of datasets."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

import typer

from tradenexus.cli import filters, invocation, params
from tradenexus.cli.output import Column

app = params.noun("Saved views: names for filters of the list of datasets.")

COLUMNS = (
    Column("NAME", "name"),
    Column("FILTERS", "query"),
    Column("SHARED", "shared", drop=2),
    Column("MINE", "mine", drop=3),
    Column("ID", "id", drop=1),
)
Name = Annotated[str, typer.Argument(metavar="VIEW", help="Its name, or its view_... id.")]


@app.command("list")
def list_(ctx: typer.Context, limit: params.Limit = 200) -> None:
    """List your views and those shared with the workspace. One is opened with `nexus dataset list --view NAME`.

    Example: nexus view list
    """
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/views", limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} views - Web: {nx.web('datasets', 'views')}")


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    state: filters.State = None,
    kind: filters.Kind = None,
    symbol: filters.Symbol = None,
    vendor: filters.Vendor = None,
    asset_class: filters.AssetClass = None,
    resolution: filters.Resolution = None,
    owner: filters.Owner = None,
    freshness: filters.Freshness = None,
    query: filters.Search = None,
    sort: filters.Sort = None,
    shared: Annotated[bool, typer.Option("--shared", help="For the whole workspace.")] = False,
) -> None:
    """Save filters under a name. Example: nexus view create "ready bars" --state ready --kind bars"""
    nx = invocation.of(ctx)
    said = filters.said(vendor, asset_class, resolution)
    asked = said | filters.given(
        state=state, kind=kind, symbol=symbol, owner=owner, freshness=freshness, q=query, sort=sort
    )
    view = nx.client.post("/v1/views", {"name": name, "query": urlencode(asked), "shared": shared})["view"]
    nx.out.facts(view, COLUMNS, f"Web: {nx.web()}datasets/?{view['query']}")


@app.command()
def rename(ctx: typer.Context, view: Name, name: Annotated[str, typer.Argument(help="The new name.")]) -> None:
    """Give a view another name. Example: nexus view rename "ready bars" "fit for backtests\""""
    nx = invocation.of(ctx)
    found = filters.find(nx.client, view)
    nx.out.facts(nx.client.patch(f"/v1/views/{found['id']}", {"name": name})["view"], COLUMNS)


@app.command()
def delete(ctx: typer.Context, view: Name) -> None:
    """Delete a view; no dataset is touched. Asks first. Example: nexus view delete "ready bars\""""
    nx = invocation.of(ctx)
    found = filters.find(nx.client, view)
    nx.confirm(f"delete the view {found['name']!r}{', which the workspace shares' if found['shared'] else ''}?")
    nx.client.delete(f"/v1/views/{found['id']}")
    nx.out.note(f"deleted the view {found['name']!r}")
