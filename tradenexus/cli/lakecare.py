"""The verbs of `nexus lake` that bring the lake up to date: refresh, repair, repairs."""

from __future__ import annotations

from typing import Annotated

import typer

from tradenexus.cli import invocation, params, references, refreshing, repairing
from tradenexus.cli.failures import Usage


def refresh(
    ctx: typer.Context,
    selectors: Annotated[
        list[str] | None,
        typer.Argument(metavar="SELECTOR", help="TABLE/VENUE:SYMBOL, VENUE:SYMBOL, TABLE; * is any."),
    ] = None,
    stale: Annotated[bool, typer.Option("--stale", help="Every entry that is not fresh.")] = False,
    table: Annotated[str | None, typer.Option(help="Of one table.")] = None,
    query: Annotated[str | None, typer.Option("--query", "-q", help="A part of VENUE:SYMBOL.")] = None,
    grade: Annotated[str | None, typer.Option(help="GREEN, AMBER or RED.")] = None,
    freshness: Annotated[str | None, typer.Option(help="fresh, late or unknown.")] = None,
    vendor: params.Vendor = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done.")] = False,
    wait: params.Wait = False,
) -> None:
    """Bring entries up to date: what is fresh is left alone, what is stale is fetched from its vendor.

    Example: nexus lake refresh crypto_bars_1d/* XNAS:AAPL --plan
    """
    nx = invocation.of(ctx)
    asked = {"table": table, "q": query, "grade": grade, "freshness": freshness, "vendor": vendor}
    if not selectors and not stale and not any(asked.values()):
        raise Usage("say which entries", hint="nexus lake refresh --stale, or name them as `nexus lake list` does")
    refreshing.hand_in(nx, {"candidates": refreshing.chosen(nx, selectors or [], asked)}, plan, wait)


def repair(
    ctx: typer.Context,
    selector: Annotated[
        list[str] | None, typer.Argument(metavar="[SELECTOR]...", help="TABLE/VENUE:SYMBOL or VENUE:SYMBOL, with * ?.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="First moment, or a date (UTC).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Moment after the last.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="MISSING, MISSING_ROWS or GAP; may be repeated.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only look for gaps, fetch nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Ask vendors for what they answered for lately, too.")] = False,
    wait: params.Wait = False,
) -> None:
    """Fill gaps: what the calendar expects and the lake lacks is fetched from vendors; what stands is not touched.

    Example: nexus lake repair 'crypto_bars_1m/*' --from 2024-01-01 --wait
    """
    given = {"entries": selector, "from": start, "to": end, "kinds": kind}
    body = {name: value for name, value in given.items() if value} | {"plan": plan, "again": again}
    repairing.ask(invocation.of(ctx), body, wait)


def repairs(
    ctx: typer.Context,
    ref: Annotated[str | None, typer.Argument(metavar="[RPR]", help="rpr_... id: its ranges.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Only these: repaired, partly, no_data, failed ...")] = None,
    limit: params.Limit = 50,
) -> None:
    """List repairs, or show what became of each range of one. Example: nexus lake repairs rpr_... --outcome failed"""
    nx = invocation.of(ctx)
    if ref:
        repairing.show(nx, references.typed(ref, "rpr"), outcome)
    else:
        repairing.list_(nx, limit)
