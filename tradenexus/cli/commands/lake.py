"""`nexus lake`: the certified copy: what it holds, exact rows, verdicts, what was refused, promotion."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, lakecare, lakediff, lakeheld, lakerows, lakesplits, params, references, waiting
from tradenexus.cli.failures import Usage
from tradenexus.cli.output import Column

app = params.noun("The lake: the certified copy of market data.")

ENTRIES = (
    Column("ENTRY", "entry"),
    Column("FRESHNESS", "freshness", state=True),
    Column("GRADE", "grade", state=True),
    Column("SCORE", "qualityScore", right=True),
    Column("ROWS", "rows", right=True, drop=1),
    Column("FIRST", "timeRange.start", drop=3),
    Column("LAST", "timeRange.end", drop=2),
    Column("FETCHED", "fetchedAt", drop=4),
    Column("REV", "revision", right=True, drop=5),
)
FACTS = (
    *ENTRIES,
    Column("calendar", "calendar"),
    Column("vendor", "vendor"),
    Column("expected next", "expectedNext"),
    Column("sessions", "sessions.expected"),
    Column("green", "sessions.green"),
    Column("amber", "sessions.amber"),
    Column("red", "sessions.red"),
    Column("bytes", "sizeBytes"),
    Column("digest", "digest"),
)
PARTITIONS = (
    Column("SESSION", "session"),
    Column("STATUS", "status", state=True),
    Column("CODE", "code"),
    Column("ROWS", "rows", right=True),
    Column("EXPECTED", "expected", right=True),
    Column("SCORE", "score", right=True, drop=1),
    Column("NOTES", "notes", drop=2),
)
REVISIONS = (
    Column("REV", "number", right=True),
    Column("WHEN", "createdAt"),
    Column("ROWS", "rows", right=True),
    Column("ADDED", "changes.added", right=True),
    Column("REPLACED", "changes.replaced", right=True),
    Column("VENDOR", "vendor", drop=2),
    Column("COMMIT", "commitId", drop=1),
)
COMMITS = (
    Column("COMMIT", "id"),
    Column("WHEN", "createdAt"),
    Column("WHAT", "operation"),
    Column("FROM", "source", drop=1),
    Column("ENTRIES", "summary.entries", right=True),
    Column("ADDED", "summary.added", right=True),
    Column("REPLACED", "summary.replaced", right=True),
    Column("REFUSED", "summary.quarantined", right=True),
)
CHANGED = (
    Column("ENTRY", "entry"),
    Column("REV", "revision", right=True),
    Column("ADDED", "changes.added", right=True),
    Column("REPLACED", "changes.replaced", right=True),
    Column("REMOVED", "changes.removed", right=True, drop=1),
    Column("ROWS", "rows", right=True, drop=2),
)
INSTRUMENTS = (
    Column("NAME", "name"),
    Column("TYPE", "type"),
    Column("CALENDAR", "calendar"),
    Column("ZONE", "timezone", drop=1),
    Column("TICK", "tickSize", right=True, drop=2),
    Column("FROM", "validFrom", drop=3),
    Column("UNTIL", "validUntil", drop=4),
)
TABLES = (
    Column("TABLE", "name"),
    Column("INTERVAL", "interval"),
    Column("SEGMENT", "segment", drop=1),
    Column("ABOUT", "about", drop=2),
)
Entry = lakeheld.Entry
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit.")]


@app.command("list")
def list_(
    ctx: typer.Context,
    table: Annotated[str | None, typer.Option(help="Of one table.")] = None,
    query: Annotated[str | None, typer.Option("--query", "-q", help="A part of VENUE:SYMBOL.")] = None,
    grade: Annotated[str | None, typer.Option(help="GREEN, AMBER or RED.")] = None,
    freshness: Annotated[str | None, typer.Option(help="fresh, late or unknown.")] = None,
    vendor: params.Vendor = None,
    limit: params.Limit = 200,
) -> None:
    """List the entries of the catalog. Example: nexus lake list --table equities_bars --freshness late"""
    nx = invocation.of(ctx)
    asked = {"table": table, "q": query, "grade": grade, "freshness": freshness, "vendor": vendor}
    items = [lakeheld.named(each) for each in nx.client.pages("/v1/lake/entries", asked, limit=limit)]
    nx.out.rows(items, ENTRIES, f"{len(items)} entries - Web: {nx.web('lakehouse')}")


@app.command()
def show(ctx: typer.Context, entry: Entry) -> None:
    """Show one entry: range, freshness, verdicts, digest. Example: nexus lake show equities_bars/XNYS:IBM"""
    nx = invocation.of(ctx)
    found = lakeheld.named(nx.client.get(lakeheld.path_of(entry))["entry"])
    nx.out.facts(found, FACTS, f"Web: {nx.web('lakehouse', *lakeheld.parts_of(entry))}")


@app.command()
def rows(
    ctx: typer.Context,
    entry: Entry,
    start: Annotated[str | None, typer.Option("--from", help="First moment, or a date (UTC).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Moment after the last.")] = None,
    columns: Annotated[str | None, typer.Option(help="Names joined by commas.")] = None,
    adjustment: Annotated[str | None, typer.Option(help="raw (default), split, dividend or all.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="The lake as it was then.")] = None,
    form: Annotated[str, typer.Option("--format", help="csv, parquet or arrow.")] = "csv",
    out: Annotated[Path | None, typer.Option("--output", "-o", help="A file; default: the standard output.")] = None,
) -> None:
    """Read exact rows of a range.

    Example: nexus lake rows equities_bars/XNYS:IBM --from 2008-01-01 --adjustment all --format parquet -o ibm.parquet
    """
    nx = invocation.of(ctx)
    if form not in lakerows.FORMS:
        raise Usage(f"--format {form} is not known", why=f"it is one of {', '.join(lakerows.FORMS)}")
    if out is None and form != "csv" and sys.stdout.isatty():
        raise Usage(f"{form} is not for a terminal", hint="name a file with --output, or pipe it on")
    asked = {"start": start, "end": end, "columns": columns, "adjustment": adjustment, "asOf": as_of, "format": form}
    size = lakerows.fetch(nx, f"{lakeheld.path_of(entry)}/rows", asked, out)
    if out is not None:
        nx.out.note(f"{out}: {size:,} bytes")


@app.command()
def partitions(
    ctx: typer.Context,
    entry: Entry,
    status: Annotated[str | None, typer.Option(help="GREEN, AMBER or RED.")] = None,
    code: Annotated[str | None, typer.Option(help="As in MISSING_ROWS.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First session.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Session after the last.")] = None,
    limit: params.Limit = 200,
) -> None:
    """List the verdicts on an entry's sessions. Example: nexus lake partitions trades/BINANCE:BTC-USDT --status RED"""
    nx = invocation.of(ctx)
    asked = {"status": status, "code": code, "start": start, "end": end}
    items = list(nx.client.pages(f"{lakeheld.path_of(entry)}/partitions", asked, limit=limit))
    nx.out.rows(items, PARTITIONS, f"{len(items)} sessions")


