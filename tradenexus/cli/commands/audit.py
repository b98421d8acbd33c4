"""`nexus audit`: who did what, and whether the record was touched."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tradenexus.cli import downloads, invocation, params
from tradenexus.cli.client import Cut
from tradenexus.cli.failures import Failure, Unreachable
from tradenexus.cli.output import Column

app = params.noun("The audit trail.")

COLUMNS = (
    Column("SEQ", "seq", right=True),
    Column("TIME", "at"),
    Column("ACTION", "action"),
    Column("OBJECT", "subject", drop=2),
    Column("OLD", "old", drop=4, state=True),
    Column("NEW", "new", drop=3, state=True),
    Column("WHO", "userId", drop=5),
    Column("VIA", "via", drop=6),
    Column("REASON", "reason", drop=1),
    Column("REQUEST", "requestId", drop=7),
)
VERDICT = (
    Column("ok", "ok"),
    Column("entries", "entries"),
    Column("head", "head"),
    Column("first bad", "firstBad"),
    Column("why", "why"),
)


@app.command("list")
def list_(
    ctx: typer.Context,
    object_: Annotated[str | None, typer.Option("--object", metavar="ID", help="Only of this object.")] = None,
    actor: Annotated[str | None, typer.Option(metavar="ID", help="Only by this person (usr_...).")] = None,
    limit: params.Limit = 50,
) -> None:
    """List entries, newest first. Example: nexus audit list --object ds_..."""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/audit", {"object": object_, "actor": actor}, limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} entries - Web: {nx.web('audit')}")


@app.command()
def verify(ctx: typer.Context) -> None:
    """Walk the hash chain from its first entry; exit 1 naming the row when one was changed.

    Example: nexus audit verify
    """
    nx = invocation.of(ctx)
    verdict = nx.client.get("/v1/audit:verify", patience_s=60)
    nx.out.facts(verdict, VERDICT)
    if not verdict["ok"]:
        raise Failure(
            f"the audit chain is broken at entry {verdict.get('firstBad')}",
            code="AUDIT_CHAIN_BROKEN",
            why=str(verdict.get("why") or ""),
            hint="compare with an earlier `nexus audit export`",
        )


@app.command()
def export(
    ctx: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File instead of stdout.")] = None,
) -> None:
    """Write the whole trail as JSON lines, oldest first. Example: nexus audit export --out audit.jsonl"""
    nx = invocation.of(ctx)
    nx.out.raw("the exported trail")
    if out is not None:
        downloads.check_target(out, replace=nx.options.yes)
    try:
        with nx.client.stream("/v1/audit/export", {}, {"Accept": "application/x-ndjson"}) as (answer, blocks):
            if not answer.ok:
                raise answer.failure("audit export")
            if out is None:
                for block in blocks:
                    sys.stdout.buffer.write(block)
                return
            part = out.with_name(out.name + ".part")
            with part.open("wb") as stream:
                stream.writelines(blocks)
            part.replace(out)
    except Cut as error:
        raise Unreachable("the export broke off", why=str(error), hint="run the same command again") from error
    nx.out.note(f"written to {out}")
