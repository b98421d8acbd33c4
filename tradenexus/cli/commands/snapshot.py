"""`nexus snapshot`: entries of the lake frozen for a run, their proof, their files, and a matrix of returns."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tradenexus.cli import downloads, invocation, params, waiting
from tradenexus.cli.failures import Missing, Usage
from tradenexus.cli.output import Column

app = params.noun("Snapshots: entries of the lake as they were, frozen for a run.")

COLUMNS = (
    Column("NAME", "name"),
    Column("STATE", "state", state=True),
    Column("ENTRIES", "entries", right=True, drop=2),
    Column("SEGMENTS", "segments", right=True, drop=4),
    Column("BYTES", "sizeBytes", right=True, drop=3),
    Column("FROM", "start", drop=5),
    Column("TO", "end", drop=5),
    Column("PINNED", "pinned", drop=6),
    Column("ID", "id", drop=1),
)
FACTS = (
    *(Column(c.title.lower(), c.path, state=c.state) for c in COLUMNS),
    Column("tables", "tables"),
    Column("grade", "grade"),
    Column("rows", "rows"),
    Column("digest", "digest"),
    Column("as of", "createdAt"),
    Column("expires", "expiresAt"),
    Column("verified", "verifiedAt"),
    Column("damaged", "damaged"),
)
MEMBERS = (
    Column("TABLE", "table"),
    Column("INSTRUMENT", "instrument"),
    Column("REVISION", "revision", right=True, drop=3),
    Column("GRADE", "grade", drop=2),
    Column("ROWS", "segment.rows", right=True, drop=4),
    Column("FIRST", "segment.first", drop=5),
    Column("LAST", "segment.last", drop=5),
    Column("SHA-256", "segment.sha256", drop=1),
)
USES = (
    Column("WHAT", "kind"),
    Column("STATE", "state", state=True),
    Column("WHEN", "createdAt"),
    Column("LABEL", "label"),
    Column("ID", "id", drop=1),
)
MATRIX = (
    Column("id", "id"),
    Column("state", "state", state=True),
    Column("table", "table"),
    Column("kept", "kept"),
    Column("days", "days"),
    Column("dropped", "dropped"),
    Column("sha256", "sha256"),
    Column("job", "jobId"),
)
DROPS = (Column("CANDIDATE", "candidate"), Column("REASON", "reason"), Column("WHY", "words", drop=1))
Snap = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Its name (the run's id), or its snap_... id.")]


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The run's id.")],
    start: Annotated[str, typer.Option("--from", help="First day, or time with an offset.")],
    end: Annotated[str, typer.Option("--to", help="Day or time after the last; not part of the range.")],
    table: Annotated[list[str], typer.Option("--table", help="Table of the lake; may be repeated.")],
    instrument: Annotated[
        list[str] | None, typer.Option("--instrument", "-i", help="VENUE:SYMBOL; may be repeated.")
    ] = None,
    instruments_from: Annotated[
        Path | None, typer.Option("--instruments-from", metavar="FILE", help="One VENUE:SYMBOL a line; - is stdin.")
    ] = None,
    max_staleness_s: Annotated[
        float | None, typer.Option("--max-staleness", metavar="SECONDS", help="Fetched no longer ago than this.")
    ] = None,
    grade: Annotated[str, typer.Option(help="The least each session must have: GREEN, AMBER or ANY.")] = "AMBER",
    allow_short: Annotated[bool, typer.Option("--allow-short", help="Not all need to cover the range.")] = False,
    expires: Annotated[str | None, typer.Option("--expires", metavar="TIME", help="When it may go.")] = None,
) -> None:
    """Freeze what a run needs, or list all that is missing, stale, ungraded or short.

    Example: nexus snapshot create run-1 --table equities_bars -i XNYS:AIG --from 2024-01-01 --to 2025-01-01
    """
    nx = invocation.of(ctx)
    chosen = [*(instrument or []), *(_lines(instruments_from) if instruments_from else [])]
    if not chosen:
        raise Usage("name instruments with --instrument or --instruments-from")
    body: dict[str, Any] = {"name": name, "instruments": chosen, "tables": table, "start": start, "end": end}
    body |= {"grade": grade, "allowShort": allow_short}
    body |= {"maxStalenessSeconds": max_staleness_s} if max_staleness_s is not None else {}
    body |= {"expiresAt": expires} if expires else {}
    _show(nx, nx.client.post("/v1/snapshots", body)["snapshot"])


@app.command("list")
def list_(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="frozen or expired.")] = None,
    instrument: Annotated[str | None, typer.Option(help="Only those that hold it.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Only those that had been made by then.")] = None,
    limit: params.Limit = 50,
) -> None:
    """List snapshots, newest first. Example: nexus snapshot list --instrument XNYS:AIG"""
    nx = invocation.of(ctx)
    asked = {"state": state, "instrument": instrument, "asOf": as_of}
    items = list(nx.client.pages("/v1/snapshots", asked, limit=limit))
    nx.out.rows(items, COLUMNS, f"{len(items)} snapshots - Web: {nx.web('lakehouse', 'snapshots')}")


@app.command()
def show(
    ctx: typer.Context,
    snapshot: Snap,
    members: Annotated[bool, typer.Option("--members", help="List its segments with their checksums.")] = False,
    uses: Annotated[bool, typer.Option("--uses", help="List what was made of it.")] = False,
    limit: params.Limit = 1000,
) -> None:
    """Show one snapshot, what it holds, or what uses it. Example: nexus snapshot show run-1 --members"""
    nx = invocation.of(ctx)
    found = _find(nx, snapshot)
    if uses:
        used = nx.client.get(f"/v1/snapshots/{found['id']}")["usedBy"]
        nx.out.rows(used, USES, f"{len(used)} uses - Web: {nx.web('lakehouse', 'snapshots', found['id'])}")
        return
    if not members:
        _show(nx, found)
        return
    items = list(nx.client.pages(f"/v1/snapshots/{found['id']}/members", limit=limit))
    nx.out.rows(items, MEMBERS, f"{len(items)} members - Web: {nx.web('lakehouse', 'snapshots', found['id'])}")


@app.command()
def verify(ctx: typer.Context, snapshot: Snap, wait: params.Wait = False) -> None:
    """Compare every member's bytes with its digest. Example: nexus snapshot verify run-1 --wait"""
    nx = invocation.of(ctx)
    _job(nx, nx.client.post(f"/v1/snapshots/{_find(nx, snapshot)['id']}:verify", {}), wait, "verify")


