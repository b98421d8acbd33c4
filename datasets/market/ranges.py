"""Half-open ranges [start, end) of int nanoseconds: union, intersection, difference, and the bars a difference needs.

A range whose start is not before its end is refused, never turned round. Results are sorted, disjoint and not touching.
"""

from __future__ import annotations

from collections.abc import Iterable

from tradenexus.errors import BadRequest

Range = tuple[int, int]


class RangeReversed(BadRequest):
    """The start of the range is not before its end. Ranges are half-open: the end itself is not part of them."""

    code = "RANGE_REVERSED"


def check(start: int, end: int) -> Range:
    """Return (start, end); RangeReversed unless start < end."""
    if start >= end:
        raise RangeReversed(f"The range [{start}, {end}) is empty or reversed.", {"start": start, "end": end})
    return start, end


def union(ranges: Iterable[Range]) -> list[Range]:
    """Merge ranges that overlap or touch."""
    merged: list[Range] = []
    for start, end in sorted(check(*each) for each in ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def intersect(left: Iterable[Range], right: Iterable[Range]) -> list[Range]:
    """Return what lies in both."""
    one, other = union(left), union(right)
    found: list[Range] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return found


def subtract(ranges: Iterable[Range], covered: Iterable[Range]) -> list[Range]:
    """Return what lies in `ranges` and not in `covered`."""
    holes = union(covered)
    left: list[Range] = []
    for start, end in union(ranges):
        at = start
        for hole_start, hole_end in holes:
            if hole_end <= at or hole_start >= end:
                continue
            if hole_start > at:
                left.append((at, hole_start))
            at = max(at, hole_end)
        if at < end:
            left.append((at, end))
    return left


def missing(window: Range, covered: Iterable[Range]) -> list[Range]:
    """Return the parts of `window` that `covered` does not reach."""
    return subtract([window], covered)


def missing_bars(window: Range, covered: Iterable[Range], step: int) -> list[Range]:
    """Return ranges on the grid of `step` that hold every bar (stamped at its open) not inside `covered`.

    Off-grid cover loses no bar: in [0, 200) with step 10 and cover (95, 105), the bar at 90 is still needed.
    """
    if step <= 0:
        raise ValueError("step must be positive")
    needed = []
    for start, end in missing(window, covered):
        first, after = -(-start // step) * step, -(-end // step) * step
        if first < after:
            needed.append((first, after))
    return union(needed)


def chunks(window: Range, length: int) -> list[Range]:
    """Cut `window` into pieces of at most `length`; neighbours share no instant."""
    start, end = check(*window)
    if length <= 0:
        raise ValueError("length must be positive")
    return [(at, min(at + length, end)) for at in range(start, end, length)]
