"""What the verdicts on partitions depend on: named limits, the codes and what each means. Values only.

The gravest code of a partition is its `code`; RED ones keep its rows out of the lake.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

GREEN, AMBER, RED = "GREEN", "AMBER", "RED"
# What becomes of a row whose key is in the lake with other values.
REFUSE, NEWER, RANK = "refuse", "newer", "rank"
POLICIES = (REFUSE, NEWER, RANK)
# For repairs alone: what is absent is added, what stands stays, and nothing is said of freshness.
FILL = "fill"
SUSPECT = "FOREIGN_SUSPECT"

# gravest first: (code, status, what it says)
_CODES = (
    ("CHECKSUM", RED, "The stored bytes are not those that were written."),
    ("BAD_VALUES", RED, "Values that cannot be: nulls, NaN, high below low, a price of zero where none can be."),
    ("CONTAMINATED", RED, "Rows of another instrument stand here under this one's name."),
    ("ADJUSTMENT_MIXED", RED, "Adjusted prices were offered where the lake holds raw ones."),
    (
        "TOXIC",
        RED,
        "Open or close rises by more than toxic_up_pct, or falls by the equal move, against the last good close.",
    ),
    ("MISSING", RED, "The calendar has a session here and no row came."),
    (
        SUSPECT,
        AMBER,
        "The same bars came under another instrument's name too; whose they are is not known. The notes name it.",
    ),
    ("SPLIT_SUSPECT", AMBER, "The open stands to the close before as a simple ratio; no corporate action says so."),
    ("CROSS_VENDOR_MISMATCH", AMBER, "Two vendors differ by more than vendor_difference_pct."),
    ("UNCOMPARED", AMBER, "Filled by another vendor, which gave no three bars that stand here to compare with."),
    (
        "RET_OUTLIER",
        AMBER,
        "A price moves by more than large_move_pct, or lies farther than wick_pct from the close. Kept.",
    ),
    ("VOL_SPIKE", AMBER, "Volume is above volume_spike times the median of the twenty sessions before. Kept."),
    ("STALLED", AMBER, "The price has not moved for stall_sessions sessions, or all day without volume."),
    ("MISSING_ROWS", AMBER, "Fewer rows than the calendar expects."),
    ("ROW_COUNT_HIGH", AMBER, "More rows than the calendar expects."),
    ("NO_SESSION", AMBER, "Rows on a day that the calendar has no session for."),
    ("NO_DATA", GREEN, "The vendor says that nothing was traded."),
    ("SHORT_SESSION", GREEN, "Complete, on a day that closes early."),
    ("OK", GREEN, "Complete and unremarkable."),
)
STATUS = {code: status for code, status, _ in _CODES}
ABOUT = {code: about for code, _, about in _CODES}
ORDER = {code: place for place, (code, _, _) in enumerate(_CODES)}
FLAG_COST = 10  # points that each AMBER code but MISSING_ROWS takes off a partition's score


@dataclass(frozen=True)
class Rules:
    """The limits in force."""

    toxic_up_pct: float = 500
    large_move_pct: float = 30
    wick_pct: float = 50
    volume_spike: float = 20
    stall_sessions: float = 5
    split_tolerance_pct: float = 3
    split_volume_ratio: float = 5
    vendor_difference_pct: float = 0.5

    def as_dict(self) -> dict[str, Any]:
        """Return the limits as they travel to a child."""
        return asdict(self)


def of(values: dict[str, Any]) -> Rules:
    """Return the rules that a child was given."""
    return Rules(**{field.name: values[field.name] for field in fields(Rules) if field.name in values})


def gravest(codes: list[str]) -> list[str]:
    """Return the codes, the gravest first; `OK` when there is none."""
    return sorted(set(codes), key=ORDER.__getitem__) or ["OK"]


def score(codes: list[str], rows: int, expected: int) -> float:
    """Return a partition's score, 0 to 100.

    100 x min(1, rows / expected), less 10 for each AMBER code but MISSING_ROWS; 0 when RED; without an expectation the
    first term is 100, and so it is where nothing was traded. `expected` is -1 when nobody can say.
    """
    if any(STATUS[code] == RED for code in codes):
        return 0.0
    complete = 100.0 * min(1.0, rows / expected) if expected > 0 and "NO_DATA" not in codes else 100.0
    flags = sum(1 for code in codes if STATUS[code] == AMBER and code != "MISSING_ROWS")
    return max(0.0, round(complete - FLAG_COST * flags, 2))


def is_split(step: float | None, split: float) -> bool:
    """Tell whether a split (new shares for one old) explains a step of prices; True where the step is not known.

    Explained is what is left within 30 %, below which no step is suspected.
    """
    return split > 0 and (step is None or abs(math.log(step * split)) < math.log(1.3))


def simple_ratio(ratio: float, tolerance_pct: float) -> float | None:
    """Return the simple ratio (of those by which splits are suspected) that a ratio is, None when it is none."""
    from datasets.quality.checks.moves import RATIOS  # numpy: at first use

    nearest = min((each for a, b in RATIOS for each in (a / b, b / a)), key=lambda each: abs(math.log(each / ratio)))
    return nearest if abs(math.log(nearest / ratio)) <= math.log1p(tolerance_pct / 100) else None
