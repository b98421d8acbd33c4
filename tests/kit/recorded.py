"""Real recorded bars as rows of the lake's tables."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tests.kit import lake

_STOCKS = "bars/us_equity_daily/wiki_stocks_aapl_fb_goog_ibm_msft.csv.gz"
_ETHER = {"4h": "pairs/coinbase_ethusd/ETH-USD-4h.json.gz", "1d": "pairs/coinbase_ethusd/ETH-USD-1d.json.gz"}


def shares(folder: Path, ticker: str) -> tuple[pa.Table, np.ndarray]:
    """Return a share's daily bars as traded, 2000 to 2013, and the file's own adjusted closes of the same days."""
    with gzip.open(folder / _STOCKS, "rt") as stream:
        lines = sorted((line for line in csv.DictReader(stream) if line["Ticker"] == ticker), key=lambda it: it["Date"])
    told: dict[str, Any] = {"ts_event": np.array([line["Date"] for line in lines], dtype="datetime64[ns]")}
    for name in ("Open", "High", "Low", "Close", "Volume"):
        told[name.lower()] = np.array([float(line[name]) for line in lines])
    return lake.shaped(told, "equities_bars"), np.array([float(line["Adj Close"]) for line in lines])


def ether(folder: Path, interval: str) -> pa.Table:
    """Return ETH-USD of Coinbase in bars of 4h or 1d, in order of time."""
    with gzip.open(folder / _ETHER[interval], "rt") as stream:
        lines = sorted(json.load(stream)["candles"], key=lambda line: int(line["start"]))
    told: dict[str, Any] = {"ts_event": np.array([int(line["start"]) for line in lines], dtype="datetime64[s]")}
    told["ts_event"] = told["ts_event"].astype("datetime64[ns]")
    for name in ("open", "high", "low", "close", "volume"):
        told[name] = np.array([float(line[name]) for line in lines])
    return lake.shaped(told, f"crypto_bars_{interval}")


def between(rows: pa.Table, first: str, last: str) -> pa.Table:
    """Return the rows of the dates [first, last)."""
    times = rows["ts_event"].cast(pa.int64()).to_numpy()
    return rows.filter(pa.array((times >= lake.ns(first)) & (times < lake.ns(last))))
