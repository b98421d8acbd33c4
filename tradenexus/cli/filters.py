"""The filters of the list of datasets as options, and saved views as a name for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradenexus.cli.failures import Missing, Usage

if TYPE_CHECKING:
    from tradenexus.cli.client import Client

State = Annotated[str | None, typer.Option(help="Only this status; several with commas.")]
Kind = Annotated[str | None, typer.Option(help="trades, quotes or bars.")]
Symbol = Annotated[str | None, typer.Option(help="Only with this symbol.")]
Vendor = Annotated[str | None, typer.Option(help="Only got there, exactly as it was said.")]
AssetClass = Annotated[str | None, typer.Option(help="Only of this class, as in equity or crypto.")]
Resolution = Annotated[str | None, typer.Option(help="ticks, or the interval of the bars, as in 1m or 1d.")]
Owner = Annotated[str | None, typer.Option(help="me, an e-mail address or a usr_... id.")]
Freshness = Annotated[str | None, typer.Option(help="Received within 24h, 7d or 30d, or older.")]
Search = Annotated[str | None, typer.Option("--search", "-s", help="Part of the name, or an id.")]
Sort = Annotated[str | None, typer.Option(help="Order, as the API names it.")]
View = Annotated[str | None, typer.Option(metavar="NAME", help="The filters of a saved view; options go before them.")]


def given(**options: str | None) -> dict[str, str]:
    """Return the filters that were given."""
    return {name: value for name, value in options.items() if value}


def said(vendor: str | None, asset_class: str | None, resolution: str | None) -> dict[str, str]:
    """Return those filters that were given, as the API names them."""
    return given(vendor=vendor, assetClass=asset_class, resolution=resolution)


def with_view(client: Client, filters: dict[str, str], view: str | None) -> dict[str, str]:
    """Return the filters over those of a saved view."""
    return (find(client, view)["filters"] if view else {}) | filters


def find(client: Client, view: str) -> dict[str, Any]:
    """Return a view by id or exact name, one's own before a shared one; Missing and Usage for none and several."""
    known = list(client.pages("/v1/views"))
    found = [one for one in known if view in (one["id"], one["name"])]
    found = [one for one in found if one["mine"]] or found
    if not found:
        names = ", ".join(sorted({one["name"] for one in known})[:10])
        why = f"there are: {names}" if names else "there are none"
        raise Missing(f"there is no view {view!r}", why=why, hint="nexus view list")
    if len(found) > 1:
        ids = ", ".join(one["id"] for one in found)
        raise Usage(f"{len(found)} shared views are called {view!r}", why=ids, hint="use one of the ids")
    return found[0]
