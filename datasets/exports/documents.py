"""The files of a bundle beside its data: manifest, held_back.json, SHA256SUMS and the README of the layout.

None of them names a time of building, and the manifest alone names the night: what does not change is not sent again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

FORMAT = "nexus-bundle-1"
MANIFEST, SUMS = "manifest.json", "SHA256SUMS"


@dataclass(frozen=True)
class Listed:
    """One file of a bundle. `recipe` is the digest of what it was made from, empty for what is always written."""

    path: str
    sha256: str
    size_bytes: int
    rows: int | None = None
    recipe: str = ""


def text(value: Any) -> bytes:
    """Return a JSON document as it stands in a bundle: readable, keys in the order given, one newline at the end."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def manifest(night: date, parameters: dict[str, Any], summary: dict[str, Any], files: Sequence[Listed]) -> bytes:
    """Return manifest.json: what the bundle is and every file of it with size, rows and SHA-256, sorted by path.

    `digest` is the SHA-256 of the same document without it, as compact JSON with sorted keys: it verifies itself.
    """
    told = {
        "format": FORMAT,
        "night": night.isoformat(),
        "parameters": parameters,
        "tables": summary,
        "totals": {
            "files": len(files),
            "sizeBytes": sum(each.size_bytes for each in files),
            "rows": sum(part["rows"] for part in summary.values()),
            "partitions": sum(part["partitions"] for part in summary.values()),
            "heldBack": sum(part["heldBack"] for part in summary.values()),
        },
        "files": [_file(each) for each in sorted(files, key=lambda one: one.path)],
    }
    return text({**told, "digest": digest(told)})


def digest(told: dict[str, Any]) -> str:
    """Return the digest of a manifest, its own `digest` left out."""
    plain = {name: value for name, value in told.items() if name != "digest"}
    sent = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(sent.encode()).hexdigest()


def sums(files: Iterable[Listed]) -> bytes:
    """Return SHA256SUMS: `sha256sum -c SHA256SUMS` checks a bundle with nothing of ours."""
    return "".join(f"{each.sha256}  {each.path}\n" for each in sorted(files, key=lambda one: one.path)).encode()


def _file(each: Listed) -> dict[str, Any]:
    told: dict[str, Any] = {"path": each.path, "sha256": each.sha256, "sizeBytes": each.size_bytes}
    return told if each.rows is None else {**told, "rows": each.rows}


def readme(parameters: dict[str, Any]) -> bytes:
    """Return README.md of a bundle."""
    amber = "and AMBER sessions are in it too" if parameters.get("includeAmber") else "AMBER and RED sessions are not"
    return _README.format(amber=amber).encode()


_README = """# Market data of one night

Plain files; `manifest.json` says of which night. No program of the sender's is needed to read or to check them.

| path | what it is |
|---|---|
| `tables/<table>/<VENUE_SYMBOL>/<span>.parquet` | rows of one instrument; a span is a year, a month or a day, UTC |
| `qc/partition_status.parquet` | the verdict on each session that should be there, observed or not |
| `held_back.json` | the sessions that were left out, each with the reason |
| `catalog.json` | one object an instrument and interval: freshness, first and last date, quality score |
| `views.sql` | views for DuckDB, one a table, with the instrument as a column |
| `SHA256SUMS` | for `sha256sum -c SHA256SUMS` |
| `manifest.json` | every file with its size, rows and SHA-256; `digest` covers the manifest itself |

GREEN sessions are in it; {amber}. `catalog.json` and the ledger tell of all sessions, the ones left out too.
Rows are sorted by `ts_event`: nanoseconds UTC, of bars when they opened. Prices are as traded (raw). A folder is the
instrument's name with `_` for `:` and `~` for `=`; the name itself stands in each file's key-value metadata
(`nexus.instrument`), with table, schema version, interval and unit of time. Older files may lack columns that were
added later.

```sh
duckdb -init views.sql        # SELECT instrument, max(ts_event) FROM crypto_bars_1d GROUP BY 1;
python -c "import pandas; print(pandas.read_parquet('tables/crypto_bars_1d/BINANCE_ETH-BTC/2024.parquet'))"
sha256sum -c SHA256SUMS
```

polars: `pl.read_parquet('tables/<table>/*/*.parquet', hive_partitioning=False)`; Spark:
`spark.read.option('recursiveFileLookup', True).parquet('tables/<table>')` with
`spark.sql.legacy.parquet.nanosAsLong=true`. DuckDB keeps microseconds of `ts_event`; pandas, polars and pyarrow keep
nanoseconds.
"""
