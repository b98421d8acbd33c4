"""`nexus export`: nightly bundles of the lake: what there is, build one, pull one here, check one without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import figures, invocation, mirroring, params, waiting
from tradenexus.cli.output import Column
from tradenexus.cli.progress import Board

app = params.noun("Exports: nightly bundles of the lake, read without this platform.")

COLUMNS = (
    Column("DATE", "date"),
    Column("STATE", "state", state=True),
    Column("SESSIONS", "partitions", right=True, drop=3),
    Column("HELD BACK", "heldBack", right=True, drop=2),
    Column("ROWS", "rows", right=True),
    Column("FILES", "files", right=True, drop=4),
    Column("SIZE", "sizeBytes", right=True),
    Column("CHANGED", "changedBytes", right=True, drop=5),
    Column("ID", "id", drop=1),
)
FACTS = (
    *(Column(column.title.lower(), column.path, state=column.state) for column in COLUMNS),
    Column("manifest sha-256", "manifestSha256"),
    Column("error", "error.message"),
)
PULLED = (
    Column("folder", "folder"),
    Column("fetched files", "fetchedFiles"),
    Column("fetched", "fetchedBytes"),
    Column("kept files", "keptFiles"),
    Column("kept", "keptBytes"),
    Column("verified", "verified"),
)
PULLS = (
    Column("WHO", "user"),
    Column("DAY", "day"),
    Column("FILES", "files", right=True),
    Column("ARCHIVES", "archives", right=True, drop=2),
    Column("BYTES", "sizeBytes", right=True),
    Column("LAST", "lastAt", drop=1),
)
VERIFIED = (
    Column("folder", "folder"),
    Column("night", "night"),
    Column("files", "files"),
    Column("rows", "rows"),
    Column("size", "sizeBytes"),
    Column("held back", "heldBack"),
    Column("manifest sha-256", "manifestSha256"),
    Column("verified", "verified"),
)


@app.command("list")
def list_(ctx: typer.Context, limit: params.Limit = 30) -> None:
    """List bundles, the newest night first. Example: nexus export list"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/exports", limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} exports - Web: {nx.web('exports')}")


@app.command()
def build(
    ctx: typer.Context,
    table: Annotated[list[str] | None, typer.Option("--table", help="Only this table; may be repeated.")] = None,
    instrument: Annotated[
        list[str] | None, typer.Option("--instrument", metavar="VENUE:SYMBOL", help="Only this one; may be repeated.")
    ] = None,
    include_amber: Annotated[bool, typer.Option("--include-amber", help="AMBER sessions come along.")] = False,
    wait: params.Wait = False,
) -> None:
    """Build tonight's bundle (UTC) from the lake as it is now. Example: nexus export build --wait"""
    nx = invocation.of(ctx)
    body = {"tables": table or [], "instruments": instrument or [], "includeAmber": include_amber}
    answer = nx.client.post("/v1/exports", body)
    found = answer["export"]
    if wait:
        waiting.finish(nx, answer["job"], what="export")
        found = _get(nx, found["id"])
    else:
        waiting.announce(nx, answer["job"])
        found = found | {"job": answer["job"]}
    nx.out.facts(found, FACTS, f"Web: {nx.web('exports', found['date'])}")


@app.command()
def pull(
    ctx: typer.Context,
    date: Annotated[str, typer.Argument(metavar="DATE", help="A night (YYYY-MM-DD), exp_..., or `latest`.")],
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Folder of bundles; the night is one in it.")
    ] = Path(),
    verify: Annotated[bool, typer.Option("--verify/--no-verify", help="Read all of it again at the end.")] = True,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with what a cut pull left.")] = True,
) -> None:
    """Fetch a bundle: only what no bundle in DIR has yet. It appears when it is whole.

    Example: nexus export pull latest --to bundles
    """
    nx = invocation.of(ctx)
    to.mkdir(parents=True, exist_ok=True)
    found = _get(nx, date)
    with Board(quiet=nx.options.quiet) as board:

        def moved(path: str, done: int, total: int) -> None:
            if total:
                board.show([(path, f"transfer  {figures.pair(done, total)}", done * 100 // total)])

        job = mirroring.Pull(nx.client, _served(nx, found), to, moved)
        outcome = job.run(resume=resume, verify=verify)
    told = {
        "folder": str(outcome.folder),
        "date": found["date"],
        "fetchedFiles": outcome.fetched_files,
        "fetchedBytes": outcome.fetched_bytes,
        "keptFiles": outcome.kept_files,
        "keptBytes": outcome.kept_bytes,
        "verified": verify,
    }
    nx.out.facts(told, PULLED)


@app.command()
def verify(
    ctx: typer.Context, folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of one bundle.")]
) -> None:
    """Check a bundle against its manifest; needs no server. Example: nexus export verify bundles/2026-11-26"""
    nx = invocation.of(ctx)
    nx.out.facts(mirroring.verified(folder), VERIFIED)


@app.command()
def pulls(
    ctx: typer.Context,
    date: Annotated[str, typer.Argument(metavar="DATE", help="A night (YYYY-MM-DD), exp_..., or `latest`.")],
    limit: params.Limit = 50,
) -> None:
    """List who pulled a bundle, when, and how much. Example: nexus export pulls latest"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages(f"/v1/exports/{date}/pulls", limit=limit))
    nx.out.rows(items, PULLS, f"{len(items)} pulls")


def _get(nx: invocation.Invocation, ref: str) -> dict[str, Any]:
    found: dict[str, Any] = nx.client.get(f"/v1/exports/{ref}")["export"]
    return found


def _served(nx: invocation.Invocation, found: dict[str, Any]) -> dict[str, Any]:
    """Return the bundle; one without files is refused by the server, in its own words."""
    if not found["served"]:
        nx.client.get(f"/v1/exports/{found['id']}/manifest")
    return found
