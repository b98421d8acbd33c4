"""`nexus open`: the page of a dataset, job, backtest or publication."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tradenexus.cli import invocation, params, references

app = params.verb()
PAGES = {"job": "jobs", "bt": "backtests", "up": "uploads", "pub": "publishes", "ds": "datasets"}


@app.command(name="open")
def open_(ctx: typer.Context, ref: Annotated[str, typer.Argument(metavar="REF", help="REF, or any typed id.")]) -> None:
    """Print the page of something, and open it when this is a terminal.

    Example: nexus open btc@7
    Example: nexus open job_...
    """
    nx = invocation.of(ctx)
    prefix = ref.split("_", 1)[0]
    if references.ANY_ID.fullmatch(ref) and prefix in PAGES:
        url = nx.web(PAGES[prefix], ref)
    else:
        target = references.resolve(nx.client, ref)
        pin = () if target.version is None else ("v", str(target.version))
        url = nx.web("datasets", target.dataset_id, *pin)
    nx.out.value({"url": url}, url)
    if sys.stdout.isatty() and nx.interactive():
        typer.launch(url)
