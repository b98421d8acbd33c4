"""A vendor that stands behind the others: it has a name and never anything to say."""

from tests.kit.answering import NEEDS, READS, Answering, connect

__all__ = ["NAME", "NEEDS", "READS", "Answering", "connect"]
NAME = "behind"
