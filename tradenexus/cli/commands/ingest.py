"""`nexus ingest`: candidates for the lake: hand them in, see what became of each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, references, waiting
from tradenexus.cli.failures import Failure, Usage
from tradenexus.cli.output import Column

app = params.noun("Candidates for the lake, and what became of each.")

COLUMNS = (
    Column("ID", "id"),
    Column("STATE", "state", state=True),
    Column("TOTAL", "total", right=True),
    Column("FRESH", "counts.fresh", right=True, drop=4),
    Column("COMMITTED", "counts.committed", right=True, drop=3),
    Column("QUARANTINED", "counts.quarantined", right=True, drop=3),
    Column("FAILED", "counts.failed", right=True, drop=2),
    Column("CREATED", "createdAt", drop=5),
    Column("SOURCE", "source", drop=6),
)
ITEMS = (
    Column("TABLE", "table"),
    Column("INSTRUMENT", "instrument"),
    Column("VENDOR", "vendor", drop=2),
    Column("OUTCOME", "outcome", state=True),
    Column("ROWS", "rows", right=True, drop=3),
    Column("FINDINGS", "found", drop=4),
    Column("REASON", "why", drop=1),
)
PLAN = (
    Column("TABLE", "table"),
    Column("INSTRUMENT", "instrument"),
    Column("VENDOR", "vendor", drop=1),
    Column("WHY", "why"),
)
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
    told = nx.client.post(f"/v1/lake/candidates{'?plan=1' if plan else ''}", body)
    for each in told["plan"]["refused"]:
        nx.out.warn(f"{each['candidate']}: {each['reason']} ({each['code']})")
    if plan:
        _planned(nx, told["plan"])
        return
    nx.out.note(told["plan"]["words"])
    run = told["ingest"]
    if not wait:
        nx.out.facts(run, COLUMNS, f"nexus ingest show {run['id']}")
        return
    for job in told["jobs"]:
        waiting.follow(nx, job, again=f"nexus ingest show {run['id']}")
    failed = _shown(nx, run["id"])["counts"]["failed"]
    if failed:
        hint = f"nexus ingest show {run['id']} --outcome failed"
        raise Failure(f"{failed} of {run['total']} could not be brought up to date", code="INGEST_FAILED", hint=hint)


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


def _planned(nx: invocation.Invocation, made: dict[str, Any]) -> None:
    if nx.out.structured:
        nx.out.document(made)
    else:
        nx.out.rows([*made["queued"], *made["fresh"]], PLAN, made["words"])


@app.command("list")
def list_(ctx: typer.Context, limit: params.Limit = 50) -> None:
    """List what was handed in, newest first. Example: nexus ingest list"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/lake/ingests", limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} ingests")


@app.command()
def show(
    ctx: typer.Context,
    ingest: Ingest,
    outcome: Annotated[str | None, typer.Option(help="Only these: fresh, committed, quarantined, failed ...")] = None,
) -> None:
    """Show what became of each candidate. Example: nexus ingest show ing_... --outcome failed"""
    nx = invocation.of(ctx)
    _shown(nx, references.typed(ingest, "ing"), outcome)


def _shown(nx: invocation.Invocation, ref: str, outcome: str | None = None) -> dict[str, Any]:
    run = nx.client.get(f"/v1/lake/ingests/{ref}")["ingest"]
    items = list(nx.client.pages(f"/v1/lake/ingests/{ref}/items", {"outcome": outcome}, limit=200_000))
    if nx.out.structured:
        nx.out.document({**run, "items": items})
    else:
        counts = ", ".join(f"{count} {state}" for state, count in run["counts"].items() if count)
        nx.out.rows(_rows(items), ITEMS, f"{run['state']}: {counts or 'nothing'}")
    return dict(run)


def _rows(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in items:
        found = ", ".join(f"{one['code']} {one.get('sessions', one.get('days'))}" for one in each["findings"])
        why = f"{each['code']}: {each['reason']}" if each["code"] else each["reason"]
        yield {**each, "found": found, "why": why}
