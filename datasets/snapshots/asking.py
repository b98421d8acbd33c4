"""Times as people and programs write them when they ask for a snapshot."""

from __future__ import annotations

from datetime import UTC, datetime

from tradenexus.errors import BadRequest


def instant(field: str, raw: str) -> int:
    """Return a date or an ISO 8601 time with an offset as UTC nanoseconds; VALIDATION_ERROR otherwise."""
    try:
        parsed = datetime.fromisoformat(raw)
        if parsed.tzinfo is None and len(raw) > 10:
            raise ValueError("no zone")
        since = (parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        words = f"{field} must be a date or ISO 8601 with an offset, e.g. 2024-08-08T23:55:00Z"
        raise BadRequest(words, {"fields": {field: [raw[:40]]}}) from error
    ns = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000
    if not -(2**63) <= ns < 2**63:
        raise BadRequest(f"{field} is out of reach", {"fields": {field: [raw[:40]]}})
    return ns


def moment(field: str, raw: str) -> datetime:
    """Return what `instant` does as an aware time; what is finer than a microsecond is left out."""
    seconds, rest = divmod(instant(field, raw), 10**9)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)
