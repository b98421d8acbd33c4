"""The bins of the distributions in a diff: fixed edges, the same for all data, so that counts are exact and add up.

What is counted are the fine bins: ninety a decade (1.0, 1.1, ... 9.9 times a power of ten), mirrored for what is below
zero. What is shown are sums of them whose edges are fine edges too: for returns equal widths of 1, 2 or 5 times a
power of ten, for values steps of a decade. A bin holds `from` and does not hold `to`. No heavy import here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from datasets.market import tables
from datasets.market.tables import Table

RETURN, VALUE = "return", "value"
LINEAR, LOGARITHMIC = "linear", "logarithmic"
MOST = 24  # bins of values
REACH = 20  # bins of returns on either side of zero
TAIL = 100  # one part in so many may lie beyond them
_LEAST, _GREATEST = -12, 16  # decades of the fine bins
_NARROWEST = -6  # power of ten of the narrowest bin of returns: 0.0001 %
# Two-digit numbers that a decade is cut at, the finest first.
_STEPS = (*(tuple(range(10, 100, step)) for step in (1, 5, 10)), (10, 20, 50), (10,))
# (number, power): number * 10**power. Beyond the widest nothing is told apart.
_WIDTHS = [(number, power) for power in range(_NARROWEST, _GREATEST - 3) for number in (1, 2, 5)]

_POSITIVE = [float(f"{number}e{power - 1}") for power in range(_LEAST, _GREATEST) for number in range(10, 100)]
EDGES: tuple[float, ...] = (*(-edge for edge in reversed(_POSITIVE)), 0.0, *_POSITIVE)
_ZERO = len(_POSITIVE)  # where zero is among the edges

Counted = tuple[
    int, int, int
]  # the number of edges at or below the bin's values, and how many there are: before, after
Pair = tuple[int | None, int | None]  # two edges by their place, None: without an end


@dataclass(frozen=True, slots=True)
class Bin:
    """How many values there are from `start` up to `end` (None: without an end) on either side."""

    start: float | None
    end: float | None
    before: int
    after: int


def measures(table: Table) -> dict[str, str]:
    """Return what is counted of each numeric column of a table: the returns of prices, the values of all others.

    Numbers that order or name something (sequence, side) measure nothing. The levels of an order book follow each
    other in any order: their prices have no returns.
    """
    priced = table.family in (tables.BARS, tables.TICKS) and table.name != "book"
    return {
        column.name: RETURN if priced and column.unit == "quote" else VALUE
        for column in table.columns
        if column.dtype in ("float64", "int64") and column.name != "sequence" and column.name not in table.key
    }


def shown(measure: str, counted: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Return fine counts as they are shown: {scale, width, bins}; `width` is that of returns, None for values.

    Returns: the narrowest width at which at most one in TAIL lies farther than REACH bins from zero; what does is
    counted in two open bins. Values: the finest steps of a decade that make at most MOST bins. No bins of nothing.
    """
    counts = [(int(at), int(before), int(after)) for at, before, after in counted if before or after]
    if measure == RETURN:
        width, found = _returns(counts) if counts else (None, [])
        return {"scale": LINEAR, "width": width, "bins": found}
    return {"scale": LOGARITHMIC, "width": None, "bins": _values(counts) if counts else []}


def _returns(counts: list[Counted]) -> tuple[float, list[Bin]]:
    total = sum(before + after for _, before, after in counts)
    for number, power in _WIDTHS:
        low, high = _edge(-REACH * number, power), _edge(REACH * number, power)
        beyond = sum(before + after for at, before, after in counts if at <= low or at > high)
        if beyond * TAIL <= total:
            break
    ends = [_edge(step * number, power) for step in range(-REACH, REACH + 1)]
    return float(f"{number}e{power}"), _summed(counts, [(None, ends[0]), *pairwise(ends), (ends[-1], None)])


def _values(counts: list[Counted]) -> list[Bin]:
    found: list[Bin] = []
    for starts in _STEPS:
        above = [_edge(number, power - 1) for power in range(_LEAST, _GREATEST) for number in starts]
        below = [2 * _ZERO - at for at in reversed(above)]
        # what is below zero, (next to) zero, and above it: each without empty bins at its ends
        parts: list[list[Pair]] = [[(None, below[0]), *pairwise(below)]]
        parts.append([(below[-1], _ZERO), (_ZERO, above[0])])
        parts.append([*pairwise(above), (above[-1], None)])
        found = [each for part in parts for each in _summed(counts, part)]
        if len(found) <= MOST:
            break
    return found


def _edge(number: int, power: int) -> int:
    """Return where number * 10**power is among the edges; number of at most two digits but for zeros at its end."""
    size = abs(number)
    if not size:
        return _ZERO
    while size % 10 == 0 and size >= 100:
        size, power = size // 10, power + 1
    while size < 10:
        size, power = size * 10, power - 1
    assert size < 100, (number, power)
    at = (power + 1 - _LEAST) * 90 + size - 10
    return _ZERO + 1 + at if number > 0 else _ZERO - 1 - at


def _summed(counts: list[Counted], pairs: Sequence[Pair]) -> list[Bin]:
    """Return the bins between two edges each, in order and side by side, without empty ones at either end."""
    sums = [[0, 0] for _ in pairs]
    at = 0
    for place, before, after in counts:
        # `place` edges are at or below the values: they lie from edge place-1 up to edge place
        low, _ = pairs[0]
        if low is not None and place <= low:
            continue
        while at < len(pairs) and not _ends_after(pairs[at], place):
            at += 1
        if at == len(pairs):
            break
        sums[at][0] += before
        sums[at][1] += after
    held = [number for number, each in enumerate(sums) if any(each)]
    if not held:
        return []
    kept = range(held[0], held[-1] + 1)
    return [Bin(_value(pairs[number][0]), _value(pairs[number][1]), *sums[number]) for number in kept]


def _ends_after(pair: Pair, place: int) -> bool:
    return pair[1] is None or place <= pair[1]


def _value(edge: int | None) -> float | None:
    return None if edge is None else EDGES[edge]
