"""Values: prices, bars and volumes that cannot be, or are rarely true. Nothing is deleted here, only counted.

Null and not finite values in required columns are left out by the intake, which counts them.
"""

from __future__ import annotations

import numpy as np

from datasets.market import kinds
from datasets.quality.checks.spec import Spec
from datasets.quality.result import Block, Findings

_BARS, _TICKS = (kinds.BARS,), (kinds.TRADES, kinds.BARS)

SPECS = (
    Spec(
        "values.nulls",
        "Required values are present",
        "share",
        "A required column is empty in these rows; they were left out.",
        "A row without time or price cannot be placed or used.",
        "Correct the rows at their source, or map another column.",
    ),
    Spec(
        "values.finite",
        "Prices are numbers",
        "share",
        "A price is NaN or infinite in these rows; they were left out.",
        "One such value poisons every sum and average it enters.",
        "Correct the rows at their source.",
    ),
    Spec(
        "values.sparse",
        "Sizes and volumes are present",
        "share",
        "Some rows have no size or volume although others do.",
        "Volume of bars made from them is too low.",
        "Fill the column at its source; if unknown means zero, write zero.",
        _TICKS,
    ),
    Spec(
        "values.zero_price",
        "No zero prices",
        "share",
        "A price is exactly zero. The rows are kept.",
        "Zero often stands for a missing price; returns through it are infinite.",
        "Remove the rows at their source, or leave them if the price was truly zero.",
    ),
    Spec(
        "values.negative_price",
        "No negative prices",
        "share",
        "A price is below zero. The rows are kept.",
        "It can be true (crude oil traded at -37 on 2020-04-20), but most instruments cannot have it.",
        "If it is true, use the lenient profile or raise values.negative_price.red; else correct the rows.",
    ),
    Spec(
        "ohlc.high_low",
        "High is not below low",
        "share",
        "The high of these bars is below their low.",
        "Such a bar is impossible: columns are swapped or the row is broken.",
        "Check the mapping of high and low, then the rows.",
        _BARS,
    ),
    Spec(
        "ohlc.inside",
        "Open and close lie within the bar",
        "share",
        "Open or close lies above the high or below the low.",
        "A simulated order would fill at a price the bar says was never traded.",
        "Mixed adjusted and raw columns do this: map columns of one kind; else correct the rows.",
        _BARS,
    ),
    Spec(
        "volume.negative",
        "No negative volumes",
        "share",
        "A size or volume is below zero.",
        "Sums of volume become wrong.",
        "If the sign means the side, map it as side and use absolute sizes.",
        _TICKS,
    ),
    Spec(
        "volume.zero",
        "Few zero volumes",
        "share",
        "A size or volume is exactly zero.",
        "A trade of size zero is no trade; a bar without volume was filled or is an index.",
        "Nothing for indices. Candles leave trades of size zero out and say so.",
        _TICKS,
    ),
)


class Prices:
    """Zero and negative prices in the named columns; a row counts once."""

    def __init__(self, findings: Findings, columns: tuple[str, ...]):
        self.findings, self.columns = findings, columns

    def push(self, block: Block) -> None:
        """Look at the rows."""
        if all(block[name].min() > 0 for name in self.columns):  # not where one is NaN
            return
        lowest = block[self.columns[0]]
        for name in self.columns[1:]:
            lowest = np.fmin(lowest, block[name])
        if not (lowest <= 0).any():
            return
        self.findings["values.negative_price"].add(block, lowest < 0, lowest)
        zero = np.logical_or.reduce([block[name] == 0 for name in self.columns])
        self.findings["values.zero_price"].add(block, zero, np.zeros(len(block)))


class Ohlc:
    """Bars that contradict themselves."""

    def __init__(self, findings: Findings):
        self.findings = findings

    def push(self, block: Block) -> None:
        """Look at the rows."""
        high, low = block["high"], block["low"]
        self.findings["ohlc.high_low"].add(block, high < low, high)
        top, bottom = np.maximum(block["open"], block["close"]), np.minimum(block["open"], block["close"])
        outside = (top > high) | (bottom < low)
        self.findings["ohlc.inside"].add(block, outside, np.where(top > high, top, bottom))


class Volume:
    """Negative, zero and missing sizes; a column that is wholly missing is not there, and not counted."""

    def __init__(self, findings: Findings, column: str):
        self.findings, self.column = findings, column
        self.known = 0
        self.missing = Findings(findings.most)

    def push(self, block: Block) -> None:
        """Look at the rows."""
        size = block[self.column]
        if size.min() > 0:  # not where one is NaN
            self.known += len(size)
            return
        self.findings["volume.negative"].add(block, size < 0, size)
        self.findings["volume.zero"].add(block, size == 0, size)
        unknown = np.isnan(size)
        self.known += len(size) - int(np.count_nonzero(unknown))
        self.missing["values.sparse"].add(block, unknown)

    def finish(self) -> None:
        """Count missing sizes if there were others."""
        if self.known:
            self.findings.merge(self.missing)
