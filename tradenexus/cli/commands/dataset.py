"""`nexus dataset`: what is there, in which versions, and the bytes themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, preview, references
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


@app.command("list")
def list_(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only this status.")] = None,
    kind: Annotated[str | None, typer.Option(help="trades, quotes or bars.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Only with this symbol.")] = None,
    query: Annotated[str | None, typer.Option("--search", "-s", help="Words in name, symbol, id.")] = None,
    sort: Annotated[str | None, typer.Option(help="Order, as the API names it.")] = None,
    limit: params.Limit = 50,
) -> None:
    """List datasets, newest first. Example: nexus dataset list --state ready --json=id,name"""
    nx = invocation.of(ctx)
    filters = {"state": state, "kind": kind, "symbol": symbol, "q": query, "sort": sort}
    items = list(nx.client.pages("/v1/datasets", filters, limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} datasets - Web: {nx.web('datasets')}")


@app.command()
def show(ctx: typer.Context, ref: params.Ref) -> None:
    """Show a dataset, or the version a REF pins."""
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    item = (
        nx.client.get(target.path)["dataset"]
        if target.version is None
        else references.pinned(nx.client, str(target))[1]
    )
    page = (
        ("datasets", target.dataset_id)
        if target.version is None
        else ("datasets", target.dataset_id, "v", str(target.version))
    )
    nx.out.facts(item, FACTS, f"Web: {nx.web(*page)}")


@app.command()
def versions(ctx: typer.Context, ref: params.Ref, limit: params.Limit = 200) -> None:
    """List the versions of a dataset."""
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
    """Show the first rows of a version, exactly as stored."""
    nx = invocation.of(ctx)
    target, _ = references.pinned(nx.client, ref)
    preview.show(nx.out, preview.fetch(nx.client, target, rows), format_)


@app.command()
def coverage(ctx: typer.Context, ref: params.Ref) -> None:
    """Show which sessions a version covers, and what is missing."""
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    body = nx.client.get(f"{target.path}/coverage", {"version": target.version})
    body = body.get("coverage", body)
    if nx.out.structured:
        nx.out.document(body)
        return
    rows = next(
        (value for key in ("items", "days", "ranges", "instruments") if isinstance(value := body.get(key), list)), []
    )
    preview.plain_rows(nx.out, rows)
    summary = {key: value for key, value in body.items() if not isinstance(value, (list, dict)) and key != "requestId"}
    nx.out.note(", ".join(f"{key} {value}" for key, value in summary.items()) or f"{len(rows)} rows")


@app.command()
def archive(ctx: typer.Context, ref: params.Ref) -> None:
    """Archive a dataset with all its versions. Asks first."""
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    if target.version is not None:
        raise references.Usage(
            "archive takes a whole dataset",
            why=f"{ref} pins a version",
            hint=f"nexus dataset archive {target.dataset_id}",
        )
    dataset = nx.client.get(target.path)["dataset"]
    nx.confirm(f"archive {dataset.get('name')} ({target.dataset_id}) with all its versions?")
    body = nx.client.delete(target.path) or {}
    nx.out.facts(body.get("dataset") or dataset | {"status": "archived"}, FACTS)


@app.command()
def download(
    ctx: typer.Context,
    ref: params.Ref,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File, or folder to put it in.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Only these symbols, with commas.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="From this time (inclusive).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="To this time (exclusive).")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="As the API names it: parquet, csv.")] = None,
) -> None:
    """Fetch a version's bytes, verified; running it again goes on with the .part file."""
    from tradenexus.cli import downloads, fetching

    nx = invocation.of(ctx)
    target, version = references.pinned(nx.client, ref)
    params: dict[str, Any] = {
        "version": target.version,
        "symbols": symbols,
        "start": start,
        "end": end,
        "format": format_,
    }
    name = downloads.safe_name(
        f"{fetching.stem(nx.client, target)}-v{target.version}{fetching.suffix(version, format_)}"
    )
    path = out / name if out is not None and out.is_dir() else out or Path(name)
    downloads.check_target(path, replace=nx.options.yes)
    fetching.fetch(nx, f"{target.path}/download", params, path)
