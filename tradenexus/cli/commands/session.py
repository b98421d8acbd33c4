"""`nexus session`: the upload sessions the server holds open."""

from __future__ import annotations

from typing import Annotated

import typer

from tradenexus.cli import invocation, params, references
from tradenexus.cli.output import Column

app = params.noun("Upload sessions kept by the server.")

COLUMNS = (
    Column("ID", "id"),
    Column("FILE", "filename", drop=1),
    Column("OFFSET", "offset", right=True),
    Column("LENGTH", "sizeBytes", right=True),
    Column("STATE", "state", state=True),
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


@app.command()
def cancel(ctx: typer.Context, upload: Annotated[str, typer.Argument(metavar="UP", help="up_... id")]) -> None:
    """End a session and drop what arrived. Asks first. Example: nexus session cancel up_..."""
    nx = invocation.of(ctx)
    upload_id = references.typed(upload, "up")
    nx.confirm(f"drop {upload_id} and the bytes received?")
    answer = nx.client.persistent("DELETE", f"/v1/uploads/{upload_id}", headers={"Tus-Resumable": "1.0.0"})
    if not answer.ok:
        raise answer.failure("session cancel")
    nx.out.note(f"cancelled {upload_id}")
