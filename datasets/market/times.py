"""Times as text: UTC nanoseconds in ISO 8601, as exact as they are."""

from __future__ import annotations

from datetime import UTC, datetime


def time_text(nanoseconds: int) -> str:
    """Return UTC nanoseconds as ISO 8601 with as many digits as the time has (none, 3, 6 or 9) and Z."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if rest:
        digits = f"{rest:09d}"
        text += "." + (digits[:3] if rest % 1_000_000 == 0 else digits[:6] if rest % 1_000 == 0 else digits)
    return text + "Z"
