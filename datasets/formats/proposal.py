"""Proposes what a file holds and which column is which: by names, and where there are none by what the values show.

Each proposal carries a confidence from 0 to 1 and a reason in words. What the values do not decide becomes a question;
nothing is guessed that would change prices, sides or times.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datasets.formats import vocabulary
from datasets.formats.samples import Column
from datasets.formats.targets import CLOCK, MAKER, TIME
from datasets.market.kinds import BARS, QUOTES, REQUIRED, SYMBOL, TRADES

_SINGLE_LETTERS_NEEDED = 3
_NUMERIC = ("integer", "number")


@dataclass
class Proposal:
    """The kind with its confidence, `mapping` {target: {column, confidence, reason}}, and what is left to ask."""

    kind: str | None = None
    confidence: float = 0.0
    mapping: dict[str, dict[str, Any]] = field(default_factory=dict)
    questions: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)

    def put(self, target: str, column: Column, confidence: float, reason: str) -> None:
        """Map `target` to `column`."""
        self.mapping[target] = {"column": reference(column), "confidence": round(confidence, 2), "reason": reason}


def reference(column: Column) -> str | int:
    """Return how a plan names the column: by name when it has one of its own that can be stored, else by number."""
    unusable = column.extra.get("unnamed") or column.extra.get("twin") or "\0" in column.name
    return column.index if unusable else column.name


def propose(columns: list[Column], named: bool, kind: str | None = None) -> Proposal:
    """Return the proposal for `columns`; `named` tells whether they have names, `kind` is what was declared."""
    time = best_time(columns)
    clock = next((column for column in columns if column.is_clock), None)
    if time is not None and clock is not None and time[0].type in ("date", "time") and not time[0].has_clock:
        time = (time[0].with_clock(clock), time[1], f"{time[2]}, with the time of day in {clock.name}")
    else:
        clock = None
    if not named:
        return _by_values(columns, time, kind)
    found = _by_names(columns)
    proposal = Proposal()
    if time is not None:
        proposal.put(TIME, *time)
    if clock is not None:
        proposal.put(CLOCK, clock, 0.9, "its values are times of day")
    proposal.kind, proposal.confidence = (kind, 1.0) if kind else _kind(found, time)
    if proposal.kind is None:
        _ask_kind(proposal)
        return proposal
    if proposal.kind == BARS and time is not None and time[2] == vocabulary.CLOSE_TRUST[1]:
        # Taken for open times, every bar would stand one too late: somebody has to say that they are.
        del proposal.mapping[TIME]
    _take_names(proposal, found)
    _keys(proposal, columns)
    if proposal.kind == TRADES:
        _sides(proposal, found)
        _ids(proposal, time, found)
    return proposal


def best_time(columns: Iterable[Column]) -> tuple[Column, float, str] | None:
    """Return the column most to be trusted as the time of the event, with confidence and reason."""
    best: tuple[Column, float, str] | None = None
    others = []
    for column in columns:
        if column.time is None:
            continue
        trust = vocabulary.trust_of_time(column.name)
        if trust is None:
            folded = vocabulary.fold(column.name)
            identifier = folded.endswith("id") or folded in vocabulary.NAMES["trade_id"]
            by_form = (
                (0.7, "its values are times") if column.type in ("time", "date") else (0.65, "its values are times")
            )
            trust = vocabulary.ID_TRUST if identifier and column.type == "integer" else by_form
            if identifier:
                trust = (min(trust[0], 0.5), trust[1])
        confidence, reason = trust
        if "." in column.name:
            confidence -= 0.05
        others.append(column.name)
        if best is None or confidence > best[1] + 1e-9:
            best = (column, confidence, reason)
    if best is None:
        return None
    column, confidence, reason = best
    local = [name for name in others if name != column.name and vocabulary.LOCAL.search(vocabulary.fold(name))]
    if local and confidence > vocabulary.LOCAL_TRUST[0]:
        reason = f"{reason}; preferred to {', '.join(local)}, the recorder's clock"
    if reason == vocabulary.ID_TRUST[1]:
        confidence = vocabulary.ID_TRUST[0]
    return column, confidence, reason


def _by_names(columns: list[Column]) -> dict[str, tuple[Column, float, str]]:
    """Return for each target the column whose name fits best; single letters only when several are among the names."""
    folded = {vocabulary.fold(column.name): column for column in reversed(columns)}
    # A name at the top wins over the same name inside an object.
    folded |= {vocabulary.fold(column.name): column for column in reversed(columns) if "." not in column.name}
    letters = sum(len(name) == 1 for name in folded) >= _SINGLE_LETTERS_NEEDED
    found: dict[str, tuple[Column, float, str]] = {}
    for target, names in vocabulary.NAMES.items():
        for rank, name in enumerate(names):
            column = folded.get(name)
            if column is None or (len(name) == 1 and not letters) or not _fits(target, column):
                continue
            found[target] = (column, max(0.7, 0.97 - 0.03 * rank), f"named {column.name}")
            break
    return found


def _fits(target: str, column: Column) -> bool:
    if column.type == "empty":
        return False
    if target in (SYMBOL, "trade_id"):
        return column.type != "boolean"
    if target == MAKER:
        return column.type == "boolean" or _mostly(column, {"0", "1"})
    if target == "side":
        return _mostly(column, vocabulary.SIDE_WORDS)
    if target in ("sequence", "trades"):
        return column.type == "integer"
    return column.type in _NUMERIC or column.is_mostly_numbers


def _mostly(column: Column, words: Container[str]) -> bool:
    """Tell whether nearly all values are among the words: a stray one is rejected by line, not the column."""
    return sum(value.lower() in words for value in column.filled) >= 0.9 * len(column.filled)


def _kind(found: dict[str, Any], time: tuple[Column, float, str] | None) -> tuple[str | None, float]:
    if all(name in found for name in REQUIRED[BARS][1:]):
        return BARS, 0.97
    if "bid" in found and "ask" in found:
        return QUOTES, 0.96
    if "price" in found and any(name in found for name in ("size", "side", MAKER, "trade_id")):
        # A price a day is a series of values, not a tape of trades.
        daily = time is not None and time[0].type == "date"
        return (None, 0.0) if daily and "side" not in found and "trade_id" not in found else (TRADES, 0.95)
    return None, 0.0


def _take_names(proposal: Proposal, found: dict[str, tuple[Column, float, str]]) -> None:
    assert proposal.kind
    wanted = {
        TRADES: ("price", "size", "sequence", "trade_id", SYMBOL),
        QUOTES: ("bid", "bid_size", "ask", "ask_size", "sequence", SYMBOL),
        BARS: ("open", "high", "low", "close", "volume", "trades", SYMBOL),
    }[proposal.kind]
    taken = {proposal.mapping[TIME]["column"]} if TIME in proposal.mapping else set()
    for target in wanted:
        if target in found and reference(found[target][0]) not in taken:
            proposal.put(target, *found[target])
            taken.add(reference(found[target][0]))


def _keys(proposal: Proposal, columns: list[Column]) -> None:
    key = next((column for column in columns if column.extra.get("key")), None)
    if key is not None and SYMBOL not in proposal.mapping:
        proposal.put(SYMBOL, key, 0.85, "the key under which the records stand")


def _sides(proposal: Proposal, found: dict[str, tuple[Column, float, str]]) -> None:
    if MAKER in found and "side" not in found:
        column, confidence, _ = found[MAKER]
        proposal.put(MAKER, column, confidence, "the buyer was the maker: true is a sell by the taker, false a buy")
        return
    if "side" not in found:
        return
    column, confidence, reason = found["side"]
    if {value.lower() for value in column.filled} & vocabulary.SIDE_WORDS <= vocabulary.TAKER_WORDS:
        proposal.put("side", column, confidence, reason)
        return
    proposal.questions.append(
        {
            "id": "side",
            "field": "sideRule",
            "text": f"{column.name!r} says bid or ask. Is that the taker's side (bid is a buy) or the maker's?",
            "options": ["taker", "maker", "none"],
            "required": False,
            "default": "none",
            "column": reference(column),
        }
    )


def _ids(proposal: Proposal, time: tuple[Column, float, str] | None, found: dict[str, Any]) -> None:
    """Where the ids are the times, they are still the ids."""
    if time is None or time[2] != vocabulary.ID_TRUST[1]:
        return
    column = time[0]
    if vocabulary.fold(column.name) in vocabulary.NAMES["trade_id"]:
        proposal.put("trade_id", column, 0.8, "also the time")


def _by_values(columns: list[Column], time: tuple[Column, float, str] | None, kind: str | None) -> Proposal:
    """Propose for columns without names."""
    proposal = Proposal()
    if time is None:
        proposal.problems.append({"code": "TIMESTAMP_MISSING", "text": "No column holds anything like times."})
        _ask_kind(proposal)
        return proposal
    clock = next(column for column in columns if column.time is not None)
    proposal.put(TIME, clock, 0.9, "the first column whose values are times")
    rest = [column for column in columns if column is not clock and column.index > clock.index]
    numeric = [column for column in rest if column.type in _NUMERIC and column.time is None]
    if kind in (None, BARS) and _as_bars(proposal, numeric):
        return proposal
    if kind in (None, TRADES) and _as_trades(proposal, rest, numeric):
        return proposal
    proposal.kind, proposal.confidence = (kind, 1.0) if kind else (None, 0.0)
    _ask_kind(proposal)
    return proposal


def _as_bars(proposal: Proposal, numeric: list[Column]) -> bool:
    if len(numeric) < 4 or len(numeric[0].values) < 2:
        return False
    opened, high, low, close = (column.numbers for column in numeric[:4])
    inside = (high >= np.maximum(opened, close)) & (low <= np.minimum(opened, close))
    if not inside.all() or np.array_equal(high, low):
        return False
    for target, column in zip(("open", "high", "low", "close", "volume"), numeric, strict=False):
        proposal.put(
            target, column, 0.85, "four prices with the second never below and the third never above the others"
        )
    if len(numeric) > 4:
        proposal.mapping["volume"].update(confidence=0.8, reason="the number after the four prices")
    proposal.kind, proposal.confidence = BARS, 0.85
    return True


def _as_trades(proposal: Proposal, rest: list[Column], numeric: list[Column]) -> bool:
    side = next((c for c in rest if c.type == "text" and {v.lower() for v in c.filled} <= vocabulary.TAKER_WORDS), None)
    after = [column for column in numeric if column.index > side.index] if side and len(numeric) > 2 else numeric
    before = [column for column in numeric if column not in after]
    if len(after) < 2 or (len(after) > 3 and side is None):
        return False
    price, size, reason, confidence = _price_and_size(after)
    proposal.put("price", price, confidence, reason)
    proposal.put("size", size, confidence, reason)
    if side is not None:
        proposal.put("side", side, 0.9, "its values are buy and sell")
    names = next((column for column in before if column.type == "integer" and _ascends(column)), None)
    if names is not None:
        proposal.put("trade_id", names, 0.8, "whole numbers that rise from row to row")
    proposal.kind, proposal.confidence = TRADES, 0.9 if side is not None else 0.75
    return True


def _price_and_size(after: list[Column]) -> tuple[Column, Column, str, float]:
    first, second = after[0], after[1]
    if len(after) >= 3 and np.allclose(first.numbers * second.numbers, after[2].numbers, rtol=1e-4, equal_nan=True):
        return first, second, "the third number is the product of these two: price, size, cost", 0.9
    if _spread(first) <= _spread(second):
        return first, second, "price before size, and the price varies less", 0.8
    return first, second, "price usually stands before size; please check", 0.55


def _spread(column: Column) -> float:
    values = column.numbers[np.isfinite(column.numbers)]
    return float(np.std(values) / abs(np.mean(values))) if len(values) and np.mean(values) else 0.0


def _ascends(column: Column) -> bool:
    return len(column.values) > 1 and bool(np.all(np.diff(column.numbers) > 0))


def _ask_kind(proposal: Proposal) -> None:
    if proposal.kind is None:
        proposal.questions.append(
            {
                "id": "kind",
                "field": "kind",
                "text": "These columns are neither trades, quotes nor bars by their names. What are they?",
                "options": [TRADES, QUOTES, BARS],
                "required": True,
            }
        )
