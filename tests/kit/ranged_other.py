"""Another vendor of the same kind, behind the first."""

from tests.kit.ranged import NEEDS, READS, Ranged

__all__ = ["NAME", "NEEDS", "READS", "connect"]
NAME = "other"


def connect(settings: object) -> Ranged:
    """Return the vendor."""
    return Ranged(NAME)
