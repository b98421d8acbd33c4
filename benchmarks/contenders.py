"""What the engine benchmark runs in its children: the product's own functions, the bare libraries, and pandas.

Each takes (params, emit) like any work of the engine and returns {wall, cpu, rss}: seconds inside the function after
all imports, and the largest resident memory of the child in MiB.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Emit = Callable[[dict[str, Any]], None]
BLOCK_BYTES = 2 << 20  # as the product's reader


def start(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Do nothing: what a child costs."""
    return _timed(lambda: {})


def validate(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Do what a validation job's child does; `dry`: all but writing the canonical files."""
    from datasets.quality import lanes, reading

    name = params.get("filename", "tape.csv")
    given = {"raw": params["raw"], "filename": name, "overrides": {}, "out_dir": params["out_dir"]}
    if params.get("dry"):
        lanes.canonical.writer = Unwritten  # type: ignore[assignment]

    def run() -> dict[str, Any]:
        told = reading.validate(given, emit)
        if told["report"]["grade"] != "GREEN" and not name.endswith(".csv"):
            raise ValueError(f"the tape is {told['report']['grade']}")
        return {"files": told["files"]}

    return _timed(run)


class Unwritten:
    """Takes the rows of a canonical file and writes none."""

    def __init__(self, path: Path, kind: str, metadata: dict[str, str]):
        self.path, self.rows, self.ends = path, 0, (0, 0)
        path.touch()

    def write(self, table: Any) -> None:
        """Count the rows."""
        self.rows += table.num_rows

    def close(self) -> Any:
        """Return what a writer does, of no bytes."""
        from datasets.engine import canonical

        return canonical.Written(str(self.path), self.rows, 0, "", *self.ends)


def checks(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Run the checks of trades over files of one instrument each that are in order already."""
    import time as clock

    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from datasets.quality import checks as families
    from datasets.quality import thresholds
    from datasets.quality.checks.duplicates import Repeats
    from datasets.quality.result import Block, Findings

    names = ["ts_event", "sequence", "price", "size", "side"]
    limits = thresholds.resolve(None, None)

    def one(path: str, findings: Findings) -> int:
        suite = families.suite("trades", findings, limits, clock.time_ns(), None, None)
        repeats, at = Repeats(findings, findings, "trades", unique_ids=True), 0
        for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(65_536, columns=names, use_threads=False):
            columns = {name: batch.column(name).to_numpy() for name in ("price", "size")}
            columns["side"] = batch.column("side").cast(pa.float64()).to_numpy()
            ts = batch.column("ts_event").view(pa.int64()).to_numpy()
            block = Block("x", ts, np.arange(at, at + len(ts)), columns)
            repeats.push(block, [ts, batch.column("sequence").to_numpy()], np.ones(len(ts), bool))
            for check in suite:
                check.push(block)
            at += len(ts)
        families.finish(suite)
        return at

    findings = Findings()
    return _timed(lambda: {"rows": sum(one(each["path"], findings) for each in params["inputs"])})


def parse_csv(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Parse the same file to the same types, in blocks of the same size, and drop the rows; `stamps`: text or whole."""
    import pyarrow as pa
    from pyarrow import csv

    stamp = pa.timestamp("us", "UTC") if params.get("stamps") == "text" else pa.int64()
    types = {"timestamp": stamp, "symbol": pa.dictionary(pa.int32(), pa.string()), "trade_id": pa.int64()}
    types |= {"price": pa.float64(), "size": pa.float64(), "side": pa.dictionary(pa.int32(), pa.string())}

    def run() -> dict[str, Any]:
        reader = csv.open_csv(
            params["raw"],
            read_options=csv.ReadOptions(block_size=BLOCK_BYTES),
            convert_options=csv.ConvertOptions(column_types=types),
        )
        return {"rows": sum(batch.num_rows for batch in reader)}

    return _timed(run)


def candles(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Do what a candles job's child does; `digests` are those of the files."""
    from datasets.transforms import candles as product

    asked = {"kind": "trades", "price": "trade", "emptyBars": "omit", "session": None}
    given = {**asked, "frequencies": ["1m"], **params}

    def run() -> dict[str, Any]:
        made = product.build_many(given, emit)["made"]
        return {"rows": made[0]["rows"], "digests": [file["sha256"] for one in made for file in one["files"]]}

    return _timed(run)


def decode(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Decode the columns that candles need, a row group at a time, and drop the rows."""
    import pyarrow.parquet as pq

    columns = params.get("columns") or ["ts_event", "price", "size"]

    def run() -> dict[str, Any]:
        rows = 0
        for each in params["inputs"]:
            file = pq.ParquetFile(each["path"])
            for number in range(file.num_row_groups):
                rows += file.read_row_group(number, columns=columns).num_rows
        return {"rows": rows}

    return _timed(run)


def decode_tape(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Decode all columns of one file, a row group at a time, and drop the rows."""
    import pyarrow.parquet as pq

    def run() -> dict[str, Any]:
        file = pq.ParquetFile(params["raw"])
        return {"rows": sum(file.read_row_group(number).num_rows for number in range(file.num_row_groups))}

    return _timed(run)


def pandas_resample(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Make the same bars the usual way: read, resample, write, an instrument after another."""
    import pandas as pd

    def run() -> dict[str, Any]:
        rows = 0
        for number, each in enumerate(params["inputs"]):
            trades = pd.read_parquet(each["path"], columns=["ts_event", "price", "size"]).set_index("ts_event")
            minutes = trades.resample("1min", label="left")
            bars = minutes["price"].ohlc()
            bars["volume"], bars["trades"] = minutes["size"].sum(), minutes["price"].count()
            bars = bars[bars["trades"] > 0]
            bars.to_parquet(Path(params["out_dir"]) / f"{number}.parquet")
            rows += len(bars)
        return {"rows": rows}

    return _timed(run)


def _timed(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    began, cpu = time.perf_counter(), time.process_time()
    told = run()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {**told, "wall": wall, "cpu": cpu, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
