"""`nexus status`: the state of the workspace at one glance."""

from __future__ import annotations

from typing import Any

import typer

from tradenexus.cli import invocation, params
from tradenexus.cli.output import Column

app = params.verb()


@app.command()
def status(ctx: typer.Context) -> None:
    """Show what needs attention and how much of everything there is. Example: nexus status"""
    nx = invocation.of(ctx)
    overview = nx.client.get("/v1/overview")
    if nx.out.structured:
        nx.out.document(overview)
        return
    facts = flat({key: value for key, value in overview.items() if key != "requestId"})
    rows = [{"what": name, "value": value} for name, value in facts.items()]
    nx.out.rows(rows, (Column("WHAT", "what"), Column("VALUE", "value", right=True)), f"Web: {nx.web()}")


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested objects as one level of dotted names; lists become their length."""
    found: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict):
            found |= flat(item, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = len(item) if isinstance(item, list) else item
    return found
