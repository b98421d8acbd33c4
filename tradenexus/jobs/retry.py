"""When to try again. Pure: numbers and a random source in, a decision out.

Delays double from one second up to five minutes; half of each is random, so that jobs that failed together do not
come back together.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

BASE_S = 1.0
CAP_S = 300.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows a failed attempt: again after `delay_s`, or not again."""

    again: bool
    delay_s: float = 0.0


def delay_s(attempt: int, source: random.Random, base_s: float = BASE_S, cap_s: float = CAP_S) -> float:
    """Return the pause after the given attempt (1 = the first): between half and all of min(cap, base * 2^(n-1))."""
    ceiling = min(cap_s, base_s * 2.0 ** min(max(attempt, 1) - 1, 62))
    return ceiling * (0.5 + 0.5 * source.random())


def decide(attempts: int, max_attempts: int, source: random.Random, after_s: float | None = None) -> Decision:
    """Decide after `attempts` started attempts; `after_s` (what the other side asked for) is a floor."""
    if attempts >= max_attempts:
        return Decision(again=False)
    return Decision(again=True, delay_s=max(delay_s(attempts, source), after_s or 0.0))
