"""The language of fixes: an ordered list of steps, each checked before a row is read. Plain values, no heavy import.

    drop        rows where `where` holds (all or any of it), of [from, to), or that a `check` of the report names
    dedupe      rows that have the key `by` of another: the `keep` (first, last) of them stays
    shift       times by `seconds`, or from the wall clock of a `zone` to UTC
    scale       `columns` times `factor`, inside [from, to)
    clip_range  everything outside [from, to) goes

Each may be kept to one `instrument`, and may say `mustMatch`: touching nothing is then a refusal. A step leaves rows
out, moves them in time or multiplies what stands there; none makes a value that was not there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from datasets.market.kinds import BARS, COLUMNS, QUOTES, TRADES
from datasets.market.times import time_text
from tradenexus.errors import BadRequest

STEPS = 50
CONDITIONS = 20
TEXT_MOST = 128
LONGEST_SHIFT_S = 100 * 366 * 86_400
COMPARES = ("<", "<=", ">", ">=", "==", "!=")
NULLS = ("null", "not_null")  # NaN counts as null
OPS = ("drop", "dedupe", "shift", "scale", "clip_range")
# The key of a row of each kind. Of trades and quotes a row that has nothing under it is nobody's duplicate.
KEYS = {BARS: ("ts_event",), TRADES: ("sequence", "trade_id"), QUOTES: COLUMNS[QUOTES]}
# These checks tell of the file or of rows that are not there; no row is wrong in itself.
ROWLESS_FAMILIES = frozenset({"gaps", "sessions", "interval"})
ROWLESS = frozenset({"schema.file", "schema.rows"})

_SCALED = {
    BARS: ("open", "high", "low", "close", "volume"),
    TRADES: ("price", "size"),
    QUOTES: ("bid", "bid_size", "ask", "ask_size"),
}
_ANY = frozenset({"op", "instrument", "mustMatch"})
_FIELDS = {
    "drop": _ANY | {"where", "match", "from", "to", "check"},
    "dedupe": _ANY | {"by", "keep"},
    "shift": _ANY | {"seconds", "zone"},
    "scale": _ANY | {"columns", "factor", "from", "to"},
    "clip_range": _ANY | {"from", "to"},
}
_TEXTS = frozenset({"trade_id"})
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d))?", re.ASCII)


class RecipeInvalid(BadRequest):
    """A step of the recipe cannot be followed as it is written. `details` names the step (from 1) and the field."""

    code = "RECIPE_INVALID"


def parse(steps: Any, kind: str, checks: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Return the steps in their one full form, for data of `kind`; RecipeInvalid names the first wrong step and field.

    `checks` are the ids that the report has; without them any id that can name rows is taken.
    """
    if not isinstance(steps, list) or not 1 <= len(steps) <= STEPS:
        raise RecipeInvalid(f"a recipe is a list of 1 to {STEPS} steps", {"field": "steps"})
    return [_Reader(number, step, kind, checks).read() for number, step in enumerate(steps, 1)]


def names_rows(check: str) -> bool:
    """Tell whether a check names rows that a step could drop."""
    return check not in ROWLESS and check.split(".")[0] not in ROWLESS_FAMILIES


def words(step: dict[str, Any]) -> str:
    """Return a step as a sentence, for pages and terminals."""
    span = f" from {step.get('from') or 'the first row'} until before {step.get('to') or 'the end'}"
    span = span if step.get("from") or step.get("to") else ""
    told = {
        "drop": lambda: _drop_words(step) + span,
        "dedupe": lambda: f"keep the {step['keep']} of rows with equal {', '.join(step['by'])}",
        "shift": lambda: f"shift by {step['seconds']} s" if "seconds" in step else f"read times as {step['zone']}",
        "scale": lambda: f"multiply {', '.join(step['columns'])} by {step['factor']}{span}",
        "clip_range": lambda: f"keep only{span}",
    }[step["op"]]()
    return told + (f", of {step['instrument']} only" if step.get("instrument") else "")


def _drop_words(step: dict[str, Any]) -> str:
    if step.get("check"):
        return f"drop the rows that {step['check']} names"
    joined = f" {'or' if step.get('match') == 'any' else 'and'} ".join(
        f"{each['column']} {each['op']} {each.get('other', each.get('value', ''))}".strip()
        for each in step.get("where", [])
    )
    return f"drop rows where {joined}" if joined else "drop rows"


