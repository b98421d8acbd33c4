"""`nexus ingest`: candidates for the lake: hand them in, see what became of each."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, references, refreshing
from tradenexus.cli.failures import Usage

app = params.noun("Candidates for the lake, and what became of each.")

Ingest = Annotated[str, typer.Argument(metavar="INGEST", help="ing_... id.")]


@app.command()
def refresh(
    ctx: typer.Context,
    candidates: Annotated[
        list[str], typer.Argument(metavar="FILE|SYMBOL", help="A JSON file (- reads stdin), or VENUE:SYMBOL, several.")
    ],
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done.")] = False,
    vendor: Annotated[str | None, typer.Option(help="Ask this one.")] = None,
    freshness: Annotated[float | None, typer.Option(min=0, metavar="HOURS", help="What is younger is fresh.")] = None,
    full: Annotated[bool, typer.Option("--full", help="All that the vendor has, not only what is new.")] = False,
    wait: params.Wait = False,
) -> None:
    """Bring candidates up to date: what is fresh is left alone, what is stale or missing is fetched.

    Example: nexus ingest refresh BINANCE:BTC-USDT XNAS:AAPL --plan
    """
    nx = invocation.of(ctx)
    body: dict[str, Any] = {**_handed(candidates), "full": full}
    body |= {key: value for key, value in (("vendor", vendor), ("freshnessHours", freshness)) if value is not None}
    refreshing.hand_in(nx, body, plan, wait)


def _handed(words: list[str]) -> dict[str, Any]:
    if len(words) > 1 or (words[0] != "-" and not Path(words[0]).is_file()):
        return {"candidates": words}
    text = sys.stdin.read() if words[0] == "-" else Path(words[0]).read_text(encoding="utf-8")
    try:
        said = json.loads(text)
    except ValueError as fault:
        raise Usage(
            f"{words[0]} is not JSON", why=str(fault), hint='a list, or {"meta": {...}, "data": [...]}'
        ) from None
    return {"data": said.get("data"), "meta": said.get("meta")} if isinstance(said, dict) else {"candidates": said}


@app.command("list")
def list_(ctx: typer.Context, limit: params.Limit = 50) -> None:
    """List what was handed in, newest first. Example: nexus ingest list"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/lake/ingests", limit=limit))
    nx.out.rows(items, refreshing.COLUMNS, f"{len(items)} ingests")


@app.command()
def show(
    ctx: typer.Context,
    ingest: Ingest,
    outcome: Annotated[str | None, typer.Option(help="Only these: fresh, committed, quarantined, failed ...")] = None,
) -> None:
    """Show what became of each candidate. Example: nexus ingest show ing_... --outcome failed"""
    nx = invocation.of(ctx)
    refreshing.shown(nx, references.typed(ingest, "ing"), outcome)


@app.command()
def retry(ctx: typer.Context, ingest: Ingest, wait: params.Wait = False) -> None:
    """Try again what failed; the others stay as they are. Example: nexus ingest retry ing_... --wait"""
    nx = invocation.of(ctx)
    ref = references.typed(ingest, "ing")
    told = nx.client.post(f"/v1/lake/ingests/{ref}:retry", {})
    if wait:
        refreshing.follow(nx, ref, told["jobs"])
    else:
        nx.out.facts(told["ingest"], refreshing.COLUMNS, f"nexus ingest show {ref}")


@app.command()
def cancel(ctx: typer.Context, ingest: Ingest) -> None:
    """Stop what is still to be done. Asks first. Example: nexus ingest cancel ing_... --yes"""
    nx = invocation.of(ctx)
    ref = references.typed(ingest, "ing")
    nx.confirm(f"cancel {ref}?")
    nx.out.facts(nx.client.post(f"/v1/lake/ingests/{ref}:cancel", {})["ingest"], refreshing.COLUMNS)
