"""`nexus lona`: use what the provider already has."""

from __future__ import annotations

from typing import Annotated

import typer

from tradenexus.cli import invocation, params, waiting
from tradenexus.cli.commands.dataset import FACTS

app = params.noun("Data that the provider holds.")


@app.callback()
def noun() -> None:
    """Keep the noun a group."""


@app.command()
def link(
    ctx: typer.Context,
    symbol: Annotated[
        str, typer.Argument(metavar="SYMBOL", help="Id of a symbol at Lona (nexus publication symbols --global).")
    ],
    name: Annotated[str | None, typer.Option(help="Name of the dataset.")] = None,
) -> None:
    """Link a symbol of the provider as a dataset without bytes of our own.

    Example: nexus lona link 66ff7579-179a-47ba-a16a-91ac7aa78481 --name btc-at-lona
    """
    nx = invocation.of(ctx)
    body = {"symbolId": symbol} | ({"name": name} if name else {})
    answer = nx.client.post("/v1/datasets/lona:link", body, patience_s=waiting.PATIENCE_S)
    dataset = answer["dataset"]
    nx.out.facts(dataset, FACTS, f"Web: {nx.web('datasets', dataset['id'])}")
