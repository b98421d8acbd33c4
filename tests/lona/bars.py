"""Canonical bar files for the tests: written with the columns and metadata of the canonical format."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MINUTE = 60_000_000_000
DAY = 86_400_000_000_000
START = 1_570_752_000_000_000_000  # 2019-10-11T00:00:00Z


def times(count: int, start: int = START, step: int = MINUTE) -> list[int]:
    return [start + i * step for i in range(count)]


def write_bars(path: Path, ts_ns: list[int], volume: list[float | None] | None = None, row_group: int = 50) -> Path:
    count = len(ts_ns)
    close = [100.0 + (i % 7) * 0.1 for i in range(count)]
    table = pa.table(
        {
            "ts_event": pa.array(ts_ns, pa.int64()).cast(pa.timestamp("ns", "UTC")),
            "open": [value - 0.05 for value in close],
            "high": [value + 1 / 3 for value in close],
            "low": [value - 1 / 3 for value in close],
            "close": close,
            "volume": pa.array(volume if volume is not None else [1.5 + i for i in range(count)], pa.float64()),
            "trades": pa.array([3] * count, pa.int64()),
            "filled": [False] * count,
        }
    )
    pq.write_table(table.replace_schema_metadata({"nexus.kind": "bar"}), path, row_group_size=row_group)
    return path
