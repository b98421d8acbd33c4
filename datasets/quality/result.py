"""What checks hand on: blocks in, tallies out, and the graded result a report shows.

A block is a run of rows of one instrument in canonical order. A tally counts offenders exactly and keeps the first
twenty as samples, more where they are all wanted. Grades are GREEN (pass), AMBER (pass with warnings) and RED (fail).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

GREEN, AMBER, RED = "GREEN", "AMBER", "RED"
SAMPLES = 20


@dataclass(slots=True)
class Block:
    """Consecutive rows of an instrument: `ts` ns UTC, `row` as the file numbers it, float columns NaN where null."""

    instrument: str
    ts: np.ndarray
    row: np.ndarray
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ts)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]


@dataclass(slots=True)
class Sample:
    """One offender."""

    row: int
    ts: int | None
    value: Any
    instrument: str = ""
    line: int | None = None


@dataclass(slots=True)
class Tally:
    """How many rows offend, and the first of them."""

    count: int = 0
    samples: list[Sample] = field(default_factory=list)
    most: int = SAMPLES

    def add(self, block: Block, offends: np.ndarray, values: np.ndarray | None = None) -> None:
        """Count the rows that are True; `values` (one a row) are what the samples show."""
        found = int(np.count_nonzero(offends))
        if not found:
            return
        self.count += found
        room = self.most - len(self.samples)
        for at in np.flatnonzero(offends)[:room].tolist() if room > 0 else ():
            value = None if values is None else values[at]
            self.samples.append(Sample(int(block.row[at]), int(block.ts[at]), plain(value), block.instrument))

    def add_one(self, sample: Sample, count: int = 1) -> None:
        """Count one offender that stands for `count`."""
        self.count += count
        if len(self.samples) < self.most:
            self.samples.append(sample)

    def merge(self, other: Tally) -> None:
        """Take another tally in; the samples stay those of the lowest rows."""
        self.count += other.count
        self.samples = sorted([*self.samples, *other.samples], key=lambda sample: sample.row)[: self.most]


class Findings:
    """Tallies by check id, and figures that go with them; what one instrument or one file has been found to have."""

    def __init__(self, most: int = SAMPLES) -> None:
        self.most = most  # samples that a tally keeps
        self.tallies: dict[str, Tally] = {}
        self.figures: dict[str, Counter[str]] = {}

    def __getitem__(self, check: str) -> Tally:
        return self.tallies.setdefault(check, Tally(most=self.most))

    def figure(self, check: str, name: str, value: int) -> None:
        """Add to a figure; a name that begins with `longest` keeps the largest instead."""
        figures = self.figures.setdefault(check, Counter())
        figures[name] = max(figures[name], value) if name.startswith("longest") else figures[name] + value

    def merge(self, other: Findings) -> None:
        """Take the findings of another instrument in."""
        for check, tally in other.tallies.items():
            self[check].merge(tally)
        for check, figures in other.figures.items():
            for name, value in figures.items():
                self.figure(check, name, value)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check, graded: `measured` is a count or share, `limit` what is still GREEN, `red_limit` still AMBER."""

    id: str
    family: str
    title: str
    grade: str
    unit: str
    measured: float
    limit: float | None
    red_limit: float | None
    count: int
    samples: list[dict[str, Any]]
    explanation: str
    figures: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the check as the contract's JSON."""
        return {
            "id": self.id,
            "family": self.family,
            "title": self.title,
            "grade": self.grade,
            "unit": self.unit,
            "measured": self.measured,
            "limit": self.limit,
            "redLimit": self.red_limit,
            "count": self.count,
            "samples": self.samples,
            "explanation": self.explanation,
            "figures": self.figures,
        }


def plain(value: Any) -> Any:
    """Return a numpy scalar as a JSON value; what JSON cannot hold (NaN, infinity) as text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def iso(ts: int | None) -> str | None:
    """Return ns UTC as ISO 8601, with as many decimals as are not zero."""
    if ts is None:
        return None
    text = str(np.datetime64(ts, "ns"))
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "Z"
