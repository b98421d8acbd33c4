"""What a gap is, and the kinds of them."""

from __future__ import annotations

from typing import NamedTuple

# Whole sessions; bars of sessions that have others; time between two rows where no calendar is known.
MISSING, MISSING_ROWS, GAP = "MISSING", "MISSING_ROWS", "GAP"
KINDS = (MISSING, MISSING_ROWS, GAP)


class Gap(NamedTuple):
    """Rows that are missing in [start_ns, end_ns): `missing` bars; sessions of a table without an interval.

    `day` is the date (days since 1970) of the session when all of it is missing and lies in the range.
    """

    start_ns: int
    end_ns: int
    missing: int
    kind: str
    day: int | None = None