app.command()(lakesplits.suspects)
app.command("record-split")(lakesplits.record_split)


@app.command()
def revisions(ctx: typer.Context, entry: Entry, limit: params.Limit = 50) -> None:
    """List what happened to an entry. Example: nexus lake revisions equities_bars/XNYS:IBM"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages(f"{lakeheld.path_of(entry)}/revisions", limit=limit))
    nx.out.rows(items, REVISIONS, f"{len(items)} revisions")


@app.command()
def diff(
    ctx: typer.Context,
    entry: Entry,
    span: Annotated[str, typer.Argument(metavar="A...B", help="Two revisions, each a number or a time.")],
    part: Annotated[
        str, typer.Option("--show", help="facts (default), sessions, columns, distributions or rows.")
    ] = "facts",
    limit: params.Limit = 200,
) -> None:
    """Show what turns one revision of an entry into another; a large difference takes a job, which it starts
    and waits for.

    Example: nexus lake diff equities_bars/XNYS:IBM 6...7 --show rows
    """
    nx = invocation.of(ctx)
    if part not in lakediff.PARTS:
        raise Usage(f"--show {part} is not known", why=f"it is one of {', '.join(lakediff.PARTS)}")
    if "..." not in span:
        raise Usage(f"{span!r} is no pair of revisions", why="write A...B, as in 6...7")
    lakediff.show(nx, f"{lakeheld.path_of(entry)}/diff/{span}", entry, part, limit)


@app.command()
def commits(
    ctx: typer.Context,
    source: Annotated[str | None, typer.Option(help="Only those that came from this id, as dsv_...")] = None,
    operation: Annotated[str | None, typer.Option(help="As in ingest, promote or release.")] = None,
    limit: params.Limit = 50,
) -> None:
    """List changes of the lake, the newest first. Example: nexus lake commits"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/lake/commits", {"source": source, "operation": operation}, limit=limit))
    nx.out.rows(items, COMMITS, f"{len(items)} commits - Web: {nx.web('lakehouse', 'commits')}")


@app.command()
def commit(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="COMMIT", help="cmt_... as `nexus lake commits` lists it.")],
    limit: params.Limit = 200,
) -> None:
    """List the entries that one commit changed. Example: nexus lake commit cmt_..."""
    nx = invocation.of(ctx)
    items = [lakeheld.named(each) for each in nx.client.pages(f"/v1/lake/commits/{ref}/entries", limit=limit)]
    nx.out.rows(items, CHANGED, f"{len(items)} entries - Web: {nx.web('lakehouse', 'commits', ref)}")


