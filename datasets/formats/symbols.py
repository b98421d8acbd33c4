"""Guesses from a file's name which instrument it holds, for files without a symbol column."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_QUOTES = "USDT|USDC|BUSD|TUSD|FDUSD|USD|EUR|GBP|JPY|CHF|AUD|CAD|BTC|ETH|BNB|XBT|DAI"
_PAIR = re.compile(rf"(?<![A-Za-z])([A-Za-z]{{2,10}})[-_/]({_QUOTES})(?![A-Za-z])", re.I)
_JOINED = re.compile(rf"(?<![A-Za-z])([A-Za-z]{{2,8}}?)({_QUOTES})(?![A-Za-z])", re.I)
_TICKER = re.compile(r"(?<![A-Za-z0-9])([A-Z]{1,5})(?![A-Za-z0-9])")
_ENDINGS = {
    ".gz",
    ".zst",
    ".bz2",
    ".csv",
    ".tsv",
    ".txt",
    ".json",
    ".jsonl",
    ".ndjson",
    ".parquet",
    ".feather",
    ".arrow",
}
# Words in capitals that are no tickers.
_NOT = {
    "WIKI",
    "CSV",
    "OHLC",
    "OHLCV",
    "BBO",
    "DATA",
    "TICK",
    "TICKS",
    "BARS",
    "DAILY",
    "UTC",
    "NYSE",
    "AMEX",
    "US",
    "UK",
}


def guess_symbol(filename: str) -> str | None:
    """Return the symbol in a name such as XRP_ETH-trades.feather (XRP/ETH) or WIKI-AAPL-2011.csv (AAPL), else None."""
    name = _stem(filename)
    pair = _PAIR.search(name)
    if pair:
        return f"{pair[1]}/{pair[2]}".upper()
    joined = _JOINED.search(name)
    if joined:
        return f"{joined[1]}{joined[2]}".upper()
    return next((each for each in _TICKER.findall(name) if each not in _NOT), None)


def name_of(filename: str) -> str:
    """Return a name for the instrument made of the file's own, for want of anything better: VIX_DAILY."""
    return re.sub(r"[^A-Z0-9]+", "_", _stem(filename).upper()).strip("_")[:40] or "UNNAMED"


def _stem(filename: str) -> str:
    stem = PurePosixPath(filename.replace("\\", "/"))
    while stem.suffix.lower() in _ENDINGS:
        stem = stem.with_suffix("")
    return stem.name