@app.command()
def materialise(
    ctx: typer.Context,
    snapshot: Snap,
    layout: Annotated[str, typer.Option(help="single (a file an entry) or segments.")] = "single",
    folder: Annotated[str, typer.Option("--to", metavar="FOLDER", help="Run's folder at the server, relative.")] = "",
    wait: params.Wait = False,
) -> None:
    """Put it down as files in a folder of the server.

    Example: nexus snapshot materialise run-1 --to run-1/data --wait
    """
    nx = invocation.of(ctx)
    body = {"layout": layout, "folder": folder}
    _job(nx, nx.client.post(f"/v1/snapshots/{_find(nx, snapshot)['id']}:materialise", body), wait, "materialise")


@app.command()
def pin(
    ctx: typer.Context,
    snapshot: Snap,
    off: Annotated[bool, typer.Option("--off", help="Unpin: let it expire on its day.")] = False,
) -> None:
    """Keep a snapshot for good. Example: nexus snapshot pin run-1"""
    nx = invocation.of(ctx)
    verb = "unpin" if off else "pin"
    _show(nx, nx.client.post(f"/v1/snapshots/{_find(nx, snapshot)['id']}:{verb}", {})["snapshot"])


@app.command()
def expire(ctx: typer.Context, snapshot: Snap) -> None:
    """Let a snapshot go now; name and digest are kept. Asks first. Example: nexus snapshot expire run-1"""
    nx = invocation.of(ctx)
    found = _find(nx, snapshot)
    nx.confirm(f"let the snapshot {found['name']!r} go, with {found['segments']} segments and its files?")
    _show(nx, nx.client.delete(f"/v1/snapshots/{found['id']}")["snapshot"])


@app.command()
def matrix(
    ctx: typer.Context,
    snapshot: Snap,
    candidates: Annotated[Path, typer.Argument(help="JSON: a list of VENUE:SYMBOL, or {meta, data}; - is stdin.")],
    table: Annotated[str, typer.Option(help="Table of daily bars, where the snapshot has several.")] = "",
    min_days: Annotated[int | None, typer.Option("--min-days", help="Returns at least.")] = None,
    max_missing: Annotated[
        float | None, typer.Option("--max-missing", metavar="PERCENT", help="Dates without a return at most.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Wait, and fetch the matrix into this file.")] = None,
    wait: params.Wait = False,
) -> None:
    """Make returns_matrix.parquet of candidates.

    Example: nexus snapshot matrix run-1 candidates.json --out returns_matrix.parquet
    """
    nx = invocation.of(ctx)
    at = f"/v1/snapshots/{_find(nx, snapshot)['id']}/returns-matrix"
    body: dict[str, Any] = {"candidates": _document(candidates), "table": table}
    body |= {"minDays": min_days} if min_days is not None else {}
    body |= {"maxMissingPct": max_missing} if max_missing is not None else {}
    asked = nx.client.post(at, body)
    made = asked["matrix"]
    if asked["job"] and (wait or out):
        waiting.finish(nx, asked["job"], what="matrix")
        made = nx.client.get(f"{at}/{made['id']}")["matrix"]
    elif asked["job"]:
        waiting.announce(nx, asked["job"])
    if out:
        downloads.Download(nx.client, f"{at}/{made['id']}/download", {}, out).run()
    if nx.out.structured:
        nx.out.document(made)
        return
    nx.out.facts(made, MATRIX, f"saved {out}" if out else "")
    if made["drops"]:
        nx.out.rows(made["drops"], DROPS, f"{len(made['drops'])} candidates dropped")


def _find(nx: invocation.Invocation, snapshot: str) -> dict[str, Any]:
    if snapshot.startswith("snap_"):
        return dict(nx.client.get(f"/v1/snapshots/{snapshot}")["snapshot"])
    found = next(iter(nx.client.pages("/v1/snapshots", {"name": snapshot}, limit=1)), None)
    if found is None:
        raise Missing(f"no snapshot {snapshot!r}", hint="nexus snapshot list")
    return dict(found)


def _show(nx: invocation.Invocation, item: dict[str, Any]) -> None:
    nx.out.facts(item, FACTS, f"Web: {nx.web('lakehouse', 'snapshots', item['id'])}")


def _job(nx: invocation.Invocation, body: dict[str, Any], wait: bool, what: str) -> None:
    job = waiting.finish(nx, body["job"], what=what) if wait else body["job"]
    if not wait:
        waiting.announce(nx, job)
    nx.out.facts(job, (Column("job", "id"), Column("state", "state", state=True), Column("result", "result")))


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in _text(path).splitlines() if line.strip() and not line.startswith("#")]


def _document(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except ValueError as error:
        raise Usage(f"{path} is not JSON: {error}") from error


def _text(path: Path) -> str:
    return sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
