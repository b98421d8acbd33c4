"""The checks, one module a family. A module lists its SPECS; `suite` names what looks at an instrument's rows.

Checks are pure: they take blocks of rows in canonical order, carry what they need from block to block, and count.
"""

from __future__ import annotations

from typing import Any, Protocol

from datasets.market import kinds
from datasets.quality.checks import bbo, duplicates, gaps, moves, rhythm, schema, times, values
from datasets.quality.checks.rhythm import Rhythm
from datasets.quality.checks.spec import Spec
from datasets.quality.result import Block, Findings

SPECS: tuple[Spec, ...] = (
    *schema.SPECS,
    *times.SPECS,
    *rhythm.SPECS,
    *gaps.SPECS,
    *duplicates.SPECS,
    *values.SPECS,
    *bbo.SPECS,
    *moves.SPECS,
)


class Check(Protocol):
    """One look at the rows of one instrument."""

    def push(self, block: Block) -> None:
        """Take the next rows."""


def specs(kind: str) -> list[Spec]:
    """Return the checks that data of a kind has, in the order of the report."""
    return [spec for spec in SPECS if kind in spec.kinds]


def suite(
    kind: str, findings: Findings, limits: dict[str, Any], latest_ns: int, calendar: str | None, beat: Rhythm | None
) -> list[Check]:
    """Return the checks for one instrument of a kind; `beat` is the rhythm of bars."""
    found: list[Check] = [times.Range(findings, latest_ns)]
    if kind == kinds.BARS:
        assert beat is not None
        prices = ("open", "high", "low", "close")
        found += [values.Prices(findings, prices), values.Ohlc(findings), values.Volume(findings, "volume")]
        found += [gaps.Bars(findings, beat), moves.Wicks(findings, limits["wick_pct"])]
        return [*found, moves.Steps(findings, limits, "close", bars=True)]
    found.append(gaps.Silence(findings, limits["silence_s"], calendar))
    if kind == kinds.QUOTES:
        found += [values.Prices(findings, ("bid", "ask")), bbo.Sides(findings)]
        return [*found, moves.Steps(findings, limits, "mid", bars=False)]
    found += [values.Prices(findings, ("price",)), values.Volume(findings, "size")]
    return [*found, moves.Steps(findings, limits, "price", bars=False)]


def finish(found: list[Check]) -> None:
    """Tell every check that there are no more rows."""
    for check in found:
        ending = getattr(check, "finish", None)
        if ending is not None:
            ending()
