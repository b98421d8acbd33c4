"""`nexus dataset`: what is there, in which versions, and the bytes themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradenexus.cli import filters, heatmap, invocation, params, preview, references
from tradenexus.cli.failures import Usage
from tradenexus.cli.output import Column

app = params.noun("Datasets and their versions.")


COLUMNS = (
    Column("NAME", "name|filename"),
    Column("VERSION", "version", right=True),
    Column("STATUS", "status", state=True),
    Column("KIND", "kind", drop=3),
    Column("SYMBOLS", "symbols", drop=5),
    Column("FROM", "timeRange.start", drop=6),
    Column("TO", "timeRange.end", drop=6),
    Column("GRADE", "grade", drop=2, state=True),
    Column("ROWS", "rowCount", drop=4, right=True),
    Column("SIZE", "sizeBytes", drop=7, right=True),
    Column("ID", "id", drop=1),
)
FACTS = (
    Column("id", "id"),
    Column("name", "name"),
    Column("filename", "filename"),
    Column("version", "version|number"),
    Column("version id", "versionId"),
    Column("status", "status", state=True),
    Column("kind", "kind"),
    Column("interval", "interval"),
    Column("vendor", "vendor"),
    Column("asset class", "assetClass"),
    Column("grade", "grade", state=True),
    Column("score", "score"),
    Column("symbols", "symbols"),
    Column("from", "timeRange.start"),
    Column("to", "timeRange.end"),
    Column("rows", "rowCount"),
    Column("size bytes", "sizeBytes"),
    Column("sha256", "sha256"),
    Column("provider id", "providerDataId"),
    Column("job", "job.id"),
    Column("created", "createdAt"),
    Column("updated", "updatedAt"),
)
STATS = (
    Column("COLUMN", "name"),
    Column("TYPE", "type", drop=2),
    Column("EMPTY", "nulls", right=True),
    Column("LEAST", "min", right=True),
    Column("GREATEST", "max", right=True),
    Column("SHAPE", "shape", drop=1),
)
VERSIONS = (
    Column("VERSION", "number|version", right=True),
    Column("STATUS", "status", state=True),
    Column("KIND", "kind", drop=3),
    Column("MADE BY", "operation", drop=2),
    Column("PARENT", "parentId|parent", drop=5),
    Column("GRADE", "grade", state=True, drop=2),
    Column("ROWS", "rowCount", right=True, drop=1),
    Column("CREATED", "createdAt", drop=4),
    Column("SHA-256", "sha256", drop=6),
)

Symbol = Annotated[str | None, typer.Option(help="Which symbol; the first unless told.")]


@app.command("list")
def list_(
    ctx: typer.Context,
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
    view: filters.View = None,
    limit: params.Limit = 50,
) -> None:
    """List datasets, newest first. Example: nexus dataset list --state ready --json=id,name"""
    nx = invocation.of(ctx)
    said = filters.said(vendor, asset_class, resolution)
    asked = said | filters.given(
        state=state, kind=kind, symbol=symbol, owner=owner, freshness=freshness, q=query, sort=sort
    )
    items = list(nx.client.pages("/v1/datasets", filters.with_view(nx.client, asked, view), limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} datasets - Web: {nx.web('datasets')}")


@app.command()
def show(ctx: typer.Context, ref: params.Ref) -> None:
    """Show a dataset, or the version a REF pins. Example: nexus dataset show btc@published --json"""
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    item = (
        nx.client.get(target.path)["dataset"]
        if target.version is None
        else references.pinned(nx.client, str(target))[1]
    )
    nx.out.facts(item, FACTS, f"Web: {_page(nx, target)}")


@app.command()
def describe(
    ctx: typer.Context, ref: params.Ref, vendor: params.Vendor = None, asset_class: params.AssetClass = None
) -> None:
    """Say where a dataset was got and what is traded in it; an empty text takes it back.

    Example: nexus dataset describe btc --vendor binance --asset-class crypto
    """
    nx = invocation.of(ctx)
    said = {"vendor": vendor, "assetClass": asset_class}
    body = {name: value for name, value in said.items() if value is not None}
    if not body:
        raise Usage("what is to be said?", hint="--vendor TEXT, --asset-class CLASS")
    target = references.resolve(nx.client, ref)
    item = nx.client.patch(f"/v1/datasets/{target.dataset_id}", body)["dataset"]
    nx.out.facts(item, FACTS, f"Web: {nx.web('datasets', target.dataset_id)}")


@app.command()
def versions(ctx: typer.Context, ref: params.Ref, limit: params.Limit = 200) -> None:
    """List the versions of a dataset. Example: nexus dataset versions btc"""
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    items = list(nx.client.pages(f"{target.path}/versions", limit=limit))
    nx.out.rows(items, VERSIONS, f"{len(items)} versions - Web: {nx.web('datasets', target.dataset_id, 'versions')}")


@app.command()
def head(
    ctx: typer.Context,
    ref: params.Ref,
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many rows.")] = 10,
    format_: Annotated[str, typer.Option("--format", help="auto, table, tsv, csv, json, jsonl, md.")] = "auto",
) -> None:
    """Show the first rows of a version, exactly as stored. Example: nexus dataset head btc@1 -n 20 --format csv"""
    nx = invocation.of(ctx)
    target, _ = references.pinned(nx.client, ref)
    preview.show(nx.out, preview.fetch(nx.client, target, rows), format_)
    nx.out.note(f"Web: {_page(nx, target)}")


@app.command()
def stats(ctx: typer.Context, ref: params.Ref, symbol: Symbol = None) -> None:
    """Show type, empty values, least, greatest and shape of each column of one symbol.

    Example: nexus dataset stats btc@2 --symbol BTC-USD
    """
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    body = nx.client.get(f"{target.path}/columns", {"version": target.version, "symbol": symbol})
    items = [column | {"shape": heatmap.outline(column.get("histogram") or [])} for column in body["columns"]]
    told = f"{body['rows']:,} rows of {body['symbol']}, version {body['version']}"
    nx.out.rows(body["columns"] if nx.out.structured else items, STATS, f"{told} - Web: {_page(nx, target)}")


@app.command()
def coverage(
    ctx: typer.Context,
    ref: params.Ref,
    symbol: Symbol = None,
    heatmap_: Annotated[bool, typer.Option("--heatmap", help="A line a month, a character a day.")] = False,
) -> None:
    """Show how many rows each day of a version has. Example: nexus dataset coverage btc --symbol BTC-USD --heatmap"""
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    body = nx.client.get(f"{target.path}/coverage", {"version": target.version, "symbol": symbol})
    if nx.out.structured:
        nx.out.document(body)
        return
    if heatmap_:
        for line in heatmap.calendar({day["date"]: day["rows"] for day in body["days"]}):
            nx.out.line(line)
    else:
        preview.plain_rows(nx.out, body["days"])
    told = f"{body['totalDays']:,} days, {body['emptyDays']:,} of them empty, of {body['symbol']}"
    nx.out.note(f"{told}, version {body['version']} - Web: {_page(nx, target)}")


def _page(nx: invocation.Invocation, target: references.Target) -> str:
    pin = () if target.version is None else ("v", str(target.version))
    return nx.web("datasets", target.dataset_id, *pin)


@app.command()
def diff(
    ctx: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help="REF with a version.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another version of the same dataset, name@8 or 8.")],
) -> None:
    """Show what differs between two versions. Example: nexus dataset diff btc@1 2"""
    nx = invocation.of(ctx)
    first, _ = references.pinned(nx.client, a)
    second = references.Target(first.dataset_id, int(b)) if b.isdigit() else references.pinned(nx.client, b)[0]
    if second.dataset_id != first.dataset_id:
        raise Usage("a diff is between versions of one dataset", why=f"{first} and {second}")
    body = nx.client.get(f"{first.path}/diff/{first.version}...{second.version}")
    if nx.out.structured:
        nx.out.document(body)
        return
    rows = [{"what": what, "a": pair[0], "b": pair[1]} for what, pair in body["changed"].items()]
    columns = (Column("WHAT", "what"), Column(f"v{first.version}", "a"), Column(f"v{second.version}", "b"))
    told = "identical content" if body["identical"] else f"{body['rowsDelta']:+,} rows"
    nx.out.rows(rows, columns, f"{told} - Web: {_page(nx, second)}")


@app.command()
def archive(ctx: typer.Context, ref: params.Ref) -> None:
    """Archive a version, or the newest; nothing is deleted, lineage stays. Asks first.

    Example: nexus dataset archive btc@1
    """
    nx = invocation.of(ctx)
    target, version = references.pinned(nx.client, ref)
    nx.confirm(f"archive version {target.version} of {ref}?")
    body = nx.client.delete(f"{target.path}?version={target.version}")
    nx.out.facts(version | {"status": "archived"}, FACTS, f"version {body['version']} is archived")


@app.command()
def bulk(
    ctx: typer.Context,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="archive, validate or publish.")],
    refs: Annotated[list[str] | None, typer.Argument(metavar="[REF]...", help="These datasets.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that match the filters.")] = False,
    state: filters.State = None,
    kind: filters.Kind = None,
    symbol: filters.Symbol = None,
    vendor: filters.Vendor = None,
    asset_class: filters.AssetClass = None,
    resolution: filters.Resolution = None,
    owner: filters.Owner = None,
    freshness: filters.Freshness = None,
    query: filters.Search = None,
    view: filters.View = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would meet.")] = False,
    wait: params.Wait = False,
) -> None:
    """Act on many datasets; one refusal stops no other. Asks first.

    Example: nexus dataset bulk archive --all --state validation_failed --freshness older --wait
    """
    from tradenexus.cli import bulking

    nx = invocation.of(ctx)
    said = filters.said(vendor, asset_class, resolution)
    asked = said | filters.given(state=state, kind=kind, symbol=symbol, owner=owner, freshness=freshness, q=query)
    which = bulking.selection(nx, refs or [], everything, filters.with_view(nx.client, asked, view))
    if dry_run:
        nx.out.rows(bulking.plan(nx, action, which)["states"], bulking.PLAN)
        return
    bulking.act(nx, action, which, wait)


@app.command()
def download(
    ctx: typer.Context,
    ref: params.Ref,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File, or folder to put it in.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Only these symbols, with commas; a file each.")] = None,
    raw: Annotated[bool | None, typer.Option("--raw/--canonical", help="As uploaded, or Parquet per symbol.")] = None,
) -> None:
    """Fetch a version's bytes, verified; running it again goes on with the .part file.

    Example: nexus dataset download btc@2 --symbols BTC-USD --out data/
    """
    from tradenexus.cli import fetching

    nx = invocation.of(ctx)
    target, version = references.pinned(nx.client, ref)
    fetching.fetch_all(nx, target, version, fetching.wanted(version, symbols, raw), out)
