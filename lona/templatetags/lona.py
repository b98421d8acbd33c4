"""Template filters of the provider's pages: days of nanosecond ranges, dates of form fields, money."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django import template

from tradenexus.web import figures

register = template.Library()


@register.filter
def day_ns(value: int | None) -> str:
    """Nanoseconds -> the UTC day they lie in."""
    return figures.NOTHING if value is None else datetime.fromtimestamp(value // 10**9, UTC).date().isoformat()


@register.filter
def last_day_ns(value: int | None) -> str:
    """The end of a half-open range in nanoseconds -> its last UTC day."""
    return day_ns(None if value is None else value - 1)


@register.filter
def date_text(value: Any) -> str:
    """A form field's value, a date or what was typed, as `<input type="date">` wants it."""
    return value.isoformat() if isinstance(value, date) else str(value or "")


@register.filter
def figure(value: Any) -> str:
    """A provider's price or quantity with up to eight digits; what is no number is shown as it is."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return figures.NOTHING if value in (None, "") else str(value)
    return f"{value:,.8g}"


@register.filter
def instant(value: Any) -> str:
    """A provider's time, `2024-01-08T00:01:00Z`, with a blank for the T."""
    return figures.NOTHING if value in (None, "") else str(value).replace("T", " ", 1)


@register.filter
def money(value: Any) -> str:
    """A provider's amount with two decimals; what is no number is shown as it is."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return figures.NOTHING if value in (None, "") else str(value)
    return figures.number(float(value), 2)
