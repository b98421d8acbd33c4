"""Trading calendars: which sessions a venue holds and when each opens and closes, half-days included.

`24/7` (crypto) is built here; every other name is read from exchange_calendars, imported at first use because it is
heavy. A session is a date label: UTC midnight of the exchange's date. Times are int64 nanoseconds UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from datasets.market.intervals import DAY
from tradenexus.errors import BadRequest

CONTINUOUS = "24/7"


class CalendarUnknown(BadRequest):
    """No calendar has this name. Use `24/7` for venues that never close, or an exchange code such as XNYS or XLON."""

    code = "CALENDAR_UNKNOWN"


@dataclass(frozen=True)
class Sessions:
    """Sessions in order. `label_ns` is UTC midnight of the session date; `open_ns` <= t < `close_ns` trades."""

    name: str
    label_ns: np.ndarray
    open_ns: np.ndarray
    close_ns: np.ndarray

    def __len__(self) -> int:
        return len(self.label_ns)

    def locate(self, ns: np.ndarray) -> np.ndarray:
        """Return, per instant, the index of the session that holds it, or -1 outside trading time."""
        at = np.searchsorted(self.open_ns, ns, side="right") - 1
        inside = (at >= 0) & (ns < self.close_ns[np.maximum(at, 0)]) if len(self) else np.zeros(len(ns), dtype=bool)
        return np.where(inside, at, -1)


def sessions(name: str, start_ns: int, end_ns: int) -> Sessions:
    """Return the sessions whose date label lies in [start, end), both floored and raised to whole UTC days.

    CalendarUnknown for a name nobody knows; dates before a calendar's history simply hold no session.
    """
    first, after = start_ns // DAY * DAY, -(-end_ns // DAY) * DAY
    if name == CONTINUOUS:
        labels = np.arange(first, after, DAY, dtype=np.int64)
        return Sessions(name, labels, labels, labels + DAY)
    labels, opens, closes = _schedule(name, _year(first), _year(max(after - DAY, first)))
    inside = (labels >= first) & (labels < after)
    return Sessions(name, labels[inside], opens[inside], closes[inside])


def names() -> list[str]:
    """Return every calendar name, `24/7` first."""
    others = set(_library().get_calendar_names(include_aliases=False)) - {CONTINUOUS}
    return [CONTINUOUS, *sorted(others)]


def exists(name: str) -> bool:
    """Tell whether `name` is a calendar, aliases included."""
    return name == CONTINUOUS or name in _library().get_calendar_names(include_aliases=True)


def zone(name: str) -> str:
    """Return the IANA zone of the venue; `UTC` for 24/7."""
    if name == CONTINUOUS:
        return "UTC"
    if not exists(name):
        raise _unknown(name)
    return str(_library().get_calendar(name).tz)


@lru_cache(maxsize=32)
def _schedule(name: str, first_year: int, last_year: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    calendar = _calendar(name, first_year, last_year)
    if calendar is None:
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, nothing
    schedule = calendar.schedule
    columns = (schedule.index.to_numpy(), _naive(schedule["open"]), _naive(schedule["close"]))
    labels, opens, closes = (column.astype("datetime64[ns]").astype(np.int64) for column in columns)
    return labels, opens, closes


def _naive(column: Any) -> np.ndarray:
    return column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()


@lru_cache(maxsize=32)
def _calendar(name: str, first_year: int, last_year: int) -> Any:
    library = _library()
    if not exists(name):
        raise _unknown(name)
    # By default a calendar begins 20 years back and ends a year ahead: older data would have no sessions.
    start, end = f"{first_year}-01-01", f"{last_year}-12-31"
    known_from, known_to = _bounds(library.get_calendar(name))
    start, end = max(start, known_from), min(end, known_to)
    return library.get_calendar(name, start=start, end=end) if start < end else None


def _bounds(calendar: Any) -> tuple[str, str]:
    least, most = calendar.bound_min(), calendar.bound_max()
    return str(least.date()) if least is not None else "0001-01-01", str(most.date()) if most is not None else "9999"


def _unknown(name: str) -> CalendarUnknown:
    return CalendarUnknown(f"There is no calendar called {name[:40]!r}.", {"calendar": name[:40]})


def _library() -> Any:
    import exchange_calendars

    return exchange_calendars


def _year(ns: int) -> int:
    return int(np.datetime64(ns, "ns").astype("datetime64[Y]").astype(int)) + 1970
