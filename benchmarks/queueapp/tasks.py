"""The job that does nothing."""

from typing import Any

from tradenexus.jobs import registry

NOTHING = "bench.nothing"


@registry.handler(NOTHING, "Nothing, for a benchmark")
def nothing(run: Any) -> dict[str, Any]:
    """Return at once."""
    return {}


def nothing_of_q2() -> None:
    """The same as a plain task of django-q2."""
