"""`nexus publish`: a version, or a slice of it, to the backtest provider."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from tradenexus.cli import invocation, params, references, waiting
from tradenexus.cli.commands.publication import FACTS
from tradenexus.cli.failures import Usage

app = params.verb()

_TIME = r"\d{4}-\d\d-\d\d(?:T\d\d(?::\d\d(?::\d\d(?:\.\d{1,9})?)?)?(?:Z|[+-]\d\d:\d\d)?)?"
_SLICE = re.compile(rf"({_TIME})?(?:\.\.|:)({_TIME})?")


@app.command()
def publish(
    ctx: typer.Context,
    ref: params.Ref,
    slice_: Annotated[
        str | None,
        typer.Option("--slice", metavar="START:END", help="Only this range, half-open: 2024-01-01:2024-07-01."),
    ] = None,
    symbols: Annotated[str | None, typer.Option(help="Only these symbols, with commas.")] = None,
    mode: Annotated[str | None, typer.Option(help="explicit (default) or just_in_time.")] = None,
    wait: params.Wait = False,
) -> None:
    """Publish to Lona; the same slice is never sent twice.

    Example: nexus publish btc@2 --slice 2024-01-01:2024-07-01 --wait
    """
    nx = invocation.of(ctx)
    body: dict[str, Any] = {"mode": mode, "slice": _part(slice_, symbols)}
    target = references.resolve(nx.client, ref)
    body = {key: value for key, value in (body | {"version": target.version}).items() if value is not None}
    answer = nx.client.post(f"{target.path}/publish/lona", body, patience_s=waiting.PATIENCE_S)
    publication = answer["publication"]
    if answer.get("job"):
        if wait:
            waiting.finish(nx, answer["job"], what="publish")
            publication = _fresh(nx, publication)
        else:
            waiting.announce(nx, answer["job"])
            publication = publication | {"job": answer["job"]}
    nx.out.facts(publication, FACTS, f"Web: {nx.web('publishes', publication['id'])}")


def _fresh(nx: invocation.Invocation, publication: dict[str, Any]) -> dict[str, Any]:
    body = nx.client.get(f"/v1/publications/{publication['id']}")
    return body.get("publication", body)


def _part(text: str | None, symbols: str | None) -> dict[str, Any] | None:
    """Return the slice of the API: start (inclusive), end (exclusive), symbols; None for the whole version."""
    found: dict[str, Any] = {}
    if text is not None:
        match = _SLICE.fullmatch(text)
        if not match or not any(match.groups()):
            raise Usage(
                f"--slice takes START:END, not {text!r}",
                why="ISO dates or times, UTC",
                hint="--slice 2024-01-01:2024-07-01",
            )
        start, end = match.groups()
        if start and end and start >= end:
            raise Usage(f"--slice ends ({end}) before it starts ({start})", why="ranges are half-open: [start, end)")
        found = {key: value for key, value in (("start", start), ("end", end)) if value}
    if symbols:
        found["symbols"] = [symbol for symbol in symbols.split(",") if symbol]
    return found or None
