"""Deterministic symbol names and the metadata that goes with a CSV [pure].

A name says venue, symbol, frequency, first open, end, 12 characters of the content hash and 8 of the tenant's mark. The
mark is there because all tenants of an installation are one agent at the provider: two tenants with identical slices
must neither clash nor see each other's symbol.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from lona.adapter.digest import NS, PRICES

FREQUENCIES: dict[str, int] = {"1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14400, "1d": 86400}
_NAME = re.compile(r"-[0-9]+[mhd]-[0-9T]{15}-[0-9T]{15}-[0-9a-f]{12}-(?P<mark>[0-9a-f]{8})\Z")


def symbol_name(
    tenant_id: UUID, venue: str, symbol: str, frequency: str, first_ns: int, last_ns: int, content_hash: str
) -> str:
    """Name a slice by what it holds: equal content has one name, whatever range was asked for.

    `first_ns` and `last_ns` are the opens of first and last bar; the name shows the half-open [first, last + 1 bar).
    """
    end_ns = last_ns + FREQUENCIES[frequency] * NS
    parts = (_plain(venue) or "x", _plain(symbol) or "x", frequency, _compact(first_ns), _compact(end_ns))
    return "-".join((*parts, content_hash[:12], tenant_mark(tenant_id)))


def tenant_mark(tenant_id: UUID) -> str:
    """Answer the 8 characters that mark a tenant's symbols at the provider; they reveal nothing of the tenant."""
    return hashlib.sha256(b"nexus.tenant:" + tenant_id.bytes).hexdigest()[:8]


def mark_of(name: str) -> str | None:
    """Answer the tenant mark in a symbol name, None when the name is not of our making."""
    found = _NAME.search(name)
    return found["mark"] if found else None


def metadata(name: str, instrument: str, venue: str, frequency: str, with_volume: bool, note: str) -> dict[str, Any]:
    """Build the `metadata` field of POST /symbols."""
    columns = ("timestamp", *PRICES, "volume") if with_volume else ("timestamp", *PRICES)
    asset_class, currency = _guess(instrument)
    return {
        "data_type": "ohlcv",
        "name": name,
        "exchange": venue or "unknown",
        "asset_class": asset_class,
        "quote_currency": currency,
        "column_mapping": {column: column for column in columns},
        "frequency": frequency,
        "timezone": "UTC",
        "description": note,
    }


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "_", text).strip("_")[:24]


def _compact(ns: int) -> str:
    return datetime.fromtimestamp(ns // NS, UTC).strftime("%Y%m%dT%H%M%S")


QUOTES = ("USDT", "USDC", "BUSD", "USD", "EUR", "GBP", "JPY", "BTC", "ETH")


def _guess(instrument: str) -> tuple[str, str]:
    """Read class and quote currency off a pair's spelling (BTCUSDT, BTC/USD); anything else is an equity in USD."""
    text = instrument.upper()
    pair = re.split(r"[/\-_]", text)
    if len(pair) == 2 and pair[1].isalpha():
        return "crypto", pair[1]
    quote = next((q for q in QUOTES if text.endswith(q) and 2 <= len(text) - len(q) <= 6), None)
    return ("crypto", quote) if quote else ("equity", "USD")
