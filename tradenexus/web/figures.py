"""Numbers, sizes, spans and instants as people read them; the command line writes them the same way. Values only."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

NOTHING = "\N{EM DASH}"
_SIZES = ("bytes", "kB", "MB", "GB", "TB", "PB")


def number(value: Any, places: int | None = None) -> str:
    """Return `12,345,678`; decimals and texts keep their digits unless `places` says otherwise; NaN is `NaN`."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, str):
        value = Decimal(value)
    if value != value:
        return "NaN"
    if places is not None:
        return f"{value:,.{places}f}"
    if isinstance(value, float):
        return f"{value:,.12g}"
    return f"{value:,}"


def size(value: int | None) -> str:
    """Return decimal units: `812 bytes`, `3.42 GB` (GB = 10^9)."""
    if value is None:
        return NOTHING
    amount, step = float(value), 0
    while abs(amount) >= 999.5 and step < len(_SIZES) - 1:
        amount, step = amount / 1000, step + 1
    if step == 0:
        return f"{value:,} {'byte' if value == 1 else 'bytes'}"
    return f"{amount:,.{2 if amount < 10 else 1 if amount < 100 else 0}f} {_SIZES[step]}"


def span(seconds: float | None) -> str:
    """Return `820 ms`, `12 s`, `1 min 20 s`, `3 h 05 min`, `2 d 4 h`."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def moment(value: datetime | None) -> str:
    """Return `2026-11-20 14:03:11Z`."""
    return NOTHING if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def iso(value: datetime) -> str:
    """Return the instant for machines: ISO 8601, UTC, Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment_ns(value: int | None) -> str:
    """Return nanoseconds since 1970 as an instant with the digits it has: none, ms, us or ns."""
    if value is None:
        return NOTHING
    return f"{_whole(value):%Y-%m-%d %H:%M:%S}{_fraction(value)}Z"


def iso_ns(value: int) -> str:
    """Return nanoseconds since 1970 for machines: ISO 8601, UTC, Z, up to nine decimals."""
    return f"{_whole(value):%Y-%m-%dT%H:%M:%S}{_fraction(value)}Z"


def day(value: date | None) -> str:
    """Return a calendar day, never shifted to a zone."""
    return NOTHING if value is None else value.isoformat()


def _whole(value: int) -> datetime:
    return datetime.fromtimestamp(value // 1_000_000_000, UTC)


def _fraction(value: int) -> str:
    rest = value % 1_000_000_000
    if rest == 0:
        return ""
    digits = 3 if rest % 1_000_000 == 0 else 6 if rest % 1_000 == 0 else 9
    return f".{rest:09}"[: digits + 1]
