"""Bar intervals: `1m`, `4h`, `1d`, any n{s,m,h,d}, and the calendar ones `1w` (from Monday) and `1M`.

A bar belongs to the bucket of its open time. Buckets of fixed length are counted from 1970-01-01 UTC, weeks from
Mondays, months from the first of the month; all borders are UTC. Functions take int64 nanoseconds or arrays of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tradenexus.errors import Unprocessable

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
# 1970-01-01 was a Thursday: the first Monday on or before it is three days earlier.
_MONDAY_NS = -3 * DAY

LISTED = ("1m", "5m", "15m", "30m", "1h", "4h", "1d")
_UNITS_NS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_TEXT = re.compile(r"([1-9][0-9]{0,6})([smhdwM])", re.ASCII)
_LONGEST_NS = 366 * DAY


class FrequencyUnsupported(Unprocessable):
    """The frequency is not one we can build bars of. Use n followed by s, m, h or d (such as 5m), or 1w, or 1M."""

    code = "DATASET_TRANSFORM_FREQUENCY_UNSUPPORTED"


@dataclass(frozen=True)
class Interval:
    """One bar interval. `duration_ns` is None for months, whose length varies."""

    text: str
    duration_ns: int | None

    def __str__(self) -> str:
        return self.text

    def floor(self, ns: Any) -> Any:
        """Return the open time of the bucket that holds `ns` (int or int64 array, nanoseconds UTC)."""
        if self.duration_ns is None:
            return _floor_month(ns)
        anchor = _MONDAY_NS if self.duration_ns == WEEK and self.text == "1w" else 0
        # numpy divides by a constant far faster than it takes remainders
        if not anchor:
            return ns // self.duration_ns * self.duration_ns
        return (ns - anchor) // self.duration_ns * self.duration_ns + anchor

    def following(self, open_ns: Any) -> Any:
        """Return the open time of the bucket after the one that opens at `open_ns`."""
        if self.duration_ns is None:
            return _floor_month(_floor_month(open_ns) + 32 * DAY)
        return open_ns + self.duration_ns

    def divides(self, coarser: Interval) -> bool:
        """Tell whether every bucket of `coarser` is made of whole buckets of this interval."""
        if self.duration_ns is None:
            return coarser.text == self.text
        if coarser.duration_ns is None or coarser.text == "1w":
            return self.text == coarser.text or DAY % self.duration_ns == 0
        return coarser.duration_ns % self.duration_ns == 0 and self.text != "1w"


def parse(text: str) -> Interval:
    """Read an interval such as `15m`; `60m` and `1h` are the same one. FrequencyUnsupported for anything else."""
    match = _TEXT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise _unsupported(text)
    count, unit = int(match[1]), match[2]
    if unit == "M":
        if count != 1:
            raise _unsupported(text)
        return Interval("1M", None)
    length = count * _UNITS_NS[unit]
    if (unit == "w" and count != 1) or length > _LONGEST_NS:
        raise _unsupported(text)
    return Interval("1w", WEEK) if unit == "w" else from_ns(length)


def from_ns(length: int) -> Interval:
    """Name a fixed length in its largest whole unit: 3,600 s is `1h`. FrequencyUnsupported unless whole seconds."""
    if length <= 0 or length % SECOND:
        raise _unsupported(f"{length} ns")
    unit = next(unit for unit in ("d", "h", "m", "s") if length % _UNITS_NS[unit] == 0)
    return Interval(f"{length // _UNITS_NS[unit]}{unit}", length)


def _unsupported(text: object) -> FrequencyUnsupported:
    return FrequencyUnsupported(
        f"{str(text)[:40]!r} is not a frequency we can build. Use n followed by s, m, h or d, or 1w, or 1M.",
        {"frequency": str(text)[:40], "listed": [*LISTED, "1w", "1M"]},
    )


def _floor_month(ns: Any) -> Any:
    # numpy only here: reading an interval must not cost the web process an import.
    import numpy as np

    months = np.asarray(ns, dtype="int64").astype("datetime64[ns]").astype("datetime64[M]")
    floored = months.astype("datetime64[ns]").astype("int64")
    return floored if isinstance(ns, np.ndarray) else int(floored)
