"""Files that the browser's stack replays as a vendor: an instrument for each who walks, and one with a toxic day."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

WALKERS = ("mouse", "keyboard", "dark-phone")
DAYS, TOXIC_DAY = 40, 20


def instrument(name: str) -> str:
    """Return how the lake spells what a walker ingests."""
    return f"REPLAY:{name.upper().replace('-', '_')}"


def manifest(folder: Path) -> str:
    """Write the files and what they are; return the manifest's path."""
    sources = [_source(folder, name) for name in (*WALKERS, "toxic")]
    path = folder / "manifest.json"
    path.write_text(json.dumps({"sources": sources}))
    return str(path)


def _source(folder: Path, name: str) -> dict:
    # each has prices of its own: the lake refuses the rows of one instrument under the name of another
    level = 100.0 * (1 + [*WALKERS, "toxic"].index(name))
    closes = [level + number % 7 for number in range(DAYS)]
    if name == "toxic":
        closes[TOXIC_DAY] = 90_000.0
    rows = (f"{date(2024, 1, 1) + timedelta(days=at)},{one},{one},{one},{one},5\n" for at, one in enumerate(closes))
    (folder / f"{name}.csv").write_text("time,open,high,low,close,volume\n" + "".join(rows))
    return {
        "table": "crypto_bars_1d",
        "files": [f"{name}.csv"],
        "format": "csv",
        "instrument": instrument(name),
        "facts": {"type": "spot", "calendar": "24/7"},
        "time": {"column": "time", "unit": "date"},
        "columns": {one: one for one in ("open", "high", "low", "close", "volume")},
    }
