"""`nexus validate`: prove a version good."""

from __future__ import annotations

from typing import Annotated

import typer

from tradenexus.cli import invocation, opening, references, validating, waiting
from tradenexus.cli.commands.dataset import FACTS

app = typer.Typer()


@app.command()
def validate(
    ctx: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", help="Dataset, optionally @version.")],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="TARGET=COLUMN", help="Say which column is what.")
    ] = None,
    tz: Annotated[str | None, typer.Option(help="Zone of naive times.")] = None,
    ts_unit: Annotated[str | None, typer.Option(help="Unit of numeric times: s, ms, us, ns.")] = None,
    kind: Annotated[str | None, typer.Option(help="trades, quotes or bars.")] = None,
    profile: Annotated[str | None, typer.Option(help="Quality profile: lenient, standard, strict.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the verdict (exit 7 when RED).")] = False,
) -> None:
    """Validate a version. Example: nexus validate btc --profile strict --wait"""
    nx = invocation.of(ctx)
    body = opening.answers_of(mapping=mapping, tz=tz, ts_unit=ts_unit, kind=kind)
    if profile:
        body["profile"] = profile
    target = references.resolve(nx.client, ref)
    answer = validating.start(nx, target, body)
    version = answer["dataset"].get("version")
    target = references.Target(target.dataset_id, target.version or version)
    if not wait:
        waiting.announce(nx, answer["job"])
        nx.out.facts(answer["dataset"] | {"job": answer["job"]}, FACTS)
        return
    nx.out.facts(validating.finish(nx, target, answer["job"]), FACTS, f"Web: {nx.web('datasets', target.dataset_id)}")
