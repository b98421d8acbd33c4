"""`nexus maintenance`: upkeep of the workspace, for admins. Whole installations are kept by `manage.py maintenance`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, waiting
from tradenexus.cli.failures import GateFailed
from tradenexus.cli.output import Column

app = params.noun("Upkeep of the workspace: checks of stored files and of data, garbage (scope admin).")

COLUMNS = (
    Column("CHORE", "chore"),
    Column("OK", "ok"),
    Column("FINISHED", "finishedAt"),
    Column("JOB", "jobId", drop=1),
)
FOUND = (
    Column("OK", "ok"),
    Column("DANGLING", "dangling.count"),
    Column("CATALOG", "catalog.count"),
    Column("DAMAGED", "knownDamaged"),
    Column("READ BYTES", "bytes"),
    Column("FILES READ", "files"),
    Column("ORPHANS", "orphans.count"),
    Column("YOUNG", "orphans.young"),
    Column("SESSIONS", "sessions"),
    Column("DRIFTED", "drifted.count"),
    Column("TOXIC", "toxic.count"),
    Column("REVISIONS", "revisions"),
    Column("RETIRED", "retired"),
    Column("REMOVED", "removed.count"),
    Column("REMOVED BYTES", "removed.bytes"),
)
Wait = Annotated[bool, typer.Option("--wait", help="Wait for the result and print it.")]


@app.command("status")
def status(ctx: typer.Context) -> None:
    """Show the newest result of each kind of upkeep. Example: nexus maintenance status"""
    nx = invocation.of(ctx)
    results = nx.client.get("/v1/maintenance")["results"]
    rows = [row for row in results.values() if row]
    missing = [name for name, row in results.items() if row is None]
    nx.out.rows(rows, COLUMNS, f"never run: {', '.join(missing)}" if missing else f"{len(rows)} results")


@app.command()
def fsck(
    ctx: typer.Context,
    deep: Annotated[bool, typer.Option("--deep", help="Read every byte and compare digests.")] = False,
    wait: Wait = False,
) -> None:
    """Compare rows with stored files, both ways; nothing is changed. Example: nexus maintenance fsck --deep --wait"""
    _ask(ctx, "fsck", {"deep": deep}, wait)


@app.command()
def scrub(
    ctx: typer.Context,
    whole: Annotated[bool, typer.Option("--whole", help="Read everything, not this hour's share.")] = False,
    wait: Wait = False,
) -> None:
    """Read stored files again and mark what differs. Example: nexus maintenance scrub --whole --wait"""
    _ask(ctx, "scrub", {"whole": whole}, wait)


@app.command()
def gc(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    wait: Wait = False,
) -> None:
    """Remove what nothing has referred to for a day. Example: nexus maintenance gc --dry-run --wait"""
    _ask(ctx, "gc", {"dryRun": dry_run}, wait)


@app.command()
def audit(
    ctx: typer.Context,
    whole: Annotated[bool, typer.Option("--whole", help="All of history, not the last year or so.")] = False,
    wait: Wait = False,
) -> None:
    """Look for drift, and judge the data by today's rules. Example: nexus maintenance audit --wait"""
    _ask(ctx, "audit", {"whole": whole}, wait)


def _ask(ctx: typer.Context, chore: str, wishes: dict[str, Any], wait: bool) -> None:
    nx = invocation.of(ctx)
    job = nx.client.post(f"/v1/maintenance/{chore}", wishes)["job"]
    if not wait:
        waiting.announce(nx, job)
        return
    result = waiting.finish(nx, job, what=chore)["result"]
    nx.out.facts(result, FOUND)
    if not result["ok"]:
        raise GateFailed(f"{chore} found damage", code="DAMAGED", hint="nexus maintenance status --json")
