"""`nexus validate`: prove a version good."""

from __future__ import annotations

from typing import Annotated

import typer

from tradenexus.cli import invocation, opening, params, references, validating, waiting
from tradenexus.cli.commands.dataset import FACTS

app = params.verb()


@app.command()
def validate(
    ctx: typer.Context,
    ref: params.Ref,
    mapping: params.Mapping = None,
    tz: params.Zone = None,
    ts_unit: params.Unit = None,
    kind: params.Kind = None,
    profile: params.QualityProfile = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the verdict (exit 7 when RED).")] = False,
) -> None:
    """Validate a version. Example: nexus validate btc --profile strict --wait"""
    nx = invocation.of(ctx)
    body = opening.answers_of(mapping=mapping, tz=tz, ts_unit=ts_unit, kind=kind)
    if profile:
        body["profile"] = profile
    target = references.resolve(nx.client, ref)
    answer = validating.start(nx, target, body)
    target = references.Target(target.dataset_id, answer["version"])
    if not wait:
        waiting.announce(nx, answer["job"])
        nx.out.facts(answer["dataset"] | {"job": answer["job"]}, FACTS)
        return
    nx.out.facts(validating.finish(nx, target, answer["job"]), FACTS, f"Web: {nx.web('datasets', target.dataset_id)}")
