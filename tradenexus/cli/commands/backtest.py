"""`nexus backtest`: run a strategy on exact versions, and read how it went."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, plans, references, waiting
from tradenexus.cli.failures import GateFailed
from tradenexus.cli.output import Column

app = params.noun("Backtests.")

COLUMNS = (
    Column("ID", "id"),
    Column("STATUS", "status", state=True),
    Column("STRATEGY", "strategyId", drop=5),
    Column("RETURN %", "metrics.totalReturnPct", right=True),
    Column("MAX DD %", "metrics.maxDrawdownPct", right=True, drop=1),
    Column("SHARPE", "metrics.sharpeRatio", right=True, drop=2),
    Column("WIN %", "metrics.winRatePct", right=True, drop=3),
    Column("PROVIDER", "provider|provenance.provider", drop=4),
    Column("STARTED", "startedAt", drop=6),
)
FACTS = (
    *(Column(c.title.lower(), c.path, state=c.state) for c in COLUMNS),
    Column("completed", "completedAt"),
    Column("datasets", "provenance.datasets"),
    Column("slice", "provenance.slice"),
    Column("symbols at lona", "provenance.lonaSymbolIds"),
    Column("report", "provenance.reportId"),
    Column("job", "job.id"),
    Column("error", "error"),
)
TRADES = ("trades", "equity", "drawdown")
Backtest = Annotated[str, typer.Argument(metavar="BT", help="bt_... id")]


@app.command()
def submit(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="YAML or JSON with the fields below.")] = None,
    strategy: Annotated[str | None, typer.Option(help="str_... id or name.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(metavar="REF", help="Data to run on; may be repeated.")] = None,
    start: Annotated[str | None, typer.Option(help="First day, 2024-01-01.")] = None,
    end: Annotated[str | None, typer.Option(help="Last day.")] = None,
    cash: Annotated[str | None, typer.Option(help="Initial cash (100000).")] = None,
    parameter: Annotated[
        list[str] | None, typer.Option("--param", metavar="K=V", help="Parameter; may be repeated.")
    ] = None,
    commission: Annotated[str | None, typer.Option(help="Fraction of a trade, as in 0.001.")] = None,
    leverage: Annotated[str | None, typer.Option(help="Times the cash.")] = None,
    buy_on_close: Annotated[bool | None, typer.Option(help="Fill at the close of the bar.")] = None,
    missing_data: Annotated[
        str | None, typer.Option(help="fail_fast, auto_backfill, partial_fill or seamless.")
    ] = None,
    wait: params.Wait = False,
) -> None:
    """Start a backtest; flags stand over the file. Example: nexus backtest submit -f bt.yaml --wait"""
    nx = invocation.of(ctx)
    flags = {
        "strategy": strategy, "datasets": dataset or None, "startDate": start, "endDate": end, "initialCash": cash,
        "parameters": plans.pairs(parameter), "commission": commission, "leverage": leverage,
        "buyOnClose": buy_on_close, "missingData": missing_data,
    }  # fmt: skip
    strategy_id, body = plans.backtest(
        nx.client, file, {key: value for key, value in flags.items() if value is not None}
    )
    answer = nx.client.post(f"/v1/strategies/{strategy_id}/backtests", body, patience_s=waiting.PATIENCE_S)
    backtest = answer["backtest"]
    if not wait:
        waiting.announce(nx, answer["job"])
        nx.out.facts(backtest | {"job": answer["job"]}, FACTS)
        return
    job = waiting.follow(nx, answer["job"], again=f"nexus job watch {answer['job']['id']}")
    backtest = _get(nx, backtest["id"])
    if backtest.get("status") != "completed":
        _refuse(backtest, job)
    nx.out.facts(backtest, FACTS, f"Web: {nx.web('backtests', backtest['id'])}")


def _get(nx: invocation.Invocation, backtest_id: str) -> dict[str, Any]:
    body = nx.client.get(f"/v1/backtests/{backtest_id}")
    return body.get("backtest", body)


def _refuse(backtest: dict[str, Any], job: dict[str, Any]) -> None:
    """Raise what kept the backtest from completing; data that was not fit is a gate."""
    waiting.succeed(job, what=f"backtest {backtest['id']}")
    error = backtest.get("error") or {}
    text = error.get("message") if isinstance(error, dict) else str(error)
    raise GateFailed(
        f"backtest {backtest['id']} is {backtest.get('status')}: {text}", hint=f"nexus backtest show {backtest['id']}"
    )


@app.command("list")
def list_(ctx: typer.Context, limit: params.Limit = 50) -> None:
    """List backtests. Example: nexus backtest list"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/backtests", limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} backtests - Web: {nx.web('backtests')}")


@app.command()
def show(
    ctx: typer.Context,
    backtest: Backtest,
    trades: Annotated[bool, typer.Option("--trades", help="The trades instead of the summary.")] = False,
    equity: Annotated[bool, typer.Option("--equity", help="The equity curve instead of the summary.")] = False,
) -> None:
    """Show how a backtest went, and on exactly what data. Example: nexus backtest show bt_... --trades --json"""
    from tradenexus.cli import preview

    nx = invocation.of(ctx)
    item = _get(nx, references.typed(backtest, "bt"))
    if trades or equity:
        preview.show(nx.out, item.get("trades" if trades else "equity") or [], nx.out.mode)
        return
    nx.out.facts(item, FACTS, f"Web: {nx.web('backtests', item['id'])}")
