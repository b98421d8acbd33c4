"""`nexus backtest`: run a strategy on exact versions, and read how it went."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, plans, references, waiting
from tradenexus.cli.failures import GateFailed, Usage
from tradenexus.cli.output import Column

app = params.noun("Backtests.")

COLUMNS = (
    Column("ID", "id"),
    Column("STATUS", "status", state=True),
    Column("STRATEGY", "strategyId", drop=5),
    Column("RETURN %", "metrics.totalReturnPct", right=True, digits=2),
    Column("MAX DD %", "metrics.maxDrawdownPct", right=True, digits=2, drop=1),
    Column("SHARPE", "metrics.sharpeRatio", right=True, digits=2, drop=2),
    Column("WIN %", "metrics.winRatePct", right=True, digits=2, drop=3),
    Column("PROVIDER", "provider|provenance.provider", drop=4),
    Column("STARTED", "startedAt", drop=6),
)
FACTS = (
    *(Column(c.title.lower(), c.path, state=c.state, digits=c.digits) for c in COLUMNS),
    Column("completed", "completedAt"),
    Column("data", "data"),
    Column("slice", "provenance.slice"),
    Column("symbols at lona", "provenance.lonaSymbolIds"),
    Column("report", "provenance.reportId"),
    Column("job", "job.id"),
    Column("error", "error"),
)
TRADES = ("trades", "equity", "drawdown")
INPUTS = (
    Column("DATA", "ref", drop=2),
    Column("NAME", "name"),
    Column("INSTRUMENT", "instrument|lonaSymbolId"),
    Column("GRADE", "grade", state=True),
    Column("ROWS", "rows", right=True, drop=1),
    Column("COVERED %", "coveragePct", right=True),
    Column("MISSING DAYS", "missingDays", right=True, drop=3),
    Column("PUBLISH", "publish", drop=4),
)
File = Annotated[Path | None, typer.Option("--file", "-f", help="YAML or JSON with the fields below.")]
Strategy = Annotated[str | None, typer.Option(help="str_... id or name.")]
Data = Annotated[list[str] | None, typer.Option(metavar="REF", help="Data to run on; may be repeated.")]
Start = Annotated[str | None, typer.Option(help="First day, 2024-01-01.")]
End = Annotated[str | None, typer.Option(help="Last day.")]
Cash = Annotated[str | None, typer.Option(help="Initial cash (100000).")]
Parameter = Annotated[list[str] | None, typer.Option("--param", metavar="K=V", help="Parameter; may be repeated.")]
Commission = Annotated[str | None, typer.Option(help="Fraction of a trade, as in 0.001.")]
Leverage = Annotated[str | None, typer.Option(help="Times the cash.")]
BuyOnClose = Annotated[bool | None, typer.Option(help="Fill at the close of the bar.")]
MissingData = Annotated[str | None, typer.Option(help="fail_fast, auto_backfill, partial_fill or seamless.")]
Backtest = Annotated[str, typer.Argument(metavar="BT", help="bt_... id")]


@app.command()
def submit(
    ctx: typer.Context,
    file: File = None,
    strategy: Strategy = None,
    dataset: Data = None,
    start: Start = None,
    end: End = None,
    cash: Cash = None,
    parameter: Parameter = None,
    commission: Commission = None,
    leverage: Leverage = None,
    buy_on_close: BuyOnClose = None,
    missing_data: MissingData = None,
    wait: params.Wait = False,
) -> None:
    """Start a backtest; flags stand over the file. Example: nexus backtest submit -f bt.yaml --wait"""
    nx = invocation.of(ctx)
    flags = {
        "strategy": strategy, "datasets": dataset or None, "startDate": start, "endDate": end, "initialCash": cash,
        "parameters": plans.pairs(parameter), "commission": commission, "leverage": leverage,
        "buyOnClose": buy_on_close, "missingData": missing_data,
    }  # fmt: skip
    strategy_id, body = plans.backtest(nx.client, file, plans.given(flags))
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
    _print(nx, backtest)


@app.command()
def preflight(
    ctx: typer.Context,
    file: File = None,
    strategy: Strategy = None,
    dataset: Data = None,
    start: Start = None,
    end: End = None,
    missing_data: MissingData = None,
) -> None:
    """Look whether a backtest would go: cover, quality, what must be published first. Changes nothing; exit 7 if not.

    Example: nexus backtest preflight --dataset btc@2 --start 2024-01-01 --end 2024-03-31
    """
    nx = invocation.of(ctx)
    flags = {
        "strategy": strategy, "datasets": dataset or None, "startDate": start, "endDate": end,
        "missingData": missing_data,
    }  # fmt: skip
    strategy_id, body = plans.backtest(nx.client, file, plans.given(flags), strategy_needed=False)
    asked = body | ({"strategyId": strategy_id} if strategy_id else {})
    look = nx.client.post("/v1/backtests:preflight", asked, patience_s=waiting.PATIENCE_S)["preflight"]
    if nx.out.structured:
        nx.out.document(look)
    else:
        nx.out.rows(look["inputs"], INPUTS)
        for warning in look["warnings"]:
            nx.out.note(f"warning: {warning}")
    if not look["ok"]:
        problems = look["problems"]
        told = "; ".join(str(problem["message"]) for problem in problems)
        raise GateFailed(
            f"a backtest on this would be refused: {told}",
            code=str(problems[0]["code"]) if problems else "",
            details={"problems": problems},
            hint="nexus dataset coverage REF, nexus quality show REF",
        )
    nx.out.note(f"would run: {look['rows'] or 0:,} rows, {look['toPublish']} slices to publish first")


@app.command()
def compare(
    ctx: typer.Context,
    backtests: Annotated[list[str], typer.Argument(metavar="BT...", help="Two or more bt_... ids.")],
) -> None:
    """Set the figures of backtests side by side. Example: nexus backtest compare bt_... bt_..."""
    nx = invocation.of(ctx)
    ids = [references.typed(text, "bt") for text in backtests]
    if len(set(ids)) < 2:
        raise Usage("a comparison is between two backtests or more", why=f"named: {', '.join(ids)}")
    items = [_get(nx, backtest_id) for backtest_id in ids]
    page = f"{nx.web('backtests', 'compare').rstrip('/')}?ids={','.join(ids)}"
    if nx.out.structured:
        nx.out.array(items)
        return
    names = list(dict.fromkeys(name for item in items for name in item.get("metrics") or {}))
    rows = [{"what": name, **{item["id"]: (item.get("metrics") or {}).get(name) for item in items}} for name in names]
    columns = [Column("FIGURE", "what"), *(Column(id_, id_, right=True, digits=2) for id_ in ids)]
    nx.out.rows(rows, columns, f"{len(items)} backtests - Web: {page}")


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
    _print(nx, item)


def _print(nx: invocation.Invocation, item: dict[str, Any]) -> None:
    data = (item.get("provenance") or {}).get("datasets") or []
    named = [f"{one.get('name')}@{one.get('version')} {one.get('instrument')} ({one.get('ref')})" for one in data]
    shown = item if nx.out.structured else item | {"data": named}
    nx.out.facts(shown, FACTS, f"Web: {nx.web('backtests', item['id'])}")
