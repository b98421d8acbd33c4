"""What a candidate must have to be in the matrix; `returns` says how it is measured. Pure values, nothing heavy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Rules:
    """So many returns at least, and so many percent of the dates at most without one."""

    min_days: int = 60
    max_missing_pct: float = 10.0

    def as_dict(self) -> dict[str, Any]:
        """Return the rules as plain values."""
        return asdict(self)

    def faults(self) -> dict[str, list[str]]:
        """Return what is out of bounds, by the field's name in the API; empty when all is well."""
        found = {}
        if not 2 <= self.min_days <= 100_000:
            found["minDays"] = ["a whole number from 2 to 100,000"]
        if not 0 <= self.max_missing_pct <= 100:
            found["maxMissingPct"] = ["a number from 0 to 100"]
        return found
