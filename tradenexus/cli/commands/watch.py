"""`nexus watch`: the jobs of the workspace as they come, move and end."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from tradenexus.cli import invocation, params, waiting
from tradenexus.cli.failures import Interrupted
from tradenexus.cli.output import Column
from tradenexus.cli.progress import Board

app = params.verb()

EVERY_S = 2.0
COLUMNS = (
    Column("FINISHED", "finishedAt|createdAt"),
    Column("STATE", "state", state=True),
    Column("KIND", "kind"),
    Column("ID", "id"),
    Column("ERROR", "error.message"),
)


@app.command()
def watch(
    ctx: typer.Context,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is queued or running.")] = False,
) -> None:
    """Show what runs, and print each job as it ends; Ctrl-C stops watching, the jobs go on.

    Example: nexus watch
    Example: nexus watch --until-idle --timeout 600
    """
    nx = invocation.of(ctx)
    nx.out.stream()
    nx.out.note(f"Web: {nx.web('jobs')}")
    try:
        with Board(quiet=nx.options.quiet) as board:
            _follow(nx, board, until_idle)
    except KeyboardInterrupt:
        raise Interrupted("stopped watching; the jobs go on", hint="nexus job list") from None


def _follow(nx: invocation.Invocation, board: Board, until_idle: bool) -> None:
    ended: set[str] = set()  # those already told
    first = True
    while True:
        live = list(nx.client.pages("/v1/jobs", {"state": "live"}, limit=50))
        newest = [job for job in nx.client.pages("/v1/jobs", limit=50) if job["state"] in waiting.FINAL]
        for job in reversed(newest):
            if not first and job["id"] not in ended:
                board.clear()
                nx.out.rows([job], COLUMNS, titles=False)
        ended |= {job["id"] for job in newest}
        first = False
        board.show([(f"{job['kind']} {job['id']}", waiting.line(job), waiting.part(job)) for job in reversed(live)])
        if until_idle and not live:
            return
        waiting.check_time(nx, f"{len(live)} jobs are still under way", "nexus job list --state live")
        time.sleep(EVERY_S)
