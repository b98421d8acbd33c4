"""`nexus job`: long work at the server: watch, read, stop, run again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, references, suggestions, waiting
from tradenexus.cli.failures import Interrupted
from tradenexus.cli.output import Column

app = params.noun("Jobs: the long work at the server.")

COLUMNS = (
    Column("ID", "id"),
    Column("KIND", "kind"),
    Column("STATE", "state", state=True),
    Column("SUBJECT", "subject", drop=3),
    Column("PHASE", "progress.phase", drop=2),
    Column("ATTEMPTS", "attempts", right=True, drop=4),
    Column("ERROR", "error.code", drop=1),
    Column("CREATED", "createdAt", drop=5),
    Column("FINISHED", "finishedAt", drop=6),
)
FACTS = (
    *(Column(c.title.lower(), c.path, state=c.state) for c in COLUMNS),
    Column("message", "error.message"),
    Column("result", "result"),
    Column("done", "progress.done"),
    Column("total", "progress.total"),
    Column("unit", "progress.unit"),
)
LOG = (
    Column("N", "n", right=True, drop=2),
    Column("TIME", "at"),
    Column("LEVEL", "level"),
    Column("STAGE", "stage", drop=1),
    Column("TEXT", "text"),
)
Job = Annotated[
    str, typer.Argument(metavar="JOB", help="job_... id or its page's URL.", autocompletion=suggestions.jobs)
]


@app.command("list")
def list_(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="queued, running, succeeded, failed, cancelled, stalled.")] = None,
    kind: Annotated[str | None, typer.Option(help="As in dataset.validate.")] = None,
    dataset: Annotated[str | None, typer.Option(metavar="REF", help="Only of this dataset.")] = None,
    limit: params.Limit = 50,
) -> None:
    """List jobs, newest first. Example: nexus job list --state failed"""
    nx = invocation.of(ctx)
    only = references.resolve(nx.client, dataset).dataset_id if dataset else None
    items = list(nx.client.pages("/v1/jobs", {"state": state, "kind": kind, "dataset": only}, limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} jobs - Web: {nx.web('jobs')}")


def _get(nx: invocation.Invocation, job: str) -> dict[str, Any]:
    return nx.client.get(f"/v1/jobs/{references.typed(job, 'job')}")["job"]


@app.command()
def show(ctx: typer.Context, job: Job) -> None:
    """Show one job. Example: nexus job show job_..."""
    nx = invocation.of(ctx)
    item = _get(nx, job)
    nx.out.facts(item, FACTS, f"Web: {nx.web('jobs', item['id'])}")


@app.command()
def watch(
    ctx: typer.Context,
    job: Job,
    compact: Annotated[bool, typer.Option("--compact", help="No progress, only how it ended.")] = False,
    exit_status: Annotated[bool, typer.Option("--exit-status", help="Exit 1 (or 7) when it did not succeed.")] = False,
) -> None:
    """Follow a job until it ends; Ctrl-C stops watching, not the job. Example: nexus job watch job_... --exit-status"""
    nx = invocation.of(ctx)
    nx.options.quiet = nx.options.quiet or compact
    item = waiting.follow(nx, _get(nx, job))
    if exit_status:
        waiting.succeed(item)
    nx.out.facts(item, FACTS)


@app.command()
def logs(
    ctx: typer.Context,
    job: Job,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
    since: Annotated[int, typer.Option(min=0, metavar="N", help="Only lines after this number.")] = 0,
    failed: Annotated[bool, typer.Option("--failed", help="Only errors.")] = False,
) -> None:
    """Print the log of a job. Example: nexus job logs job_... --follow"""
    nx = invocation.of(ctx)
    item = _get(nx, job)
    kept: list[dict[str, Any]] = []  # --json is one array, so it is printed at the end
    try:
        while True:
            for lines in _log(nx, item["id"], since):
                since = lines[-1]["n"]
                shown = [line for line in lines if not failed or line.get("level") in ("error", "critical")]
                kept.extend(shown) if nx.out.mode == "json" else nx.out.rows(shown, LOG)
            if not follow or item["state"] in waiting.FINAL:
                break
            item = waiting.poll(nx, item)
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped reading; the job goes on", hint=f"nexus job logs -f {item['id']} --since {since}"
        ) from None
    if nx.out.mode == "json":
        nx.out.array(kept)
    nx.out.note(f"Web: {nx.web('jobs', item['id'])}")


def _log(nx: invocation.Invocation, job_id: str, since: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the lines after `since` that are there now, page by page."""
    while True:
        page = nx.client.get(f"/v1/jobs/{job_id}/log", {"since": since or None}, patience_s=waiting.PATIENCE_S)
        items = [item for item in page.get("items") or [] if item["n"] > since]
        if not items:
            return
        yield items
        since = items[-1]["n"]
        if not page.get("nextCursor"):
            return


@app.command()
def cancel(ctx: typer.Context, job: Job) -> None:
    """Ask a job to stop. Asks first. Example: nexus job cancel job_... --yes"""
    nx = invocation.of(ctx)
    job_id = references.typed(job, "job")
    nx.confirm(f"cancel {job_id}?")
    nx.out.facts(nx.client.post(f"/v1/jobs/{job_id}:cancel")["job"], FACTS)


@app.command()
def retry(
    ctx: typer.Context,
    job: Job,
    from_start: Annotated[bool, typer.Option("--from-start", help="Not from the failed stage.")] = False,
    wait: params.Wait = False,
) -> None:
    """Run a failed job again. Example: nexus job retry job_... --wait"""
    nx = invocation.of(ctx)
    item = nx.client.post(f"/v1/jobs/{references.typed(job, 'job')}:retry", {"fromStart": True} if from_start else {})[
        "job"
    ]
    if wait:
        item = waiting.finish(nx, item)
    else:
        waiting.announce(nx, item)
    nx.out.facts(item, FACTS)
