"""What is offered to the lake: rows of one instrument for one table, with the range they claim to cover."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from datasets.lake import rules
from tradenexus.errors import BadRequest, Unavailable


class SegmentDamaged(Unavailable):
    """A stored segment is not what was written. The scrub names it; restore it from a backup, or fetch all of its range
    again."""

    code = "LAKE_SEGMENT_DAMAGED"


@dataclass(frozen=True, slots=True)
class Absence:
    """A session, by its day, of which the vendor says that nothing was traded in [start_ns, end_ns), and its words."""

    day: int
    start_ns: int
    end_ns: int
    words: str


@dataclass(frozen=True)
class Offer:
    """Rows in `paths` (Parquet with the table's columns, in its order), all inside the claimed [start_ns, end_ns).

    The range is what was asked for and answered: an expected session in it without rows is MISSING, or NO_DATA when it
    is in `benign`; an offer may be of these alone, without `paths`. `accepted` days enter whatever their verdict,
    because a reviewer said so. `fetched_at` is when the source gave the rows. With `cut` the files hold more than the
    range, and only the rows inside are meant.
    Without `claims` the range only bounds the rows: nothing is said of the rest of it. `beside` are rows of other
    instruments, for the search for rows that are another instrument's; they are not taken in.
    """

    table: str
    instrument: str
    paths: tuple[Path, ...]
    start_ns: int
    end_ns: int
    vendor: str
    fetched_at: datetime
    policy: str = rules.REFUSE
    ranks: dict[str, int] = field(default_factory=dict)
    benign: tuple[Absence, ...] = ()
    accepted: frozenset[int] = frozenset()
    cut: bool = False
    claims: bool = True
    beside: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a policy nobody knows and a range that is empty."""
        if self.policy not in (*rules.POLICIES, rules.FILL):
            words = f"the policy is one of {', '.join(rules.POLICIES)}"
            raise BadRequest(words, {"fields": {"policy": [words]}})
        if self.start_ns >= self.end_ns:
            raise BadRequest("the offered range is empty or reversed", {"start": self.start_ns, "end": self.end_ns})
