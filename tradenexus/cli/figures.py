"""How `nexus` writes numbers, sizes, rates, spans and times: the same words as the web pages.

Sizes are decimal (1 GB = 10^9 bytes), percents are floored (100 % only when complete), times are UTC with their zone
and with exactly the digits the data has. Nothing here rounds a price.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

NO_VALUE = "—"
_UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
_TIME = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?$")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def size(n: int) -> str:
    """Return bytes in decimal units, two digits after the point from MB on."""
    for unit, factor in _UNITS:
        if n >= factor:
            return f"{n / factor:.2f} {unit}"
    return f"{n} B"


def pair(done: int, total: int) -> str:
    """Return `3.42/8.10 GB`: both numbers in the unit of the total."""
    for unit, factor in _UNITS:
        if total >= factor:
            return f"{done / factor:.2f}/{total / factor:.2f} {unit}"
    return f"{done}/{total} B"


def rate(bytes_per_s: float) -> str:
    """Return a transfer rate in MB/s (kB/s when slow)."""
    if bytes_per_s >= 10**6:
        return f"{bytes_per_s / 10**6:.0f} MB/s"
    return f"{bytes_per_s / 10**3:.0f} kB/s"


def percent(done: int, total: int) -> str:
    """Return a floored percentage, so that 100 % is said only when everything is done."""
    return f"{done * 100 // total if total else 100} %"


def span(seconds: float) -> str:
    """Return a rounded time left: by 5 s below a minute, 15 s below five, whole minutes above (`1:20`, `2:05:00`)."""
    step = 5 if seconds < 60 else 15 if seconds < 300 else 60
    whole = max(step, int(-(-seconds // step) * step))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def parse_size(text: str) -> int:
    """Read `20M`, `1.5GB`, `500k` or plain bytes; ValueError when it is none of them or not above zero."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?)(i?)[bB]?(?:/s)?\s*", text)
    if not match:
        raise ValueError(f"not a size: {text!r} (20M, 500k, 1.5G)")
    number, letter, binary = match.groups()
    base = 1024 if binary else 1000
    value = int(Decimal(number) * base ** ("", "k", "m", "g", "t").index(letter.lower()))
    if value <= 0:
        raise ValueError(f"must be above zero: {text!r}")
    return value


def moment(text: str, local: bool = False) -> str:
    """Write an ISO time as `2026-11-20 14:03:11Z`, or in the machine's zone; other text is returned as it is."""
    match = _TIME.match(text)
    if not match:
        return text
    day, clock, fraction, zone = match.groups()
    fraction = (fraction or "").rstrip("0").rstrip(".")
    if zone is None:
        return f"{day} {clock}{fraction}"
    if zone in ("Z", "+00:00", "+0000") and not local:
        return f"{day} {clock}{fraction}Z"
    there = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone == 'Z' else zone}")
    here = there.astimezone() if local else there.astimezone(UTC)
    mark = here.strftime("%z")
    mark = f"{mark[:3]}:{mark[3:]}" if local else "Z"
    return f"{here:%Y-%m-%d %H:%M:%S}{fraction}{mark}"


def is_moment(text: str) -> bool:
    """Tell whether a text is an ISO date-time."""
    return bool(_TIME.match(text))


def thousands(n: int) -> str:
    """Return an integer with separators: 12,345,678."""
    return f"{n:,}"


def cell(value: Any, *, human: bool, local: bool = False) -> str:
    """Write one value for a table: exact, without control characters, `—` (human) or empty (TSV) for none."""
    if value is None:
        return NO_VALUE if human else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return thousands(value) if human else str(value)
    if isinstance(value, Decimal):
        return format(value, "f") if abs(value.adjusted()) < 40 else str(value)
    if isinstance(value, list):
        return ", ".join(cell(item, human=human, local=local) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={cell(item, human=human, local=local)}" for key, item in value.items())
    text = str(value)
    return visible(moment(text, local) if is_moment(text) else text)


def visible(text: str) -> str:
    r"""Write control characters as \xNN, \t, \n, so that data cannot steer the terminal or break a TSV line."""
    return _CONTROL.sub(_spell, text)


def _spell(match: re.Match[str]) -> str:
    code = ord(match[0])
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(code) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
