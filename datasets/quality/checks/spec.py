"""What a check says of itself: its name, what it measures and what its findings mean.

`unit` is `share` (of the rows read) or `count`. The explanation has three parts: what it means, why it matters, how
to fix it.
"""

from __future__ import annotations

from dataclasses import dataclass

from datasets.market import kinds


@dataclass(frozen=True, slots=True)
class Spec:
    """One check as the report shows it."""

    id: str
    title: str
    unit: str
    means: str
    matters: str
    fix: str
    kinds: tuple[str, ...] = kinds.KINDS

    @property
    def family(self) -> str:
        """Return the first part of the id."""
        return self.id.split(".")[0]

    @property
    def explanation(self) -> str:
        """Return the three parts as one text."""
        return f"What it means: {self.means} Why it matters: {self.matters} Fix: {self.fix}"
