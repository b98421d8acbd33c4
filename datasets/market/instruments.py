"""Names and kinds of instruments. `VENUE:SYMBOL` is an instrument's name everywhere in the lake; no heavy import.

A symbol is a spelling of an instrument at its venue. Only spellings on the allow-list below enter the lake: a name
becomes part of addresses, catalog keys and names of exported files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tradenexus.errors import BadRequest

SPOT, SWAP, FUTURES, OPTION = "spot", "swap", "futures", "option"
INDEX, EQUITY, RATE = "index", "equity", "rate"
TYPES = (SPOT, SWAP, FUTURES, OPTION, INDEX, EQUITY, RATE)
# Prices of these may be zero or below: WTI settled at -37.63 USD in April 2020, yields were negative for years.
SIGNED = frozenset({FUTURES, RATE, INDEX})

_VENUE = re.compile(r"[A-Z][A-Z0-9_]{0,31}", re.ASCII)
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=^-]{0,62}", re.ASCII)


class SymbolRefused(BadRequest):
    """The spelling is not allowed in the lake: letters, digits, `.`, `_`, `=`, `^` and `-`, from a letter or digit.

    Name the instrument yourself where the data is mapped (`BTC-USD` for `BTC/USD`): we do not guess.
    """

    code = "SYMBOL_REFUSED"


@dataclass(frozen=True, slots=True)
class Name:
    """One instrument's name: where it trades and how it is spelled there."""

    venue: str
    symbol: str

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}"

    @property
    def filename(self) -> str:
        """Return the name as a part of a file's name: VENUE_SYMBOL."""
        return f"{self.venue}_{self.symbol}"


def name(venue: str, symbol: str) -> Name:
    """Return the instrument's name; SymbolRefused unless both are on the allow-list. Case is kept, never changed."""
    if not isinstance(venue, str) or not _VENUE.fullmatch(venue):
        words = f"{str(venue)[:40]!r} cannot be a venue: capital letters, digits and `_`, at most 32, from a letter."
        raise SymbolRefused(words, {"venue": str(venue)[:64]})
    if not isinstance(symbol, str) or not _SYMBOL.fullmatch(symbol):
        words = f"{str(symbol)[:40]!r} cannot be a symbol here; map it to a name of letters, digits and . _ = ^ -"
        raise SymbolRefused(words, {"symbol": str(symbol)[:64]})
    return Name(venue, symbol)


def parse(text: str) -> Name:
    """Read `VENUE:SYMBOL`; SymbolRefused for anything else."""
    venue, colon, symbol = str(text).partition(":")
    if not colon:
        raise SymbolRefused(f"{str(text)[:80]!r} is not VENUE:SYMBOL.", {"instrument": str(text)[:100]})
    return name(venue, symbol)
