"""`nexus search`: everything by words."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from tradenexus.cli import invocation, params
from tradenexus.cli.output import Column

app = params.verb()
COLUMNS = (
    Column("KIND", "kind"),
    Column("ID", "id"),
    Column("NAME", "label"),
    Column("DETAIL", "detail", drop=2),
    Column("WHERE", "url", drop=1),
)


@app.command()
def search(
    ctx: typer.Context,
    query: Annotated[list[str], typer.Argument(metavar="WORDS", help="Words of a name, symbol or id.")],
    limit: params.Limit = 20,
) -> None:
    """Find datasets, jobs, publications, backtests by name, symbol or id. Example: nexus search btc 2024"""
    nx = invocation.of(ctx)
    words = " ".join(query)
    items = list(nx.client.pages("/v1/search", {"q": words}, limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} found - Web: {nx.web('search').rstrip('/')}?q={quote(words)}")