def ns_of(text: Any) -> int:
    """Return the nanoseconds of a date (its midnight, UTC) or of a time with its offset; ValueError otherwise."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("no time")
    day, clock, fraction, offset = found.groups()
    moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset or '+00:00'}")
    span = moment - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (span.days * 86_400 + span.seconds) * 10**9 + int((fraction or "").ljust(9, "0"))
    if not -(2**63) <= ns < 2**63:
        raise ValueError("out of range")
    return ns


def nanoseconds(seconds: float | int) -> int:
    """Return seconds as whole nanoseconds; ValueError when they are not exact, or beyond a hundred years."""
    if not _is_number(seconds):
        raise ValueError("no number")
    exact = Decimal(str(seconds)) * 10**9
    if exact % 1 or not exact or abs(exact) > LONGEST_SHIFT_S * 10**9:
        raise ValueError("out of range")
    return int(exact)


def ratio(factor: float | int | str) -> tuple[float, float]:
    """Return (multiply by, then divide by) of a factor such as 0.01 or "1/7"; ValueError when it is none."""
    if isinstance(factor, str) and len(factor) <= TEXT_MOST:
        over, slash, under = factor.partition("/")
        found = float(over), float(under) if slash else 1.0
    elif not _is_number(factor):
        raise ValueError("no number")
    else:
        found = float(factor), 1.0
    if not all(math.isfinite(each) and each > 0 for each in found) or found[0] == found[1]:
        raise ValueError("out of range")
    return found


def _is_number(value: Any) -> bool:
    """Tell whether a value is a finite number that a column could hold."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) < 2**63 if isinstance(value, int) else number and math.isfinite(value)


def _is_text(value: Any) -> bool:
    """Tell whether a value is text that can be stored: of bounded length, without NUL and halves of characters."""
    if not isinstance(value, str) or not 1 <= len(value) <= TEXT_MOST or "\0" in value:
        return False
    return not any(0xD800 <= ord(each) < 0xE000 for each in value)


