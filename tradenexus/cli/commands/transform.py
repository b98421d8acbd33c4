"""`nexus transform`: derived versions; candles from trades, quotes or finer bars, and fixes by a recipe."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, recipes, references, waiting
from tradenexus.cli.commands.dataset import FACTS
from tradenexus.cli.output import Column

app = params.noun("Derived versions of a dataset.")

STARTED = (
    Column("job", "job.id"),
    Column("state", "job.state", state=True),
    Column("version", "outputVersion"),
    Column("version id", "outputVersionId"),
)
MADE = (
    Column("frequency", "frequency"),
    Column("version", "outputVersion"),
    Column("version id", "outputVersionId"),
)


@app.callback()
def noun() -> None:
    """Keep the noun a group, whatever number of verbs it has."""


@app.command()
def candles(
    ctx: typer.Context,
    ref: params.Ref,
    frequency: Annotated[
        list[str],
        typer.Option("--frequency", "-f", help="1m 5m 15m 30m 1h 4h 1d 1w 1M, any n{s,m,h,d}; several in one pass."),
    ],
    price: Annotated[str | None, typer.Option(help="trade, bid, ask or mid.")] = None,
    empty_bars: Annotated[str | None, typer.Option(help="omit (default) or fill.")] = None,
    session: Annotated[str | None, typer.Option(help="Calendar that daily bars follow, as in XNYS.")] = None,
    wait: params.Wait = False,
) -> None:
    """Make bars as a new version, one a frequency; the parent stays as it is.

    Example: nexus transform candles btc --frequency 1m --wait
    """
    nx = invocation.of(ctx)
    target = references.resolve(nx.client, ref)
    given = {"price": price, "emptyBars": empty_bars, "session": session}
    body: dict[str, Any] = {
        key: value for key, value in (given | {"version": target.version}).items() if value is not None
    }
    body |= {"frequency": frequency[0]} if len(frequency) == 1 else {"frequencies": frequency}
    answer = nx.client.post(f"{target.path}/transform/candles", body, patience_s=waiting.PATIENCE_S)
    if answer["job"] and not wait:
        waiting.announce(nx, answer["job"])
        nx.out.facts(answer, STARTED)
        return
    if answer["job"]:  # none: the same candles are there already
        waiting.finish(nx, answer["job"], what="transform")
    web = f"Web: {nx.web('datasets', target.dataset_id)}"
    if len(frequency) > 1:
        nx.out.rows(answer["outputs"], MADE, web)
        return
    version = nx.client.get(f"{target.path}/versions/{answer['outputVersion']}")["version"]
    nx.out.facts(version, FACTS, web)


@app.command()
def fix(
    ctx: typer.Context,
    ref: params.Ref,
    steps: recipes.Steps = None,
    drop: recipes.Drop = None,
    note: Annotated[str | None, typer.Option(help="Why; kept with the version.")] = None,
    preview: recipes.Preview = False,
    wait: params.Wait = False,
) -> None:
    """Fix a version, RED or good, by a recipe: the result is a new version; the parent stays as it is.

    Example: nexus transform fix btc@1 --drop 'close > 1000' --preview
    """
    nx = invocation.of(ctx)
    body: dict[str, Any] = {"steps": recipes.steps_of(steps, drop or [])}
    target = references.resolve(nx.client, ref)
    given = {"version": target.version, "note": note, "preview": preview or None}
    body |= {key: value for key, value in given.items() if value is not None}
    answer = nx.client.post(f"{target.path}/transform/fix", body, patience_s=waiting.PATIENCE_S)
    if preview:
        recipes.show(nx, answer["job"])
        return
    if answer["job"] and not wait:
        waiting.announce(nx, answer["job"])
        nx.out.facts(answer, STARTED)
        return
    if answer["job"]:  # none: the same fix is there already
        waiting.finish(nx, answer["job"], what="fix")
    version = nx.client.get(f"{target.path}/versions/{answer['outputVersion']}")["version"]
    nx.out.facts(version, FACTS, f"Web: {nx.web('datasets', target.dataset_id, 'v', str(version['version']))}")
