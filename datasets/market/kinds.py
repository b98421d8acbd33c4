"""The three kinds of market data and the names of their columns, without any heavy import.

`trades` are executions, `quotes` best bid and offer, `bars` OHLCV stamped at their open.
The Arrow form is in `schemas`. A required column may not be empty in a source; an optional one may be absent.
"""

from __future__ import annotations

TRADES = "trades"
QUOTES = "quotes"
BARS = "bars"
KINDS = (TRADES, QUOTES, BARS)

COLUMNS: dict[str, tuple[str, ...]] = {
    TRADES: ("ts_event", "sequence", "price", "size", "side", "trade_id"),
    QUOTES: ("ts_event", "sequence", "bid", "bid_size", "ask", "ask_size"),
    BARS: ("ts_event", "open", "high", "low", "close", "volume", "trades", "filled"),
}

REQUIRED: dict[str, tuple[str, ...]] = {
    TRADES: ("ts_event", "price"),
    QUOTES: ("ts_event", "bid", "ask"),
    BARS: ("ts_event", "open", "high", "low", "close"),
}

# What is traded, for those who say it: no file tells.
ASSET_CLASSES = ("equity", "etf", "index", "future", "option", "forex", "crypto", "bond", "commodity")
TICKS = "ticks"  # the resolution of trades and quotes; that of bars is their interval

SYMBOL = "symbol"
BUY = 1
SELL = -1


def resolution(kind: str, interval: str) -> str:
    """Return how fine data is: an interval such as 1d, `ticks` for trades and quotes, empty while nobody knows."""
    return interval if kind == BARS else TICKS if kind in KINDS else ""
