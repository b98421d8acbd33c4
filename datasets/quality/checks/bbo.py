"""Quotes: bids above asks, and bids at asks."""

from __future__ import annotations

from datasets.market import kinds
from datasets.quality.checks.spec import Spec
from datasets.quality.result import Block, Findings

_QUOTES = (kinds.QUOTES,)

SPECS = (
    Spec(
        "bbo.crossed",
        "Bid is not above ask",
        "share",
        "The bid is above the ask.",
        "Nobody could trade at such a mid; swapped columns and stale sides look like this.",
        "Check the mapping of bid and ask. Candles leave crossed quotes out and say so.",
        _QUOTES,
    ),
    Spec(
        "bbo.locked",
        "Bid is rarely at the ask",
        "share",
        "Bid and ask are equal.",
        "Short locks are normal between venues; many of them point to a repeated or stale side.",
        "Nothing if the data is consolidated from several venues.",
        _QUOTES,
    ),
)


class Sides:
    """Crossed and locked quotes."""

    def __init__(self, findings: Findings):
        self.findings = findings

    def push(self, block: Block) -> None:
        """Look at the rows; samples show bid minus ask."""
        bid, ask = block["bid"], block["ask"]
        self.findings["bbo.crossed"].add(block, bid > ask, bid - ask)
        self.findings["bbo.locked"].add(block, bid == ask, bid)
