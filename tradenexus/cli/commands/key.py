"""`nexus key`: API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from tradenexus.cli import invocation, params, references
from tradenexus.cli.client import Cut, new_key
from tradenexus.cli.failures import Unreachable, Usage
from tradenexus.cli.output import Column

app = params.noun("API keys.")

COLUMNS = (
    Column("ID", "id", drop=1),
    Column("NAME", "name"),
    Column("PREFIX", "prefix"),
    Column("SCOPES", "scopes"),
    Column("LAST USED", "lastUsedAt", drop=2),
    Column("EXPIRES", "expiresAt", drop=3),
    Column("REVOKED", "revokedAt", drop=4),
)
SCOPES = ("read", "write", "publish", "admin")


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="read, write, publish, admin; may be repeated.")
    ] = None,
    expires: Annotated[int | None, typer.Option("--expires", min=1, metavar="DAYS", help="Days until it ends.")] = None,
) -> None:
    """Make a key; its secret is printed once. Example: nexus key create ci --scope read --scope write --expires 90"""
    nx = invocation.of(ctx)
    scopes = scope or ["read"]
    if not set(scopes) <= set(SCOPES):
        raise Usage(f"no such scope: {', '.join(sorted(set(scopes) - set(SCOPES)))}", why=f"one of {', '.join(SCOPES)}")
    body: dict[str, object] = {"name": name, "scopes": scopes}
    if expires:
        body["expiresAt"] = (datetime.now(UTC) + timedelta(days=expires)).isoformat(timespec="seconds")
    try:  # once: a lost answer holds a secret that cannot be shown again, so it is not asked for twice
        answer = nx.client.attempt("POST", "/v1/keys", body=body, headers={"Idempotency-Key": new_key()})
    except Cut as error:
        raise Unreachable(
            "no answer; a key may have been made", why=str(error), hint="nexus key list, nexus key revoke"
        ) from error
    if not answer.ok:
        raise answer.failure("key create")
    if nx.out.structured:
        nx.out.document(answer.body)
        return
    nx.out.line(answer.body["secret"])
    nx.out.note(f"{answer.body['key']['id']}: shown once; use it with `nexus auth login --with-token`")


@app.command("list")
def list_(ctx: typer.Context, limit: params.Limit = 50) -> None:
    """List keys; secrets are never shown. Example: nexus key list"""
    nx = invocation.of(ctx)
    items = list(nx.client.pages("/v1/keys", limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} keys - Web: {nx.web('settings', 'keys')}")


@app.command()
def revoke(ctx: typer.Context, key: Annotated[str, typer.Argument(metavar="KEY", help="key_... id")]) -> None:
    """Revoke a key; its next request is refused. Asks first. Example: nexus key revoke key_..."""
    nx = invocation.of(ctx)
    key_id = references.typed(key, "key")
    nx.confirm(f"revoke {key_id}?")
    nx.client.delete(f"/v1/keys/{key_id}")
    nx.out.told({"id": key_id, "state": "revoked"}, f"revoked {key_id}")
