"""What many reads take from the address: whole numbers and times, refused by name when they are not such."""

from __future__ import annotations

from datetime import UTC, datetime

from tradenexus.errors import BadRequest
from tradenexus.rest.views import TenantView


class QueryView(TenantView):
    """A view that reads numbers and times from its query."""

    def number(self, name: str, default: int | None, least: int, most: int) -> int | None:
        """Return a whole number from the query; BadRequest outside its bounds."""
        raw = self.request.query_params.get(name)
        if raw in (None, ""):
            return default
        if not (raw.isascii() and raw.lstrip("-").isdigit() and len(raw) < 21 and least <= int(raw) <= most):
            raise BadRequest(f"{name} must be a whole number from {least} to {most}", {"fields": {name: [raw[:32]]}})
        return int(raw)

    def moment(self, name: str) -> int | None:
        """Return a time from the query as UTC nanoseconds: ISO 8601 with an offset, or a date."""
        raw = self.request.query_params.get(name)
        return None if not raw else nanoseconds(raw, name)

    def instant(self, name: str) -> datetime | None:
        """Return a time from the query, aware."""
        raw = self.request.query_params.get(name)
        return None if not raw else aware(raw, name)


def aware(raw: str, name: str) -> datetime:
    """Read ISO 8601 with an offset, or a date (UTC); BadRequest otherwise."""
    try:
        parsed = datetime.fromisoformat(raw)
    except ValueError as error:
        words = f"{name} must be ISO 8601, e.g. 2024-08-08T23:55:00Z"
        raise BadRequest(words, {"fields": {name: [raw[:40]]}}) from error
    if parsed.tzinfo is None and len(raw) > 10:
        raise BadRequest(f"{name} needs a zone, e.g. {raw[:19]}Z", {"fields": {name: [raw[:40]]}})
    try:
        return (parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed).astimezone(UTC)
    except OverflowError as error:
        raise BadRequest(f"{name} lies outside of the calendar", {"fields": {name: [raw[:40]]}}) from error


def nanoseconds(raw: str, name: str) -> int:
    """Read a time as UTC nanoseconds."""
    delta = aware(raw, name) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1_000
