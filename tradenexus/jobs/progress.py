"""How far a run is, and what it said, kept in memory until the heartbeat writes it (at most once a second).

Within a phase progress never goes backwards; the rate is an exponentially weighted mean over ten seconds. Pure but for
the clock, which the caller gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

RATE_WINDOW_S = 10.0
SAMPLE_S = 0.2
MAX_STEPS = 50


@dataclass(slots=True)
class Meter:
    """One run's progress: feed it with `update`, read it with `snapshot`."""

    phase: str = ""
    done: float = 0.0
    total: float | None = None
    unit: str = "bytes"
    rate: float | None = None
    dirty: bool = False
    steps: list[dict[str, Any]] = field(default_factory=list)
    _began: float = 0.0
    _sampled_at: float = 0.0
    _sampled_done: float = 0.0

    def update(self, at: float, phase: str, done: float | None, total: float | None, unit: str) -> None:
        """Take a report made at monotonic time `at` (seconds)."""
        if phase != self.phase:
            self._step(at)
            self.phase, self.done, self.total, self.rate = phase, 0.0, None, None
            # What a phase begins with was done before: it says nothing of the speed.
            begun = done if done is not None and math.isfinite(done) else 0.0
            self._sampled_at, self._sampled_done = at, begun
        self.unit = unit
        if total is not None and total >= 0:
            self.total = total
        if done is not None and math.isfinite(done):
            self.done = max(self.done, done)
            self._sample(at)
        self.dirty = True

    def snapshot(self) -> dict[str, Any]:
        """Return {phase, done, total, unit, rate, eta_s, steps}; rate in units a second, unknown values None.

        steps: the phases that are over, in order, {phase, seconds}; the last fifty.
        """
        eta = None
        if self.total is not None and self.rate:
            eta = round(max(self.total - self.done, 0) / self.rate, 1)
        rate = None if self.rate is None else round(self.rate, 3)
        return {
            "phase": self.phase,
            "done": _plain(self.done),
            "total": None if self.total is None else _plain(max(self.total, self.done)),
            "unit": self.unit,
            "rate": rate,
            "eta_s": eta,
            "steps": self.steps[-MAX_STEPS:],
        }

    def _step(self, at: float) -> None:
        if self.phase:
            self.steps.append({"phase": self.phase, "seconds": round(at - self._began, 1)})
        self._began = at

    def _sample(self, at: float) -> None:
        span = at - self._sampled_at
        if span < SAMPLE_S:
            return
        current = (self.done - self._sampled_done) / span
        weight = 1 - math.exp(-span / RATE_WINDOW_S)
        self.rate = current if self.rate is None else self.rate + weight * (current - self.rate)
        self._sampled_at, self._sampled_done = at, self.done


def _plain(value: float) -> int | float:
    return int(value) if float(value).is_integer() else value