class _Reader:
    """Reads one step."""

    def __init__(self, number: int, step: Any, kind: str, checks: Collection[str] | None):
        self.number, self.step, self.kind, self.checks = number, step, kind, checks
        self.columns = COLUMNS[kind]

    def read(self) -> dict[str, Any]:
        if not isinstance(self.step, dict):
            raise self._wrong("op", "a step is an object with an `op`")
        op = self.step.get("op")
        if op not in OPS:
            raise self._wrong("op", f"op is one of {', '.join(OPS)}")
        for name in self.step:
            if name not in _FIELDS[op]:
                known = sorted(_FIELDS[op] - _ANY)
                raise self._wrong(ascii(name)[1:-1][:40], f"a {op} step has no such field; it has {', '.join(known)}")
        return {"op": op, **getattr(self, f"_{op}")(), **self._common()}

    def _common(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if (instrument := self.step.get("instrument")) is not None:
            if not _is_text(instrument):
                raise self._wrong("instrument", "it is the name of a symbol of the version")
            told["instrument"] = instrument
        if (must := self.step.get("mustMatch")) is not None:
            if not isinstance(must, bool):
                raise self._wrong("mustMatch", "it is true or false")
            told |= {"mustMatch": True} if must else {}
        return told

    def _drop(self) -> dict[str, Any]:
        check, where, span = self.step.get("check"), self.step.get("where"), self._span()
        if check is not None:
            if where is not None or span or "match" in self.step:
                raise self._wrong("check", "a check names the rows by itself; give it a step of its own")
            return {"check": self._check(check)}
        if where is None and not span:
            raise self._wrong("where", "say which rows: where, from and to, or check")
        if where is None:
            if "match" in self.step:
                raise self._wrong("match", "there is no `where` whose conditions it could join")
            return span
        match = self.step.get("match", "all")
        if match not in ("all", "any"):
            raise self._wrong("match", "it is all or any")
        if not isinstance(where, list) or not 1 <= len(where) <= CONDITIONS:
            raise self._wrong("where", f"it is a list of 1 to {CONDITIONS} conditions")
        return {"where": [self._condition(at, each) for at, each in enumerate(where)], "match": match, **span}

    def _check(self, check: Any) -> str:
        if not isinstance(check, str) or (self.checks is not None and check not in self.checks):
            raise self._wrong("check", f"the report has no check {str(check)[:60]!r}")
        if not names_rows(check):
            raise self._wrong("check", f"{check[:60]} names no rows that are wrong in themselves")
        return check

    def _condition(self, at: int, given: Any) -> dict[str, Any]:
        place = f"where[{at}]"
        if not isinstance(given, dict) or set(given) - {"column", "op", "value", "other"}:
            raise self._wrong(place, "a condition has column, op, and value or other (another column)")
        column, op = self._column(given.get("column"), f"{place}.column"), given.get("op")
        if op in NULLS:
            if "value" in given or "other" in given:
                raise self._wrong(place, f"{op} takes no value")
            return {"column": column, "op": op}
        if op not in COMPARES:
            raise self._wrong(f"{place}.op", f"op is one of {' '.join((*COMPARES, *NULLS))}")
        if ("value" in given) == ("other" in given):
            raise self._wrong(place, "give a value, or another column as `other`")
        if "other" in given:
            other = self._column(given["other"], f"{place}.other")
            if (other in _TEXTS) != (column in _TEXTS) or other == column:
                raise self._wrong(f"{place}.other", f"{column} cannot be compared with it")
            return {"column": column, "op": op, "other": other}
        return {"column": column, "op": op, "value": self._value(column, op, given["value"], f"{place}.value")}

    def _value(self, column: str, op: str, value: Any, place: str) -> Any:
        if column in _TEXTS or column == "filled":
            right = _is_text(value) if column in _TEXTS else isinstance(value, bool)
            if not right or op not in ("==", "!="):
                raise self._wrong(place, f"{column} is {'text' if column in _TEXTS else 'true or false'}: use == or !=")
            return value
        if not _is_number(value):
            raise self._wrong(place, "it is a number")
        return value

    def _column(self, name: Any, place: str) -> str:
        if name == "ts_event":
            raise self._wrong(place, "times are said with `from` and `to`")
        if name not in self.columns:
            raise self._wrong(
                place, f"{self.kind} have no column {str(name)[:40]!r}; they have {', '.join(self.columns[1:])}"
            )
        return str(name)

    def _dedupe(self) -> dict[str, Any]:
        keep, by = self.step.get("keep", "first"), self.step.get("by", list(KEYS[self.kind]))
        if keep not in ("first", "last"):
            raise self._wrong("keep", "it is first or last")
        if not isinstance(by, list) or not by or len(by) > len(self.columns):
            raise self._wrong("by", "it is a list of columns")
        for at, name in enumerate(by):
            if name not in self.columns or name in by[:at]:
                raise self._wrong(f"by[{at}]", f"{self.kind} have {', '.join(self.columns)}, each once")
        return {"by": list(by), "keep": keep}

    def _shift(self) -> dict[str, Any]:
        if ("seconds" in self.step) == ("zone" in self.step):
            raise self._wrong("seconds", "give seconds or a zone")
        if "zone" in self.step:
            return {"zone": self._zone(self.step["zone"])}
        seconds = self.step["seconds"]
        try:
            nanoseconds(seconds)
        except ValueError as fault:
            raise self._wrong("seconds", "it is a number other than 0, exact to the nanosecond") from fault
        return {"seconds": seconds}

    def _zone(self, zone: Any) -> str:
        try:
            if not isinstance(zone, str) or not zone or zone == "UTC":
                raise ValueError
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as fault:
            words = "it is a time zone other than UTC, such as America/New_York"
            raise self._wrong("zone", words) from fault
        return str(zone)

    def _scale(self) -> dict[str, Any]:
        columns, factor = self.step.get("columns"), self.step.get("factor")
        allowed = _SCALED[self.kind]
        if not isinstance(columns, list) or not columns:
            raise self._wrong("columns", f"it is a list of {', '.join(allowed)}")
        for at, name in enumerate(columns):
            if name not in allowed or name in columns[:at]:
                raise self._wrong(f"columns[{at}]", f"it is one of {', '.join(allowed)}, each once")
        try:
            ratio(factor)
        except ValueError as fault:
            raise self._wrong("factor", 'it is a number above 0 other than 1, or text such as "1/7"') from fault
        return {"columns": list(columns), "factor": factor, **self._span()}

    def _clip_range(self) -> dict[str, Any]:
        span = self._span()
        if not span:
            raise self._wrong("from", "give from, to, or both")
        return span

    def _span(self) -> dict[str, Any]:
        found: dict[str, int] = {}
        for name in ("from", "to"):
            if self.step.get(name) in (None, ""):
                continue
            try:
                found[name] = ns_of(self.step[name])
            except ValueError as fault:
                raise self._wrong(name, "it is a date, or a time with its offset: 2024-01-31T14:30:00Z") from fault
        if len(found) == 2 and found["from"] >= found["to"]:
            raise self._wrong("to", "it is the first moment that is not meant any more, after `from`")
        return {name: time_text(ns) for name, ns in found.items()}

    def _wrong(self, field: str, message: str) -> RecipeInvalid:
        op = self.step.get("op") if isinstance(self.step, dict) else None
        told = f"step {self.number}{f' ({op})' if op in OPS else ''}, {field}: {message}"
        return RecipeInvalid(told, {"step": self.number, "field": field})
