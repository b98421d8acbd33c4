"""The data of the scale benchmark, made by numpy a piece at a time: no more than one piece is ever in memory.

Fifty instruments with about twenty trades a second each, a quarter of the trades at the time of the one before them.
For candles: canonical files, and the same as pyarrow writes by default, one an instrument. For validation, interleaved
as they come from a recorder: one Parquet file, and a short one for what reads into memory; a CSV of twenty symbols with
a third of the rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from datasets.engine import canonical
from datasets.market import schemas

INSTRUMENTS, SYMBOLS = 50, 20
SHORT_ROWS, CSV_ROWS = 5_000_000, 33_000_000
PIECE = 1 << 20
START_NS = 1_704_672_000_000_000_000  # 2024-01-08T00:00:00Z
MEAN_NS = 50_000_000
FORMAT = 1


def made(folder: Path, rows: int, part: str) -> Path:
    """Return the folder with the data of a part (candles, validation, csv); its truth is written last."""
    own = folder / f"market-{rows}"
    truth = own / f"{part}.json"
    if not truth.exists():
        own.mkdir(parents=True, exist_ok=True)
        _MAKE[part](own, rows)
        truth.write_text(json.dumps({"format": FORMAT, "rows": rows}))
    return own


def _candles(folder: Path, rows: int) -> None:
    _instruments(folder, rows // INSTRUMENTS)


def _validation(folder: Path, rows: int) -> None:
    _interleaved(folder / "tape.parquet", rows, INSTRUMENTS)
    _interleaved(folder / "short.parquet", min(SHORT_ROWS, rows), INSTRUMENTS)


def _csv(folder: Path, rows: int) -> None:
    _interleaved(folder / "tape.csv", min(CSV_ROWS, rows // 3), SYMBOLS)


_MAKE = {"candles": _candles, "validation": _validation, "csv": _csv}


def _times(random: np.random.Generator, clock: int, count: int, mean: int) -> np.ndarray:
    # a quarter of the steps is nought, the others are so much longer
    steps = random.exponential(mean * 4 / 3, count).astype(np.int64) // 1000 * 1000 + 1000
    steps[random.random(count) < 0.25] = 0
    return clock + np.cumsum(steps)


def _sizes(random: np.random.Generator, count: int) -> np.ndarray:
    return np.round(random.lognormal(0, 1.5, count), 3) + 0.001


def _instruments(folder: Path, rows: int) -> None:
    for number in range(INSTRUMENTS):
        name = f"SIM{number:03d}"
        plain: pq.ParquetWriter | None = None
        metadata = schemas.metadata("trades", name)
        with canonical.writer(folder / f"canonical-{number:03d}.parquet", "trades", metadata) as writer:
            for table in _one(number, rows):
                writer.write(table)
                plain = plain or pq.ParquetWriter(folder / f"default-{number:03d}.parquet", table.schema)
                plain.write_table(table)
            writer.close()
        if plain is not None:
            plain.close()


def _one(number: int, rows: int) -> Iterator[pa.Table]:
    random = np.random.default_rng([20_240_108, number])
    clock, ticks = START_NS + number * 1000, 10_000 + 371 * number
    for first in range(0, rows, PIECE):
        count = min(PIECE, rows - first)
        ts = _times(random, clock, count, MEAN_NS)
        walk = ticks + np.cumsum(random.integers(-1, 2, count))
        clock, ticks = int(ts[-1]), int(walk[-1])
        columns = {
            "ts_event": pa.array(ts).cast(schemas.TIMESTAMP),
            "price": walk / 100.0,
            "size": _sizes(random, count),
            "side": np.where(random.random(count) < 0.5, 1, -1).astype(np.int8),
            "sequence": np.arange(first + 1, first + count + 1),
            "trade_id": pa.nulls(count, pa.string()),
        }
        yield pa.table(columns).select(schemas.TRADE.names).cast(schemas.TRADE)


def _interleaved(path: Path, rows: int, symbols: int) -> None:
    random = np.random.default_rng([20_240_108, symbols, rows])
    ticks, ids = 10_000 + np.arange(symbols) * 371, np.zeros(symbols, np.int64)
    names = pa.array([f"SIM{number:03d}" for number in range(symbols)])
    clock, writer = START_NS, None
    for first in range(0, rows, PIECE):
        count = min(PIECE, rows - first)
        ts = _times(random, clock, count, MEAN_NS // symbols)
        clock = int(ts[-1])
        table = _mixed(random, ts, ticks, ids, names)
        writer = writer or (csv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter)(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _mixed(
    random: np.random.Generator, ts: np.ndarray, ticks: np.ndarray, ids: np.ndarray, names: pa.Array
) -> pa.Table:
    count = len(ts)
    symbol = random.integers(0, len(names), count)
    price, number = np.empty(count, np.int64), np.empty(count, np.int64)
    for each in range(len(names)):
        mine = np.flatnonzero(symbol == each)
        if len(mine):
            price[mine] = ticks[each] + np.cumsum(random.integers(-1, 2, len(mine)))
            number[mine] = ids[each] + np.arange(1, len(mine) + 1)
            ticks[each], ids[each] = price[mine[-1]], number[mine[-1]]
    sides = pa.array(random.integers(0, 2, count).astype(np.int32))
    return pa.table(
        {
            "timestamp": pa.array(ts).cast(pa.timestamp("ns", "UTC")).cast(pa.timestamp("us", "UTC")),
            "symbol": pa.DictionaryArray.from_arrays(pa.array(symbol.astype(np.int32)), names).cast(pa.string()),
            "trade_id": number,
            "price": price / 100.0,
            "size": _sizes(random, count),
            "side": pa.DictionaryArray.from_arrays(sides, pa.array(["sell", "buy"])).cast(pa.string()),
        }
    )
