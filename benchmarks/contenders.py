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
    """Do what a validation job's child does."""
    from datasets.quality import reading

    given = {"raw": params["raw"], "filename": "tape.csv", "overrides": {}, "out_dir": params["out_dir"]}

    def run() -> dict[str, Any]:
        return {"files": reading.validate(given, emit)["files"]}

    return _timed(run)


def parse_csv(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Parse the same file to the same types, in blocks of the same size, and drop the rows."""
    import pyarrow as pa
    from pyarrow import csv

    types = {"timestamp": pa.int64(), "symbol": pa.dictionary(pa.int32(), pa.string()), "trade_id": pa.int64()}
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
    """Do what a candles job's child does."""
    from datasets.transforms import candles as product

    asked = {"kind": "trades", "frequency": "1m", "price": "trade", "emptyBars": "omit", "session": None}
    given = {**asked, "inputs": params["inputs"], "out_dir": params["out_dir"]}
    return _timed(lambda: {"rows": product.build(given, emit)["rows"]})


def decode(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Decode the columns that candles need, a row group at a time, and drop the rows."""
    import pyarrow.parquet as pq

    def run() -> dict[str, Any]:
        rows = 0
        for each in params["inputs"]:
            file = pq.ParquetFile(each["path"])
            for number in range(file.num_row_groups):
                rows += file.read_row_group(number, columns=["ts_event", "price", "size"]).num_rows
        return {"rows": rows}

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
