"""Dates of sessions and borders of spans, one at a time and without a heavy import.

A session is named by its date: days since 1970-01-01. A span is the stretch of one segment: a UTC day, month or year.
"""

from __future__ import annotations

from datetime import date, timedelta

from datasets.market import tables
from datasets.market.intervals import DAY

_EPOCH = date(1970, 1, 1)


def to_date(day: int) -> date:
    """Return the date of a session number."""
    return _EPOCH + timedelta(days=int(day))


def to_day(on: date) -> int:
    """Return the session number of a date."""
    return (on - _EPOCH).days


def span_start_of(span: str, ns: int) -> int:
    """Return the first nanosecond of the span that holds one instant."""
    on = to_date(ns // DAY)
    first = on if span == tables.DAY else on.replace(day=1) if span == tables.MONTH else on.replace(month=1, day=1)
    return to_day(first) * DAY


def span_end(span: str, start_ns: int) -> int:
    """Return the first nanosecond after the span that starts at `start_ns`."""
    on = to_date(start_ns // DAY)
    if span == tables.DAY:
        return start_ns + DAY
    months = on.year * 12 + on.month + (0 if span == tables.MONTH else 11)
    return to_day(date(months // 12, months % 12 + 1, 1)) * DAY
