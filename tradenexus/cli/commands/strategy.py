"""`nexus strategy`: what a backtest runs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tradenexus.cli import invocation, params, references
from tradenexus.cli.failures import Usage
from tradenexus.cli.output import Column

app = params.noun("Strategies.")

COLUMNS = (
    Column("ID", "id"),
    Column("NAME", "name"),
    Column("PROVIDER", "provider", drop=2),
    Column("CREATED", "createdAt", drop=1),
    Column("DESCRIPTION", "description", drop=3),
)
FACTS = (
    *(Column(c.title.lower(), c.path) for c in COLUMNS),
    Column("id at provider", "providerStrategyId|lonaStrategyId"),
)


@app.command()
def create(
    ctx: typer.Context,
    description: Annotated[str, typer.Argument(help="What it does, at least 10 characters; - reads it from stdin.")],
    name: Annotated[str | None, typer.Option(help="Its name.")] = None,
    provider: Annotated[str | None, typer.Option(help="Who writes it, as the API names it.")] = None,
) -> None:
    """Make a strategy from a description. Example: nexus strategy create "Cross of two moving averages" --name cross"""
    nx = invocation.of(ctx)
    text = sys.stdin.read().strip() if description == "-" else description
    if len(text) < 10:
        raise Usage("a description has at least 10 characters", why=f"this one has {len(text)}")
    given = {"description": text, "name": name, "provider": provider}
    answer = nx.client.post(
        "/v1/strategies", {key: value for key, value in given.items() if value is not None}, patience_s=180
    )
    nx.out.facts(answer.get("strategy", answer), FACTS)


@app.command("list")
def list_(ctx: typer.Context, limit: params.Limit = 50) -> None:
    """List strategies. Example: nexus strategy list"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/strategies", limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} strategies - Web: {nx.web('backtests', 'new')}")


@app.command()
def show(
    ctx: typer.Context, strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="str_... id or name.")]
) -> None:
    """Show one strategy. Example: nexus strategy show cross"""
    nx = invocation.of(ctx)
    body = nx.client.get(f"/v1/strategies/{references.strategy_id(nx.client, strategy)}")
    nx.out.facts(body.get("strategy", body), FACTS)
