"""Scans small files for the tests: text in, answer out, and the canonical rows read back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from datasets.quality import scan

REAL = Path(os.environ.get("NEXUS_REALDATA", Path(__file__).parents[4] / "shared/data"))
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data at {REAL} (NEXUS_REALDATA)")

CSV = {
    "format": "csv",
    "compression": None,
    "encoding": "utf-8",
    "delimiter": ",",
    "quote": '"',
    "header": True,
    "skipRows": 0,
    "timezone": "UTC",
    "symbol": "X",
}
COLUMNS = {
    "trades": ("ts_event", "price", "size"),
    "quotes": ("ts_event", "bid", "bid_size", "ask", "ask_size"),
    "bars": ("ts_event", "open", "high", "low", "close", "volume"),
}
NOW_NS = 1_790_000_000_000_000_000


def run(raw, out, plan, **more):
    """Scan a file; `out` is made."""
    out.mkdir(parents=True)
    messages = []
    params = {"raw": str(raw), "plan": plan, "out_dir": str(out), "nowNs": NOW_NS, **more}
    answer = scan.scan(params, messages.append)
    assert messages[-1]["phase"] == "validate"
    assert messages[-1]["done"] == messages[-1]["total"] or check(answer, "schema.file")["count"]
    rows = answer["rows"]
    assert rows["read"] == rows["accepted"] + rows["rejected"] + rows["duplicatesDropped"]
    assert rows["accepted"] == sum(file["rows"] for file in answer["files"])
    json.dumps(answer, allow_nan=False)
    return answer


def text(tmp_path, kind, lines, columns=None, **more):
    """Scan CSV lines of a kind; times are epoch nanoseconds unless the plan says otherwise."""
    columns = columns or COLUMNS[kind]
    number = len(list(tmp_path.iterdir()))
    raw = tmp_path / f"raw-{number}.csv"
    raw.write_text("\n".join([",".join(columns), *lines]) + "\n")
    plan = {**CSV, "kind": kind, "columnMapping": {name: name for name in columns}, **more.pop("plan", {})}
    if "symbol" in columns:
        plan["symbol"] = None
    return run(raw, tmp_path / f"out-{number}", plan, **more)


def check(answer, name):
    """Return one check of the report."""
    return next(each for each in answer["report"]["checks"] if each["id"] == name)


def found(answer):
    """Return {check id: count} of every check that found something."""
    return {each["id"]: each["count"] for each in answer["report"]["checks"] if each["count"]}


def table(answer, number=0):
    """Return a canonical file."""
    return pq.read_table(answer["files"][number]["path"])


def column(answer, name, number=0):
    """Return a column of a canonical file as a list; times as ns."""
    values = table(answer, number).column(name)
    return (values.cast("int64") if name == "ts_event" else values).to_pylist()


def rejects(answer):
    """Return the lines of the rejects file."""
    return [json.loads(line) for line in Path(answer["rejects"]["path"]).read_text().splitlines()]
