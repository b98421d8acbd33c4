"""What a typed id in a job is to people: apps say in `<app>/finders.py` how theirs are called and where they are shown.

Jobs know their subjects as text only (`dsv_...`, `bt_...`); the ground imports no app.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

REFERENCE = re.compile(r"\b([a-z]{2,4})_[0-9a-f]{32}\b")


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing as a link: `noun` is what it is (version, backtest), `label` what it is called."""

    ref: str
    noun: str
    label: str
    url: str


Describe = Callable[[UUID, list[str]], dict[str, Subject]]
Members = Callable[[UUID, str], list[str]]
_DESCRIBE: dict[str, Describe] = {}
_MEMBERS: dict[str, Members] = {}


def describes(prefix: str) -> Callable[[Describe], Describe]:
    """Register a function (tenant_id, refs) -> {ref: Subject} for ids of a prefix; unknown ids are left out."""

    def register(function: Describe) -> Describe:
        _DESCRIBE[prefix] = function
        return function

    return register


def holds(prefix: str) -> Callable[[Members], Members]:
    """Register a function (tenant_id, ref) -> the ids that jobs about this thing carry as their subject."""

    def register(function: Members) -> Members:
        _MEMBERS[prefix] = function
        return function

    return register


def described(tenant_id: UUID, refs: Iterable[str]) -> dict[str, Subject]:
    """Return what is known of each id; one query a prefix."""
    by_prefix: dict[str, list[str]] = {}
    for ref in sorted(set(refs)):
        by_prefix.setdefault(ref.partition("_")[0], []).append(ref)
    found: dict[str, Subject] = {}
    for prefix, some in by_prefix.items():
        if prefix in _DESCRIBE:
            found |= _DESCRIBE[prefix](tenant_id, some)
    return found


def members(tenant_id: UUID, ref: str) -> list[str]:
    """Return an id and those that belong to it."""
    known = _MEMBERS.get(ref.partition("_")[0])
    return [ref, *known(tenant_id, ref)] if known else [ref]


def named_in(value: Any) -> list[str]:
    """Return the typed ids in a JSON value, in order, each once."""
    found: dict[str, None] = {}
    _collect(value, found)
    return list(found)


def _collect(value: Any, found: dict[str, None]) -> None:
    if isinstance(value, str):
        if REFERENCE.fullmatch(value):
            found[value] = None
    elif isinstance(value, dict):
        for part in value.values():
            _collect(part, found)
    elif isinstance(value, list):
        for part in value:
            _collect(part, found)
