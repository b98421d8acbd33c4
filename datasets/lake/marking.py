"""Marks of bars, by which the same rows are found again under another instrument's name without reading the lake.

A bar's mark is 64 bits of its time, prices and volume. A daily session is remembered by its bar's mark; an intraday one
by a sketch: the marks of its bars. Sessions of more than FULL traded bars keep one interval in BLOCK, the
same ones for every instrument, so that BLOCK bars in a row always leave one in the sketch; scattered ones may not.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.lake.judging import Session
from datasets.market import intervals
from datasets.market.tables import Table

BLOCK = 5  # equal bars in a session that are no accident; a daily bar that moved is enough by itself
FULL = 300
_PRICES = ("open", "high", "low", "close")
_SCHEMA = pa.schema(
    [
        pa.field("number", pa.int32()),
        pa.field("day", pa.int32()),
        pa.field("mark", pa.int64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("sketch", pa.binary()),
        pa.field("fresh", pa.bool_()),
        pa.field("stands", pa.bool_()),
    ]
)


def least(table: Table) -> int:
    """Return how many equal bars of a session are no accident."""
    return 1 if table.interval == "1d" else BLOCK


def bars(table: Table, rows: pa.Table) -> np.ndarray:
    """Return a mark (uint64) of each bar, 0 for those that prove nothing.

    Those are bars in which nothing was traded and, where one bar is a session, those whose price did not move: a round
    price and a round volume meet by chance.
    """
    marks = _mixed(rows, rows.column("ts_event").cast(pa.int64()).to_numpy().astype(np.uint64))
    proves = np.nan_to_num(rows.column("volume").to_numpy()) > 0
    if table.interval == "1d":
        proves &= rows.column("high").to_numpy() > rows.column("low").to_numpy()
    return np.where(proves, np.maximum(marks, 1), 0)


def values(rows: pa.Table) -> np.ndarray:
    """Return a mark (uint64) of each bar's prices and volume, its time left out."""
    return _mixed(rows, np.zeros(rows.num_rows, dtype=np.uint64))


def of_sessions(
    number: int, table: Table, rows: pa.Table, sessions: Sequence[Session], standing: pa.Table
) -> list[dict[str, Any]]:
    """Return what is remembered of sessions of bars: day, mark, low, high, sketch, stands, and whether it is `fresh`.

    Fresh is what has a bar that is not among those of `standing`, the rows that stood before.
    """
    if not sessions:
        return []
    # A mark holds its bar's time: of months of rows only those at the times of these sessions can be the same.
    base, stop = min(each.start for each in sessions), max(each.stop for each in sessions)
    rows = rows.slice(base, stop - base)
    ns, before = (each.column("ts_event").cast(pa.int64()).to_numpy() for each in (rows, standing))
    first, last = np.searchsorted(before, [ns[0], ns[-1] + 1]).tolist()
    marks = bars(table, rows)
    known = np.isin(marks, bars(table, standing.slice(first, last - first)))
    low, high = rows.column("low").to_numpy(), rows.column("high").to_numpy()
    told = []
    for each in sessions:
        part = slice(each.start - base, each.stop - base)
        traded = marks[part] != 0
        if traded.sum() < least(table):
            continue
        one = {
            "number": number,
            "day": each.day,
            "mark": int(marks[part][traded][0].astype(np.int64)) if table.interval == "1d" else None,
            "low": float(low[part][traded].min()),
            "high": float(high[part][traded].max()),
            "sketch": b"" if table.interval == "1d" else _sketch(table, ns[part][traded], marks[part][traded]),
            "fresh": not known[part][traded].all(),
            "stands": True,
        }
        told.append(one)
    return told


def write(path: Path, told: list[dict[str, Any]]) -> str:
    """Write what is remembered of the sessions of all works to a file -> its path."""
    pq.write_table(pa.Table.from_pylist(told, schema=_SCHEMA), path)
    return str(path)


def read(path: str) -> list[dict[str, Any]]:
    """Return what `write` wrote."""
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def _sketch(table: Table, ns: np.ndarray, marks: np.ndarray) -> bytes:
    if len(ns) > FULL:
        length = intervals.parse(table.interval).duration_ns
        marks = marks[ns // length % BLOCK == 0]
    kept: np.ndarray = np.unique(marks.astype("<u8"))
    return kept.tobytes()


def _mixed(rows: pa.Table, mark: np.ndarray) -> np.ndarray:
    for name in (*_PRICES, "volume"):
        bits = np.nan_to_num(rows.column(name).to_numpy()).view(np.uint64)
        mark = (mark ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        mark ^= mark >> np.uint64(29)
    return mark
