"""`nexus session`: the upload sessions the server holds open."""

from __future__ import annotations

import os
import shlex
import signal
from pathlib import Path
from typing import Annotated

import typer

from tradenexus.cli import invocation, params, references
from tradenexus.cli.failures import Missing
from tradenexus.cli.ledger import Ledger
from tradenexus.cli.output import Column

app = params.noun("Upload sessions kept by the server.")

COLUMNS = (
    Column("ID", "id"),
    Column("FILE", "filename", drop=1),
    Column("OFFSET", "offset", right=True),
    Column("LENGTH", "sizeBytes", right=True),
    Column("STATE", "state", state=True),
    Column("SO FAR", "provisional.grade", state=True, drop=1),
    Column("PART OF", "finalId|concat", drop=4),
    Column("EXPIRES", "expiresAt", drop=3),
    Column("DATASET", "datasetId", drop=2),
)


@app.command("list")
def list_(
    ctx: typer.Context,
    all_: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    limit: params.Limit = 50,
) -> None:
    """List open sessions and how much of each arrived. Example: nexus session list --all"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/uploads", {"state": None if all_ else "live"}, limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} sessions - Web: {nx.web('uploads')}")


PARTS = (
    Column("PART", "number", right=True),
    Column("START", "start", right=True),
    Column("BYTES", "sizeBytes", right=True),
    Column("CRC-32C", "crc32c"),
    Column("DAMAGED", "damaged"),
)


@app.command()
def parts(
    ctx: typer.Context,
    upload: Annotated[str, typer.Argument(metavar="UP", help="up_... id")],
    damaged: Annotated[bool, typer.Option("--damaged", help="Only those that are to be sent again.")] = False,
    limit: params.Limit = 200,
) -> None:
    """List the parts of 8 MiB that arrived and their digests. Example: nexus session parts up_... --damaged"""
    nx = invocation.of(ctx)
    path = f"/v1/uploads/{references.typed(upload, 'up')}/parts"
    items = list(nx.client.pages(path, {"damaged": "true" if damaged else None}, limit=limit))
    shown = [item | {"crc32c": f"{item['crc32c']:08x}"} for item in items]
    nx.out.rows(shown, PARTS, f"{len(items)} parts")


@app.command()
def mend(
    ctx: typer.Context,
    upload: Annotated[str, typer.Argument(metavar="UP", help="up_... id")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The file the upload is of.")],
) -> None:
    """Send the damaged parts of an upload again, and nothing else. Example: nexus session mend up_... btc.csv"""
    nx = invocation.of(ctx)
    upload_id = references.typed(upload, "up")
    base = f"/v1/uploads/{upload_id}/parts"
    damaged = list(nx.client.pages(base, {"damaged": "true"}))
    headers = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    with file.open("rb") as stream:
        for part in damaged:
            stream.seek(part["start"])
            data = stream.read(part["sizeBytes"])
            answer = nx.client.persistent("PUT", f"{base}/{part['number']}", content=data, headers=headers)
            if not answer.ok:
                raise answer.failure("session mend")
    again = f"nexus upload --resume {upload_id} {shlex.quote(str(file))}"
    told = {"id": upload_id, "mended": [part["number"] for part in damaged], "resume": again}
    nx.out.told(told, f"{len(damaged)} damaged parts sent again; go on: {again}")


@app.command()
def cancel(ctx: typer.Context, upload: Annotated[str, typer.Argument(metavar="UP", help="up_... id")]) -> None:
    """End a session and drop what arrived. Asks first. Example: nexus session cancel up_..."""
    nx = invocation.of(ctx)
    upload_id = references.typed(upload, "up")
    nx.confirm(f"drop {upload_id} and the bytes received?")
    answer = nx.client.persistent("DELETE", f"/v1/uploads/{upload_id}", headers={"Tus-Resumable": "1.0.0"})
    if not answer.ok:
        raise answer.failure("session cancel")
    nx.out.told({"id": upload_id, "state": "cancelled"}, f"cancelled {upload_id}")


@app.command()
def pause(ctx: typer.Context, upload: Annotated[str, typer.Argument(metavar="UP", help="up_... id")]) -> None:
    """Stop sending a file, in whichever terminal of this machine that is; the session and what arrived are kept.

    Example: nexus session pause up_...
    """
    nx = invocation.of(ctx)
    upload_id = references.typed(upload, "up")
    ledger = Ledger()
    entry = ledger.find_upload(upload_id)
    sender = ledger.sender(entry) if entry else None
    if entry is None or sender is None:
        raise Missing(
            f"no nexus on this machine is sending {upload_id}",
            why="a session that nobody sends to waits by itself",
            hint="nexus session list",
        )
    os.kill(sender, signal.SIGTERM)  # the same as Ctrl-C there: it prints how to go on
    again = f"nexus upload --resume {upload_id} {shlex.quote(entry.path)}"
    nx.out.told({"id": upload_id, "state": "paused", "resume": again}, f"paused {upload_id}; go on: {again}")
