"""`nexus feature`: what is derived of the lake and kept in it: what there is, building it, what was covered."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, waiting
from tradenexus.cli.output import Column

app = params.noun("Features: what is derived of the lake's bars and kept in the lake.")

FEATURES = (
    Column("NAME", "name"),
    Column("VERSION", "version", right=True),
    Column("TABLE", "table"),
    Column("WARM-UP", "warmUp", right=True, drop=2),
    Column("ABOUT", "about", drop=1),
)
COVERED = (
    Column("INSTRUMENT", "instrument"),
    Column("OF", "table", drop=2),
    Column("FIRST", "first"),
    Column("LAST", "last"),
    Column("ROWS", "rows", right=True),
    Column("BARS", "bars", right=True, drop=1),
    Column("MISSING", "missing", drop=4),
    Column("REV", "inputRevision", right=True, drop=3),
)
BUILT = (Column("job", "id"), Column("state", "state", state=True), Column("rows", "result.rows"))
Name = Annotated[str, typer.Argument(metavar="FEATURE", help="Its name, as `nexus feature list` gives it.")]


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the features there are. Example: nexus feature list"""
    nx = invocation.of(ctx)
    items = nx.client.get("/v1/features")["items"]
    nx.out.rows(items, FEATURES, f"{len(items)} features")


@app.command()
def build(
    ctx: typer.Context,
    name: Name,
    table: Annotated[list[str] | None, typer.Option("--table", help="Of these bars only; may be repeated.")] = None,
    instrument: Annotated[
        list[str] | None, typer.Option("--instrument", help="VENUE:SYMBOL; default: all; may be repeated.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Every row again, not only what is new.")] = False,
    wait: params.Wait = False,
) -> None:
    """Compute what is new or was restated. Example: nexus feature build tv_technicals_1d --wait"""
    nx = invocation.of(ctx)
    given = {"tables": table or None, "instruments": instrument or None, "full": full or None}
    body: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    job = nx.client.post(f"/v1/features/{name}/build", body)["job"]
    if wait:
        job = waiting.finish(nx, job, what="build")
    else:
        waiting.announce(nx, job)
    nx.out.facts(job, BUILT)


@app.command()
def show(ctx: typer.Context, name: Name) -> None:
    """Show what the last build covered; --json has the feature's columns too. Example: nexus feature show NAME"""
    nx = invocation.of(ctx)
    answer = nx.client.get(f"/v1/features/{name}")
    coverage = answer["coverage"]
    if nx.out.structured:
        nx.out.document({"feature": answer["feature"], "coverage": coverage})
        return
    nx.out.facts(answer["feature"], FEATURES)
    if coverage is None:
        nx.out.note(f"not built yet: nexus feature build {name}")
        return
    footer = f"{coverage['rows']} rows, built {coverage['builtAt']} - Web: {nx.web('jobs', coverage['jobId'])}"
    nx.out.rows(coverage["instruments"], COVERED, footer)
