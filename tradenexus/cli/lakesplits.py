"""The verbs of `nexus lake` about suspected splits: suspects, record-split."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, lakeheld, params, waiting
from tradenexus.cli.output import Column

SUSPECTS = (
    Column("SESSION", "session"),
    Column("STATE", "state", state=True),
    Column("STEP", "step", right=True),
    Column("RATIO", "ratio", right=True),
    Column("WHO SAYS WHAT", "said"),
    Column("NOTES", "notes", drop=1),
)
EVIDENCE = (
    Column("VENDOR", "vendor"),
    Column("KIND", "kind"),
    Column("SAYS", "says"),
    Column("RATIO", "ratio", right=True),
    Column("SOURCE", "source"),
    Column("SESSION", "session"),
    Column("CLOSE", "close", right=True),
    Column("OURS", "ours", right=True),
    Column("FACTOR", "factor", right=True),
    Column("DIGEST", "digest", drop=1),
)
RECORDED = (
    Column("session", "session"),
    Column("state", "state", state=True),
    Column("ratio", "ratio"),
    Column("witnesses", "said"),
    Column("job", "job"),
)


def suspects(
    ctx: typer.Context,
    entry: lakeheld.Entry,
    session: Annotated[str | None, typer.Option("--session", help="One of them: the evidence row by row.")] = None,
) -> None:
    """List sessions that open as after a split, and who says what they were.

    Adjusted prices do not cross one that is not settled: `nexus lake record-split`, or `nexus lake override` it.

    Example: nexus lake suspects equities_bars/XNAS:AAPL
    """
    nx = invocation.of(ctx)
    items = [_told(each) for each in nx.client.get(f"{lakeheld.path_of(entry)}/suspects")["items"]]
    if session is None:
        open_ = sum(not each["settled"] for each in items)
        nx.out.rows(items, SUSPECTS, f"{len(items)} suspected splits, {open_} not settled")
        return
    chosen = [each for each in items if each["session"] == session]
    rows = [said | row for each in chosen for said in each["evidence"] for row in said["rows"]]
    digest = chosen[0]["evidenceDigest"] if chosen else "none: no suspected split on that session"
    nx.out.rows(rows, EVIDENCE, f"evidence {digest}")


def record_split(
    ctx: typer.Context,
    entry: lakeheld.Entry,
    session: Annotated[str, typer.Argument(help="The date, as in 2005-02-28.")],
    ratio: Annotated[
        float | None, typer.Option("--ratio", help="New shares for one old, where no witness or not all agree.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit. Needed with a ratio.")] = "",
    evidence: Annotated[
        str, typer.Option("--evidence", help="Digest of what was looked at: refused when it has changed.")
    ] = "",
    wait: params.Wait = False,
) -> None:
    """Record a suspected split that another vendor's series corroborates, or one on your word.

    Example: nexus lake record-split equities_bars/XNAS:AAPL 2005-02-28 --wait
    """
    nx = invocation.of(ctx)
    body: dict[str, Any] = {} if ratio is None else {"ratio": ratio}
    body |= {name: value for name, value in (("reason", reason), ("evidence", evidence)) if value}
    path = lakeheld.path_of(entry)
    answer = nx.client.post(f"{path}/suspects/{session}/record", body)
    one, job = answer["suspect"], answer["job"]
    if job and wait:
        waiting.finish(nx, job, what="record of the split")
        listed = nx.client.get(f"{path}/suspects")["items"]
        one = next((each for each in listed if each["session"] == session), one)
    elif job:
        waiting.announce(nx, job)
    nx.out.facts(_told(one) | {"job": job and job["id"]}, RECORDED)


def _told(item: dict[str, Any]) -> dict[str, Any]:
    """Return a suspect with all that is said of it in one line: witnesses, then what speaks against it."""
    said = [f"{one['kind']}: {one['words']}" for one in item["witnesses"]]
    said += [f"against: {one['vendor']}: {one['words']}" for one in item["evidence"] if one["says"] == "contradicts"]
    return item | {"said": "; ".join(said)}
