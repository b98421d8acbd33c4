"""Arguments and options that several commands share, written once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradenexus.cli import suggestions

Ref = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="name, name@7, name@published, ds_..., or a page's URL.",
        autocompletion=suggestions.datasets,
    ),
]
Limit = Annotated[int, typer.Option("--limit", "-L", min=1, help="At most this many.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it has ended.")]
Mapping = Annotated[
    list[str] | None, typer.Option("--map", metavar="TARGET=COLUMN", help="Say which column is what; may be repeated.")
]
Zone = Annotated[str | None, typer.Option("--tz", help="Zone of naive times, as in Europe/Berlin.")]
Unit = Annotated[str | None, typer.Option("--ts-unit", help="Unit of numeric times: s, ms, us, ns.")]
Kind = Annotated[str | None, typer.Option("--kind", help="trades, quotes or bars.")]
Vendor = Annotated[str | None, typer.Option("--vendor", help="Where the dataset was got.")]
AssetClass = Annotated[
    str | None,
    typer.Option("--asset-class", help="equity, etf, index, future, option, forex, crypto, bond or commodity."),
]
QualityProfile = Annotated[str | None, typer.Option("--profile", help="Quality profile: lenient, standard, strict.")]

_PLAIN: dict[str, Any] = {
    "add_completion": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["--help", "-h"]},
}


def noun(text: str) -> typer.Typer:
    """Return the application of a noun: a group of verbs, help when none is given."""
    return typer.Typer(help=text, no_args_is_help=True, **_PLAIN)


def verb() -> typer.Typer:
    """Return the application of a command that stands alone."""
    return typer.Typer(**_PLAIN)
