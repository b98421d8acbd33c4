"""The buckets that bars are gathered in: an interval, on plain UTC time or on the days of a calendar or zone.

Buckets are named by their open time (ns UTC). With an exchange calendar, days, weeks and months are made of its
sessions and labelled by session dates at 00:00 UTC. With a time zone they run from local midnight to local midnight
and are named by that instant, so that a day has 23 or 25 hours when the clocks change. Intervals shorter than a day
always follow plain UTC time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from datasets.market import calendars, intervals, sessions
from datasets.market.intervals import DAY, Interval


class SessionUnknown(calendars.CalendarUnknown):
    """The session is neither a calendar nor a time zone. Use XNYS, XLON ..., 24/7, or a zone such as Europe/Berlin."""

    code = "SESSION_UNKNOWN"


@dataclass(frozen=True)
class Days:
    """Day i holds `opens[i]` <= t < `closes[i]` and is named `labels[i]`; all int64 ns UTC, ascending, at least one."""

    opens: np.ndarray
    closes: np.ndarray
    labels: np.ndarray

    def hold(self, ts: np.ndarray) -> np.ndarray:
        """Tell for each time whether some day holds it."""
        day = np.searchsorted(self.opens, ts, side="right") - 1
        return (day >= 0) & (ts < self.closes[np.maximum(day, 0)])


def days(session: str | None, start_ns: int, end_ns: int) -> Days | None:
    """Return the days of a calendar or zone that touch [start, end]; None for plain UTC (no session, or 24/7)."""
    if session in (None, "", calendars.CONTINUOUS):
        return None
    if sessions.is_zone(str(session)):
        return _local_days(str(session), start_ns, end_ns)
    found = calendars.sessions(str(session), start_ns - 2 * DAY, end_ns + 2 * DAY)
    return Days(found.open_ns, found.close_ns, found.label_ns) if len(found) else _never()


def _never() -> Days:
    nowhere = np.array([np.iinfo(np.int64).min])
    return Days(nowhere, nowhere, nowhere)


def _local_days(name: str, start_ns: int, end_ns: int) -> Days:
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise SessionUnknown(f"There is no time zone called {name[:40]!r}.", {"session": name[:40]}) from error

    first = datetime.fromtimestamp(start_ns // intervals.SECOND, UTC).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end_ns // intervals.SECOND, UTC).date() + timedelta(days=3)
    count = (last - first).days
    midnights = [
        datetime.combine(first + timedelta(days=day), datetime.min.time(), zone).timestamp() for day in range(count)
    ]
    edges = np.array(midnights, dtype=np.int64) * intervals.SECOND
    return Days(edges[:-1], edges[1:], edges[:-1])


class Grid:
    """Buckets of one interval, on `days` when it is made of whole days and days are given."""

    def __init__(self, interval: Interval, days: Days | None = None):
        whole_days = interval.duration_ns is None or interval.duration_ns % DAY == 0
        self.interval = interval
        self.days = days if whole_days else None
        self.names = _names(interval, self.days) if self.days is not None else None
        self.first = interval.floor(0)  # the bucket that holds 1970-01-01

    def label(self, ts: np.ndarray) -> np.ndarray:
        """Return the open time of each row's bucket; with days, every row must lie inside one of them."""
        if self.days is None or self.names is None:
            return self.interval.floor(ts)
        return self.names[np.searchsorted(self.days.opens, ts, side="right") - 1]

    def position(self, ts: np.ndarray) -> np.ndarray:
        """Return the number of the bucket that opens at each time; neighbours differ by one."""
        if self.names is not None:
            return np.searchsorted(np.unique(self.names), ts)
        if self.interval.duration_ns is None:
            return ts.astype("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
        return (ts - self.first) // self.interval.duration_ns

    def at(self, position: np.ndarray) -> np.ndarray:
        """Return the open time of the bucket with each number."""
        if self.names is not None:
            return np.unique(self.names)[position]
        if self.interval.duration_ns is None:
            return position.astype("datetime64[M]").astype("datetime64[ns]").astype(np.int64)
        return position * self.interval.duration_ns + self.first


def _names(interval: Interval, days: Days) -> np.ndarray:
    if interval.text == "1d":
        return days.labels
    # A bucket of several days is named by the first of them: local midnights lie within 12 hours of a UTC date.
    buckets = interval.floor((days.labels + DAY // 2) // DAY * DAY)
    first = np.concatenate(([True], buckets[1:] != buckets[:-1]))
    return days.labels[np.maximum.accumulate(np.where(first, np.arange(len(buckets)), 0))]
