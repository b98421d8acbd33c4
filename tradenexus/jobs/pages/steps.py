"""The stepper of a job: the phases it went through and those that usually follow, each with its state. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tradenexus.jobs.models import State

ENDS = {State.FAILED: "failed", State.STALLED: "stalled", State.CANCELLED: "cancelled", State.SUCCEEDED: "succeeded"}


@dataclass(frozen=True, slots=True)
class Step:
    """One phase: its state as a chip knows it, seconds once it is over."""

    name: str
    state: str
    seconds: float | None = None


def of(state: str, progress: dict[str, Any], usual: tuple[str, ...]) -> list[Step]:
    """Return the steps: those that are over, the present one, then what usually follows (first words in `usual`)."""
    steps = [Step(_shown(each["phase"]), "succeeded", each["seconds"]) for each in progress.get("steps", [])]
    present = str(progress.get("phase") or "")
    if present:
        steps.append(Step(_shown(present), ENDS.get(State(state), "running" if state == State.RUNNING else "queued")))
    if state == State.SUCCEEDED:
        return steps
    return steps + [Step(_shown(name), "waiting") for name in _ahead(present, usual)]


def _ahead(present: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    for place, name in enumerate(usual):
        if present.startswith(name):
            return usual[place + 1 :]
    return () if present else usual


def _shown(phase: str) -> str:
    text = phase.replace("_", " ")
    return f"{text[:1].upper()}{text[1:]}"
