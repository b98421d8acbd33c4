"""The verbs of `nexus lake` about rows that were refused (quarantine, release, dismiss, fix), and names of entries."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, recipes, waiting
from tradenexus.cli.failures import Usage
from tradenexus.cli.output import Column

HELD = (
    Column("ID", "id"),
    Column("ENTRY", "entry"),
    Column("SESSION", "session"),
    Column("CODE", "code"),
    Column("STATE", "state", state=True),
    Column("ROWS", "rows", right=True),
    Column("NOTES", "notes", drop=1),
)
Held = Annotated[str, typer.Argument(metavar="QRT", help="qrt_... as `nexus lake quarantine` lists it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit.")]
Entry = Annotated[str, typer.Argument(metavar="ENTRY", help="TABLE/VENUE:SYMBOL, as in equities_bars/XNYS:IBM.")]


def quarantine(
    ctx: typer.Context,
    state: Annotated[str, typer.Option(help="held, released, dismissed, superseded, fixed, or all.")] = "held",
    table: Annotated[str | None, typer.Option(help="Of one table.")] = None,
    instrument: Annotated[str | None, typer.Option(help="Of one VENUE:SYMBOL.")] = None,
    limit: params.Limit = 200,
) -> None:
    """List sessions whose rows were refused, and why. Example: nexus lake quarantine"""
    nx = invocation.of(ctx)
    asked = {"state": None if state == "all" else state, "table": table, "instrument": instrument}
    items = [named(each) for each in nx.client.pages("/v1/lake/quarantine", asked, limit=limit)]
    nx.out.rows(items, HELD, f"{len(items)} sessions")


def release(ctx: typer.Context, held: Held, reason: Reason, wait: params.Wait = False) -> None:
    """Let refused rows in, on your word. Example: nexus lake release qrt_... --reason "seen at the venue" --wait"""
    nx = invocation.of(ctx)
    answer = nx.client.post(f"/v1/lake/quarantine/{held}/release", {"reason": reason})
    if wait:
        waiting.finish(nx, answer["job"], what="release")
        answer = nx.client.get(f"/v1/lake/quarantine/{held}")
    else:
        waiting.announce(nx, answer["job"])
    nx.out.facts(named(answer["quarantine"]), HELD)


def dismiss(ctx: typer.Context, held: Held, reason: Reason) -> None:
    """Settle that refused rows stay out. Example: nexus lake dismiss qrt_... --reason "a broken feed that day\""""
    nx = invocation.of(ctx)
    answer = nx.client.post(f"/v1/lake/quarantine/{held}/dismiss", {"reason": reason})
    nx.out.facts(named(answer["quarantine"]), HELD)


def fix(
    ctx: typer.Context,
    held: Held,
    steps: recipes.Steps = None,
    drop: recipes.Drop = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it is kept in the audit.")] = None,
    commit: Annotated[
        bool, typer.Option("--commit", help="Offer the fixed rows to the lake, which judges them.")
    ] = False,
    policy: Annotated[str, typer.Option(help="Where other values stand: refuse (default) or newer.")] = "refuse",
    preview: recipes.Preview = False,
    wait: params.Wait = False,
) -> None:
    """Fix refused rows by a recipe: they become a version, and enter with --commit if they are good then.

    Example: nexus lake fix qrt_... --steps cents.json --reason "the vendor quoted cents" --commit --wait
    """
    nx = invocation.of(ctx)
    body: dict[str, Any] = {"steps": recipes.steps_of(steps, drop or []), "commit": commit, "policy": policy}
    body |= {"preview": True} if preview else {}
    body |= {"reason": reason} if reason else {}
    job = nx.client.post(f"/v1/lake/quarantine/{held}:fix", body)["job"]
    if preview:
        recipes.show(nx, job)
        return
    if wait:
        job = waiting.finish(nx, job, what="fix")
    else:
        waiting.announce(nx, job)
    nx.out.facts(job, (Column("job", "id"), Column("state", "state", state=True), Column("result", "result")))


def named(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item with its entry's name."""
    return {"entry": f"{item['table']}/{item['instrument']}", **item}


def parts_of(entry: str) -> tuple[str, str]:
    """Return table and instrument of an entry's name; Usage for what is none."""
    table, slash, instrument = entry.partition("/")
    if not slash or ":" not in instrument:
        raise Usage(f"{entry!r} is no entry", why="an entry is TABLE/VENUE:SYMBOL, as in equities_bars/XNYS:IBM")
    return table, instrument


def path_of(entry: str) -> str:
    """Return where the API has an entry."""
    return "/v1/lake/" + "/".join(parts_of(entry))
