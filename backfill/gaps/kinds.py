"""What a gap is, and the kinds of them."""

from __future__ import annotations

from typing import NamedTuple

from datasets.market.intervals import DAY, HOUR

# Whole sessions, or days of events; rows of sessions that have others; time between two rows without a calendar.
MISSING, MISSING_ROWS, GAP = "MISSING", "MISSING_ROWS", "GAP"
KINDS = (MISSING, MISSING_ROWS, GAP)

# Event tables whose rows are expected at times: the pause from one to the next, as it usually is (ns).
SCHEDULED = {"funding": 8 * HOUR, "macro_treasury": DAY, "macro_series": DAY}
# Those of which nobody can say what is missing, and why.
UNSCHEDULED = {
    "corporate_actions": "splits and dividends follow no schedule: without a row nothing happened, or nobody told",
    "features_tv_technicals_1d": "features are built from bars, and no vendor has them: build them anew",
}


class Gap(NamedTuple):
    """Rows that are missing in [start_ns, end_ns): `missing` bars; sessions of a table without an interval.

    `day` is the date (days since 1970) of the session when all of it is missing and lies in the range.
    """

    start_ns: int
    end_ns: int
    missing: int
    kind: str
    day: int | None = None
