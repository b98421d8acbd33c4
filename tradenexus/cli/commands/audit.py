"""`nexus audit`: who did what, and whether the record was touched."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import downloads, invocation, params
from tradenexus.cli.client import Cut
from tradenexus.cli.failures import Failure, Missing, Unreachable, Usage
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
HEAD = (Column("SEQ", "seq"), Column("HASH", "hash"), Column("AT", "at"))


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
def verify(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A bundle, checked here without a server.")
    ] = None,
    witness: Annotated[
        str, typer.Option("--witness", metavar="SEQ:HASH", help="A head kept elsewhere that the bundle must contain.")
    ] = "",
) -> None:
    """Walk the hash chain from its first entry, the server's or a bundle's; exit 1 naming the first bad entry.

    Example: nexus audit verify
    Example: nexus audit verify audit.zip --witness 1042:9f86d0...
    """
    nx = invocation.of(ctx)
    if file is None:
        if witness:
            raise Usage("--witness is for a bundle", hint="nexus audit verify FILE --witness SEQ:HASH")
        verdict = nx.client.get("/v1/audit:verify", patience_s=60)
        hint = "compare with an earlier `nexus audit export`"
    else:
        verdict = _offline(file, witness)
        hint = "compare with the workspace: nexus audit verify"
    nx.out.facts(verdict, VERDICT)
    if not verdict["ok"]:
        bad = verdict.get("firstBad")
        at = f"broken at entry {bad}" if bad else "not as it was written"
        raise Failure(f"the audit chain is {at}", code="AUDIT_CHAIN_BROKEN", why=str(verdict["why"]), hint=hint)


def _offline(file: Path, witness: str) -> dict[str, Any]:
    from tradenexus.audit import proof

    if not file.exists():
        raise Missing(f"there is no {file}", code="NO_FILE")
    try:
        found = proof.verify(file, witness)
    except ValueError as error:
        raise Usage(str(error), hint="nexus audit head tells one") from error
    told = {"ok": found.ok, "entries": found.entries, "head": found.hash}
    return told | {"firstBad": found.first_bad, "why": found.why}


@app.command()
def head(ctx: typer.Context) -> None:
    """Show the newest entry's number and hash; kept elsewhere, they witness the chain. Example: nexus audit head"""
    nx = invocation.of(ctx)
    nx.out.facts(nx.client.get("/v1/audit/head"), HEAD)


@app.command()
def export(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File instead of stdout: a bundle, or JSON lines (.jsonl).")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First entry at or after it: a day or a time.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Last entry before it.")] = None,
) -> None:
    """Write the trail as a bundle that `nexus audit verify FILE` proves offline; as JSON lines on stdout.

    Example: nexus audit export --out audit.zip --from 2026-01-01 --to 2026-02-01
    Example: nexus audit export --out audit.jsonl
    """
    nx = invocation.of(ctx)
    lines = out is None or out.suffix in (".jsonl", ".ndjson")
    if lines and (start or end):
        raise Usage("--from and --to are for bundles", hint="nexus audit export --out audit.zip --from 2026-01-01")
    nx.out.raw("the exported trail")
    if out is not None:
        downloads.check_target(out, replace=nx.options.yes)
    path, asked = ("/v1/audit/export", {}) if lines else ("/v1/audit/bundle", {"from": start, "to": end})
    try:
        with nx.client.stream(path, asked, {"Accept": "*/*", "Accept-Encoding": "identity"}) as (answer, blocks):
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
    nx.out.note(f"written to {out}" if lines else f"written to {out}; nexus audit verify {out}")
