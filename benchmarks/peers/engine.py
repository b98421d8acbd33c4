"""What other people's tools need for the same work, each run alone: `python benchmarks/peers/engine.py NAME PARAMS`.

Imports nothing of ours and stands in an environment of its own. Prints one JSON line {wall, cpu, rss, ...}: seconds
after all imports, and the largest resident memory in MiB.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_BYTES = 16 << 30
GAP_NS, JUMP = 300 * 1_000_000_000, 0.05


def polars_candles(params: dict[str, Any]) -> Callable[[], Any]:
    """Group each file by minute in the streaming engine, and write the bars."""
    import polars as pl

    def run() -> int:
        bars = 0
        for number, path in enumerate(params["files"]):
            out = Path(params["out_dir"]) / f"{number}.parquet"
            minutes = pl.scan_parquet(path).group_by(pl.col("ts_event").cast(pl.Int64) // 60_000_000_000)
            made = minutes.agg(
                pl.col("price").first().alias("open"),
                pl.col("price").max().alias("high"),
                pl.col("price").min().alias("low"),
                pl.col("price").last().alias("close"),
                pl.col("size").sum().alias("volume"),
                pl.len().alias("trades"),
            )
            made.sort("ts_event").collect(engine="streaming").write_parquet(out)
            bars += 1
        return bars

    return run


def duckdb_candles(params: dict[str, Any]) -> Callable[[], Any]:
    """Group each file by minute, the first and last row by their number in the file, and write the bars."""
    import duckdb

    sql = """copy (select epoch_ns(ts_event) // 60000000000 as minute, arg_min(price, file_row_number) as open,
        max(price) as high, min(price) as low, arg_max(price, file_row_number) as close, sum(size) as volume,
        count(*) as trades from read_parquet('{path}', file_row_number = true) group by 1 order by 1)
        to '{out}' (format parquet)"""

    def run() -> int:
        connection = duckdb.connect()
        connection.execute("set memory_limit = '4GB'")
        for number, path in enumerate(params["files"]):
            connection.execute(sql.format(path=path, out=Path(params["out_dir"]) / f"{number}.parquet"))
        return len(params["files"])

    return run


def pandera(params: dict[str, Any]) -> Callable[[], Any]:
    """Read the file and check it by a pandera schema: nulls, order, repeats, signs, gaps and jumps of each symbol."""
    import pandas as pd
    import pandera.pandas as pa

    def steady(frame: Any) -> bool:
        return bool((frame.groupby("symbol", sort=False)["timestamp"].diff().astype("int64") <= GAP_NS).all())

    def calm(frame: Any) -> bool:
        return bool((frame.groupby("symbol", sort=False)["price"].pct_change().abs().fillna(0) <= JUMP).all())

    schema = pa.DataFrameSchema(
        {
            "timestamp": pa.Column(nullable=False, checks=pa.Check(lambda times: times.is_monotonic_increasing)),
            "symbol": pa.Column(nullable=False),
            "trade_id": pa.Column("int64", nullable=False),
            "price": pa.Column("float64", pa.Check.gt(0), nullable=False),
            "size": pa.Column("float64", pa.Check.gt(0), nullable=False),
            "side": pa.Column(nullable=False, checks=pa.Check.isin(["buy", "sell"])),
        },
        checks=[pa.Check(steady), pa.Check(calm)],
        unique=["symbol", "trade_id"],
    )

    def run() -> int:
        return len(schema.validate(pd.read_parquet(params["raw"]), lazy=True))

    return run


def great_expectations(params: dict[str, Any]) -> Callable[[], Any]:
    """Read the file and check it by expectations, without gaps and jumps, for which there are none."""
    import great_expectations as gx
    import pandas as pd

    expect = gx.expectations
    columns = ("timestamp", "symbol", "trade_id", "price", "size", "side")
    context = gx.get_context(mode="ephemeral")
    suite = gx.ExpectationSuite(name="trades")
    for column in columns:
        suite.add_expectation(expect.ExpectColumnValuesToNotBeNull(column=column))
    for column in ("price", "size"):
        suite.add_expectation(expect.ExpectColumnValuesToBeBetween(column=column, min_value=0, strict_min=True))
    suite.add_expectation(expect.ExpectColumnValuesToBeInSet(column="side", value_set=["buy", "sell"]))
    suite.add_expectation(expect.ExpectCompoundColumnsToBeUnique(column_list=["symbol", "trade_id"]))

    def run() -> bool:
        frame = pd.read_parquet(params["raw"])
        asset = context.data_sources.add_pandas("p").add_dataframe_asset("a")
        batch = asset.add_batch_definition_whole_dataframe("b").get_batch({"dataframe": frame})
        told = batch.validate(suite)
        if not told.success:
            raise ValueError(str(told)[:500])
        return True

    return run


def main() -> int:
    """Run the named function and tell what it took."""
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))
    run = globals()[sys.argv[1]](json.loads(sys.argv[2]))
    began, cpu = time.perf_counter(), time.process_time()
    run()
    told = {"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    # ru_maxrss would begin with that of the process this one was forked from
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({**told, "rss": int(peak.split()[1]) / 1024}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
