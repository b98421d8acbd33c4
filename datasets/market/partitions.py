"""Sessions and spans: which date a row belongs to, how many rows a session should have, where segments are cut.

A partition is one session of one instrument, named by its date (int days since 1970-01-01). A span is the stretch of
one segment: a UTC day, month or year. Times are int64 nanoseconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from datasets.market import calendars, intervals, tables
from datasets.market.intervals import DAY
from datasets.market.tables import Table

_UNITS = {tables.DAY: "D", tables.MONTH: "M", tables.YEAR: "Y"}


@dataclass(frozen=True)
class Expectation:
    """Expected sessions in order: `days` (dates), `rows` expected in each (-1: nobody knows), `short` = early close."""

    days: np.ndarray
    rows: np.ndarray
    short: np.ndarray


def span_start(span: str, ns: np.ndarray) -> np.ndarray:
    """Return, per instant, the first nanosecond of the span that holds it."""
    # Rows come in order: a calendar is asked once a run of rows of one day, not once a row.
    days = ns // DAY
    firsts = np.flatnonzero(np.diff(days, prepend=days[0] - 1)) if len(days) else np.empty(0, dtype=np.int64)
    unit = f"datetime64[{_UNITS[span]}]"
    starts = days[firsts].astype("datetime64[D]").astype(unit).astype("datetime64[ns]").astype(np.int64)
    return np.repeat(starts, np.diff(firsts, append=len(days)))


def session_days(table: Table, calendar: str, ns: np.ndarray) -> np.ndarray:
    """Return the session date of each row (int64 days), rows outside trading hours by the date at the venue.

    A daily row stamped at UTC midnight names its date by that; any other stamp is read in the venue's zone.
    """
    if not len(ns):
        return np.empty(0, dtype=np.int64)
    if calendar in ("", calendars.CONTINUOUS):
        return ns // DAY
    local = local_days(ns, calendars.zone(calendar))
    if table.interval == "1d":
        return np.where(ns % DAY == 0, ns // DAY, local)
    held = calendars.sessions(calendar, int(ns.min()) - 2 * DAY, int(ns.max()) + 3 * DAY)
    at = held.locate(ns)
    inside = at >= 0
    return np.where(inside, held.label_ns[np.maximum(at, 0)] // DAY if len(held) else 0, local)


def expected(table: Table, calendar: str, start_ns: int, end_ns: int) -> Expectation:
    """Return the sessions that [start, end) should hold, whole ones only; none when no calendar is known.

    A session lies in the range when its first expected row does (daily: its date, else its open).
    """
    if calendar == "" or end_ns <= start_ns or table.family == tables.EVENTS:
        nothing = np.empty(0, dtype=np.int64)
        return Expectation(nothing, nothing, nothing.astype(bool))
    held = calendars.sessions(calendar, start_ns - 2 * DAY, end_ns + 3 * DAY)
    first = held.label_ns if table.interval == "1d" else held.open_ns
    inside = (first >= start_ns) & (first < end_ns)
    days, lengths = held.label_ns[inside] // DAY, (held.close_ns - held.open_ns)[inside]
    usual = np.median(lengths) if len(lengths) else 0
    return Expectation(days, _rows(table, lengths), lengths < usual)


def _rows(table: Table, lengths: np.ndarray) -> np.ndarray:
    if table.family != tables.BARS:
        return np.full(len(lengths), -1, dtype=np.int64)
    duration = intervals.parse(table.interval).duration_ns or DAY
    return np.maximum(1, -(-lengths // duration)).astype(np.int64)


def next_due(table: Table, calendar: str, last_ns: int) -> int | None:
    """Return when the rows after `last_ns` can be complete: the close of the next bar or session; None if unknown."""
    if table.family == tables.EVENTS or calendar == "":
        return None
    duration = (intervals.parse(table.interval).duration_ns or DAY) if table.interval else DAY
    if calendar == calendars.CONTINUOUS:
        return (last_ns // duration + 2) * duration
    held = calendars.sessions(calendar, last_ns - DAY, last_ns + 30 * DAY)
    day = int(session_days(table, calendar, np.array([last_ns], dtype=np.int64))[0])
    later = (
        held.close_ns[held.label_ns // DAY > day]
        if table.interval == "1d"
        else held.close_ns[held.close_ns > last_ns + duration]
    )
    return int(later[0]) if len(later) else None


def local_days(ns: np.ndarray, zone: str) -> np.ndarray:
    """Return the date of each instant in a zone; its offset is asked once an hour of data."""
    hours, where = np.unique(ns // intervals.HOUR, return_inverse=True)
    info = ZoneInfo(zone)
    moments = (datetime.fromtimestamp(int(hour) * 3600, UTC).astimezone(info) for hour in hours)
    offsets = np.array([int(moment.utcoffset().total_seconds()) for moment in moments], dtype=np.int64)  # type: ignore[union-attr]
    return (ns + offsets[where] * intervals.SECOND) // DAY
