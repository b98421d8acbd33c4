"""What another vendor's closes say of a session that opens as after a split. Numbers in, a word out.

A factor is the other vendor's close over ours of the same session. Where the other series has a split taken out and
ours has not, the factor changes by just that split, and by nothing else: a fall in the market changes neither.

    agrees       the factor steps by a simple ratio that explains our step: the split
    contradicts  it steps by something else; or ours leaves the other series; or that one is adjusted, and not for this
    silent       both step alike, as raw prices do after a split and after a fall; or there are too few bars to tell
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from datasets.lake import rules

AGREES, CONTRADICTS, SILENT, DEPENDENT = "agrees", "contradicts", "silent", "dependent"
SIDE = 3  # sessions before and from the step on that are compared; before it there must be as many
_SAME = 0.01  # closes that differ by less are taken for the same price


@dataclass(frozen=True)
class Weighed:
    """`says` is one of the words above, `ratio` the new shares for one old that the closes name."""

    says: str
    words: str
    ratio: float | None = None


def weigh(before: Sequence[float], after: Sequence[float], step: float, tolerance_pct: float) -> Weighed:
    """Judge factors of the sessions before a step and from it on; `step` is our open over our close before.

    The ratio must be a simple one to within the tolerance (`split_tolerance_pct`) and explain the step (`is_split`).
    """
    if len(before) < SIDE or not after:
        return Weighed(SILENT, f"too few of its sessions: {len(before)} before, {len(after)} from it on")
    if not (_steady(before, tolerance_pct) and _steady(after, tolerance_pct)):
        return Weighed(SILENT, "its closes are no steady multiple of ours around it")
    low, high = median(before), median(after)
    ratio = high / low
    if abs(math.log(ratio)) <= math.log1p(tolerance_pct / 100):
        if abs(low - 1) <= _SAME:
            return Weighed(SILENT, "its closes step as ours do, as raw ones would after a split or a fall")
        return Weighed(CONTRADICTS, "its adjusted closes step as ours do: it knows of no split here", 1.0)
    if not rules.is_split(step, ratio):
        return Weighed(CONTRADICTS, f"its closes step by {ratio:.4g} for one here", ratio)
    if abs(low - 1) <= _SAME:
        return Weighed(CONTRADICTS, "its closes do not jump: ours leave them from this session on", 1.0)
    named = rules.simple_ratio(ratio, tolerance_pct)
    if named is None:
        return Weighed(CONTRADICTS, f"its closes step by {ratio:.4g} for one here, which is no simple ratio", ratio)
    return Weighed(AGREES, f"its adjusted closes step by {named:.4g} for one here", named)


def _steady(factors: Sequence[float], tolerance_pct: float) -> bool:
    return max(factors) <= min(factors) * (1 + tolerance_pct / 100)
