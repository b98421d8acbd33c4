"""Downloads as a command shows them: which files, under which names, with a progress line, and what came."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradenexus.cli import downloads
from tradenexus.cli.failures import Missing, Usage
from tradenexus.cli.output import Column
from tradenexus.cli.progress import Board, Meter
from tradenexus.cli.references import Target

if TYPE_CHECKING:
    from tradenexus.cli.invocation import Invocation

COLUMNS = (
    Column("FILE", "file"),
    Column("SIZE", "sizeBytes", right=True),
    Column("SHA-256", "sha256", drop=1),
    Column("VERIFIED", "verified", drop=2),
)


@dataclass(frozen=True)
class Wanted:
    """One file of a version: the query that names it, and what to call it."""

    params: dict[str, Any]
    name: str


def wanted(version: dict[str, Any], symbols: str | None, raw: bool | None) -> list[Wanted]:
    """Return the files meant: the raw file where there is one, else, or when symbols are named, Parquet per symbol."""
    number = version["version"]
    if raw or (raw is None and symbols is None and version.get("filename") and version.get("operation") == "upload"):
        if symbols:
            raise Usage("--raw is the whole file as it was uploaded", why="--symbols chooses among canonical files")
        name = downloads.safe_name(version.get("filename") or f"{version['datasetId']}-v{number}")
        return [Wanted({"version": number, "what": "raw"}, name)]
    files = version.get("files") or []
    held = list(dict.fromkeys(file["symbol"] for file in files))
    chosen = [symbol for symbol in symbols.split(",") if symbol] if symbols else held
    missing = [symbol for symbol in chosen if symbol not in held]
    if missing or not chosen:
        raise Missing(
            f"version {number} has no {', '.join(missing) or 'files'}", why=f"it has {', '.join(held) or 'none'}"
        )
    return [_file(file, number, held, files) for symbol in chosen for file in files if file["symbol"] == symbol]


def _file(file: dict[str, Any], version: int, held: list[str], files: list[dict[str, Any]]) -> Wanted:
    symbol, venue = file["symbol"], "" if len(held) == len(files) else f"-{file['venue']}"
    params = {"version": version, "what": "canonical", "symbol": symbol, "file": file["number"]}
    return Wanted(params, downloads.safe_name(f"{symbol}{venue}-v{version}.parquet"))


def fetch_all(nx: Invocation, target: Target, version: dict[str, Any], files: list[Wanted], out: Path | None) -> None:
    """Fetch the files one after another into `out` (a folder, or the name of the only file) and print what came."""
    if out is not None and len(files) > 1 and not out.is_dir():
        raise Usage(f"{len(files)} files need a folder", why=f"{out} is none")
    paths = [out / file.name if out is not None and out.is_dir() else out or Path(file.name) for file in files]
    for path in paths:
        downloads.check_target(path, replace=nx.options.yes)
    results = [
        _fetch(nx, f"{target.path}/download", file.params, path) for file, path in zip(files, paths, strict=True)
    ]
    if len(results) == 1 and nx.out.structured:
        nx.out.document(results[0])
    else:
        nx.out.rows(results, COLUMNS)


def _fetch(nx: Invocation, path: str, params: dict[str, Any], target: Path) -> dict[str, Any]:
    meters: list[Meter] = []

    def moved(done: int, total: int) -> None:
        if not total:
            return
        if not meters:
            meters.append(Meter(total))
            meters[0].restart(done)
        meters[0].advance(done)
        board.show([(target.name, f"transfer  {meters[0].text()}", done * 100 // total)])

    with Board(quiet=nx.options.quiet) as board:
        download = downloads.Download(nx.client, path, params, target, moved)
        sha256 = download.run()
    if not download.sha256:
        nx.out.note("the server promised no digest; the SHA-256 is of what came")
    return {
        "file": str(target),
        "sizeBytes": target.stat().st_size,
        "sha256": sha256,
        "verified": bool(download.sha256),
    }
