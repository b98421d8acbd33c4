"""Candidates as they are handed in: texts `VENUE:SYMBOL` or objects, alone in a list or as {meta, data}.

Only spellings that the lake allows pass; a refused one is named with the reason and keeps no other back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datasets.market import instruments, sessions, tables
from tradenexus.errors import BadRequest, ProblemError

MOST = 5_000
FACTS = ("type", "calendar", "base", "quote", "timezone")


class CandidatesMalformed(BadRequest):
    """What was handed in is no list of candidates. Send a list, or {"meta": {...}, "data": [...]}."""

    code = "CANDIDATES_MALFORMED"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate that passed: its instrument, and what was said of it. No `tables`: all that a vendor has."""

    name: str
    tables: tuple[str, ...] = ()
    vendor: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """One candidate that did not pass, as it was written, and why."""

    candidate: str
    code: str
    reason: str

    def shown(self) -> dict[str, str]:
        """Return it as it is kept and shown."""
        return {"candidate": self.candidate, "code": self.code, "reason": self.reason}


def read(handed: Any) -> tuple[list[Candidate], list[Refused]]:
    """Return the candidates of a list, or of {meta, data}, each once, and those refused; CandidatesMalformed.

    `meta` may carry `venue` for symbols without one, and `table`, `vendor`, `type`, `calendar` for all that say none.
    """
    meta: Mapping[str, Any] = {}
    if isinstance(handed, dict):
        meta, handed = handed.get("meta") or {}, handed.get("data")
    if not isinstance(handed, list) or not isinstance(meta, dict):
        raise CandidatesMalformed('candidates are a list, or {"meta": {...}, "data": [...]}')
    if len(handed) > MOST:
        raise CandidatesMalformed(f"{len(handed):,} candidates at once are too many; hand in at most {MOST:,}")
    passed: dict[Candidate | str, Candidate] = {}
    refused = []
    for each in handed:
        try:
            found = _one(each, meta)
            passed.setdefault(f"{found.name} {found.tables} {found.vendor}", found)
        except ProblemError as problem:
            refused.append(Refused(_written(each), problem.code, problem.message))
    return list(passed.values()), refused


def _one(each: Any, meta: Mapping[str, Any]) -> Candidate:
    if isinstance(each, str):
        each = {"instrument": each}
    if not isinstance(each, dict):
        raise CandidatesMalformed("a candidate is a text VENUE:SYMBOL or an object")
    said = {**{key: meta[key] for key in ("venue", "table", "vendor", *FACTS) if key in meta}, **each}
    name = _name(said)
    named = said.get("tables", said.get("table", ()))
    named = [named] if isinstance(named, str) else named
    if not isinstance(named, list | tuple):
        raise CandidatesMalformed("tables is a list of names")
    facts = {key: str(said[key]) for key in FACTS if said.get(key)}
    check(facts)
    return Candidate(name, tuple(tables.find(table).name for table in named), str(said.get("vendor") or ""), facts)


def _name(said: Mapping[str, Any]) -> str:
    text = said.get("instrument", said.get("symbol"))
    if not isinstance(text, str):
        raise CandidatesMalformed("a candidate names its instrument, or its symbol and venue")
    if ":" in text or "venue" not in said:
        return str(instruments.parse(text))
    return str(instruments.name(said["venue"], text))


def check(facts: Mapping[str, str]) -> None:
    """Refuse facts that the registry of instruments would not take: VALIDATION_ERROR."""
    if "type" in facts and facts["type"] not in instruments.TYPES:
        raise BadRequest(f"type: choose one of {', '.join(instruments.TYPES)}")
    if facts.get("calendar") and facts["calendar"] not in sessions.CALENDARS:
        raise BadRequest("calendar: name an exchange calendar such as XNYS, 24/7, or leave it empty")
    if facts.get("timezone") and not (sessions.is_zone(facts["timezone"]) and sessions.exists(facts["timezone"])):
        raise BadRequest("timezone: name an IANA time zone such as America/New_York")
    if any(len(text) > 32 or not text.isprintable() for key, text in facts.items() if key != "timezone"):
        raise BadRequest("base and quote have at most 32 characters, all of them printable")


def _written(each: Any) -> str:
    if isinstance(each, dict):
        parts = [each["venue"], each["symbol"]] if {"venue", "symbol"} <= set(each) else [each.get("instrument", "{}")]
        return ":".join(_text(part) for part in parts)[:120]
    return _text(each)[:120]


def _text(value: Any) -> str:
    """Return what a database can keep of anything that JSON may hold."""
    if not isinstance(value, str | int | float | None):
        return "[]" if isinstance(value, list) else "{}"
    return str(value).encode("utf-8", "replace").decode().replace("\0", "\ufffd")