@app.command()
def override(
    ctx: typer.Context,
    entry: Entry,
    session: Annotated[str, typer.Argument(help="The date, as in 2024-11-29.")],
    reason: Reason,
    status: Annotated[str, typer.Option(help="GREEN, AMBER or RED; empty takes an override back.")] = "",
    until: Annotated[str | None, typer.Option(help="When it ends, as in 2026-12-31T00:00:00Z.")] = None,
) -> None:
    """Let your verdict on a session stand for a time.

    Example: nexus lake override crypto_bars_1d/X:A 2024-10-10 --status GREEN --until 2027-01-01T00:00:00Z --reason seen
    """
    nx = invocation.of(ctx)
    body = {"status": status, "reason": reason} | ({"until": until} if until else {})
    told = nx.client.post(f"{lakeheld.path_of(entry)}/partitions/{session}/override", body)["partition"]
    nx.out.facts(told, PARTITIONS)


app.command()(lakeheld.quarantine)
app.command()(lakeheld.release)
app.command()(lakeheld.dismiss)
app.command()(lakeheld.fix)


@app.command()
def promote(
    ctx: typer.Context,
    ref: params.Ref,
    table: Annotated[str, typer.Option(help="As in crypto_bars_1m; `nexus lake tables` lists them.")],
    instrument: Annotated[
        list[str] | None, typer.Option("--as", metavar="SYMBOL=VENUE:SYMBOL", help="Name one; may be repeated.")
    ] = None,
    type_: Annotated[
        str | None, typer.Option("--type", help="spot, swap, futures, option, index, equity, rate.")
    ] = None,
    calendar: Annotated[str | None, typer.Option(help="24/7, XNYS, ...")] = None,
    policy: Annotated[str, typer.Option(help="refuse (default), newer or rank.")] = "refuse",
    wait: params.Wait = False,
) -> None:
    """Take a version's rows into the lake.

    Example: nexus lake promote btc@2 --table crypto_bars_1m --as BTCUSDT=BINANCE:BTC-USDT --type spot --calendar 24/7
    """
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    body: dict[str, Any] = {"table": table, "policy": policy, "instruments": _mapped(instrument or [])}
    given = {"version": target.version, "type": type_, "calendar": calendar}
    body |= {name: value for name, value in given.items() if value is not None}
    answer = nx.client.post(f"{target.path}/promote", body)
    job = answer["job"]
    if wait:
        job = waiting.finish(nx, job, what="promote")
    else:
        waiting.announce(nx, job)
    nx.out.facts(job, (Column("job", "id"), Column("state", "state", state=True), Column("result", "result")))


app.command()(lakecare.refresh)
app.command()(lakecare.repair)
app.command()(lakecare.repairs)


@app.command()
def tables(ctx: typer.Context) -> None:
    """List the tables of the lake. Example: nexus lake tables"""
    nx = invocation.of(ctx)
    items = nx.client.get("/v1/lake/tables")["items"]
    nx.out.rows(items, TABLES, f"{len(items)} tables")


@app.command()
def instruments(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="VENUE:SYMBOL: every description of one.")] = None,
    query: Annotated[str | None, typer.Option("--query", "-q", help="A part of the name.")] = None,
    limit: params.Limit = 200,
) -> None:
    """List the registry of instruments. Example: nexus lake instruments XNAS:AAPL"""
    nx = invocation.of(ctx)
    path = f"/v1/lake/instruments/{name}" if name else "/v1/lake/instruments"
    items = list(nx.client.pages(path, {"q": query}, limit=limit))
    nx.out.rows(items, INSTRUMENTS, f"{len(items)} descriptions")


@app.command()
def describe(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="VENUE:SYMBOL.")],
    type_: Annotated[
        str | None, typer.Option("--type", help="spot, swap, futures, option, index, equity, rate.")
    ] = None,
    calendar: Annotated[str | None, typer.Option(help="24/7, XNYS, ...")] = None,
    timezone: Annotated[str | None, typer.Option(help="As in America/New_York.")] = None,
    tick: Annotated[str | None, typer.Option(help="Smallest step of the price.")] = None,
    lot: Annotated[str | None, typer.Option(help="Smallest amount.")] = None,
    base: Annotated[str | None, typer.Option(help="What is traded.")] = None,
    quote: Annotated[str | None, typer.Option(help="What is paid.")] = None,
    valid_from: Annotated[str | None, typer.Option("--from", help="Since when it is true; default: now.")] = None,
) -> None:
    """Describe an instrument. Example: nexus lake describe XNAS:AAPL --type equity --calendar XNYS"""
    nx = invocation.of(ctx)
    given = {"type": type_, "calendar": calendar, "timezone": timezone, "tickSize": tick, "lotSize": lot}
    given |= {"base": base, "quote": quote, "validFrom": valid_from}
    body = {"name": name} | {field: value for field, value in given.items() if value is not None}
    nx.out.facts(nx.client.post("/v1/lake/instruments", body)["instrument"], INSTRUMENTS)


def _mapped(pairs: list[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    if wrong := [pair for pair, (_, sign, _) in zip(pairs, split, strict=True) if not sign]:
        raise Usage(f"--as {wrong[0]} lacks a `=`", why="write SYMBOL=VENUE:SYMBOL")
    return {symbol: name for symbol, _, name in split}
