"""Downloads as a command shows them: the name of the file, the progress line, the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradenexus.cli import downloads
from tradenexus.cli.output import Column
from tradenexus.cli.progress import Board, Meter
from tradenexus.cli.references import Target

if TYPE_CHECKING:
    from tradenexus.cli.client import Client
    from tradenexus.cli.invocation import Invocation

COLUMNS = (
    Column("file", "file"),
    Column("size bytes", "sizeBytes"),
    Column("sha256", "sha256"),
    Column("verified", "verified"),
)


def stem(client: Client, target: Target) -> str:
    """Return the dataset's name without a data file's ending."""
    name = str(client.get(target.path)["dataset"].get("name") or target.dataset_id)
    for ending in (".gz", ".zst", ".bz2", ".csv", ".parquet", ".jsonl", ".json", ".arrow", ".feather"):
        name = name.removesuffix(ending)
    return name


def suffix(version: dict[str, Any], format_: str | None) -> str:
    """Return the ending of the file: the format asked for, or Parquet, which versions are stored in."""
    if format_:
        return f".{format_}"
    return (
        ".parquet" if version.get("rowCount") is not None else Path(str(version.get("filename") or "")).suffix or ".bin"
    )


def fetch(nx: Invocation, path: str, params: dict[str, Any], target: Path) -> None:
    """Fetch one file with a progress line on stderr and print what came."""
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
    result = {
        "file": str(target),
        "sizeBytes": target.stat().st_size,
        "sha256": sha256,
        "verified": bool(download.sha256),
    }
    nx.out.facts(result, COLUMNS)
    if not download.sha256:
        nx.out.note("the server promised no digest; the SHA-256 above is of what came")
