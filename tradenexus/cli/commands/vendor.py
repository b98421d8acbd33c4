"""`nexus vendor`: whom the platform can ask for data."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params
from tradenexus.cli.failures import Missing
from tradenexus.cli.output import Column

app = params.noun("Vendors: whom the platform can ask for data.")

COLUMNS = (
    Column("NAME", "name"),
    Column("CONFIGURED", "configured"),
    Column("OFFLINE", "offline", drop=2),
    Column("TABLES", "tables"),
    Column("MISSING", "missing", drop=1),
)


def _row(vendor: dict[str, Any]) -> dict[str, Any]:
    tables = ", ".join(sorted({each["table"] for each in vendor["capabilities"]}))
    return {**vendor, "tables": tables, "missing": ", ".join(vendor["missing"])}


TABLES = (
    Column("TABLE", "table"),
    Column("INTERVAL", "interval", drop=2),
    Column("TYPES", "types", drop=1),
    Column("INSTRUMENTS", "names"),
)


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the vendors, the preferred one first, with the tables that each can fill.

    Example: nexus vendor list
    """
    nx = invocation.of(ctx)
    items = nx.client.get("/v1/vendors")["items"]
    shown = items if nx.out.structured else [_row(each) for each in items]
    nx.out.rows(shown, COLUMNS, f"{len(items)} vendors")


@app.command()
def show(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="VENDOR", help="Its name.")]) -> None:
    """Show the tables that a vendor can fill, and of which instruments. Example: nexus vendor show replay"""
    nx = invocation.of(ctx)
    known = nx.client.get("/v1/vendors")["items"]
    found = next((each for each in known if each["name"] == name), None)
    if found is None:
        names = ", ".join(each["name"] for each in known)
        raise Missing(f"there is no vendor {name!r}", why=f"there are: {names or 'none'}", hint="nexus vendor list")
    if nx.out.structured:
        nx.out.document(found)
        return
    rows = [
        {**each, "types": ", ".join(each["assetTypes"]) or "any", "names": _names(each)}
        for each in found["capabilities"]
    ]
    nx.out.rows(rows, TABLES, found["fault"] or f"{len(rows)} tables")


def _names(capability: dict[str, Any]) -> str:
    if capability["instruments"] is not None:
        return ", ".join(capability["instruments"])
    return ", ".join(f"{venue}:*" for venue in capability["venues"]) or "any"
