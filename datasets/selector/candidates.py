"""The candidates' list: JSON, a list or {meta, data: [...]}, of VENUE:SYMBOL or of objects that name a symbol [pure].

An entry that cannot be read is dropped with the reason, as one is that stands there twice; only a document that is no
list of candidates at all is refused.
"""

from __future__ import annotations

from typing import Any

from datasets.market import instruments
from tradenexus.errors import BadRequest

MOST = 5_000
UNREADABLE, TWICE = "UNREADABLE", "LISTED_TWICE"
VENUE_FIELDS = ("exchange", "venue")
Drop = dict[str, Any]


class CandidatesRefused(BadRequest):
    """The document is no list of candidates: a JSON list, or an object with such a list under `data`.

    Each is "VENUE:SYMBOL", or an object with `symbol` ("VENUE:SYMBOL", or the symbol with `exchange` or `venue`).
    """

    code = "CANDIDATES_REFUSED"


def read(document: Any) -> tuple[list[str], list[Drop]]:
    """Return (names in order, unique; drops: candidate, reason, words). CandidatesRefused when it is no list."""
    listed = document.get("data") if isinstance(document, dict) else document
    if not isinstance(listed, list) or not listed:
        raise CandidatesRefused("candidates must be a list, or an object with a list under `data`, and not empty")
    if len(listed) > MOST:
        raise CandidatesRefused(f"at most {MOST:,} candidates", {"most": MOST, "given": len(listed)})
    names: dict[str, None] = {}
    drops = []
    for number, each in enumerate(listed):
        spelled = _spelled(each)
        try:
            name = str(instruments.parse(spelled))
        except instruments.SymbolRefused as fault:
            shown = spelled[:100] or f"entry {number}"
            drops.append({"candidate": shown, "reason": UNREADABLE, "words": fault.message})
            continue
        if name in names:
            drops.append({"candidate": name, "reason": TWICE, "words": f"entry {number} names it again"})
        names[name] = None
    return list(names), drops


def _spelled(each: Any) -> str:
    if not isinstance(each, dict):
        return each if isinstance(each, str) else ""
    symbol = each.get("symbol")
    if not isinstance(symbol, str):
        return ""
    venue = next((each[field] for field in VENUE_FIELDS if isinstance(each.get(field), str)), "")
    return symbol if ":" in symbol or not venue else f"{venue}:{symbol}"
