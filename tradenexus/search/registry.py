"""Finders answer the search box; summaries answer the overview. Apps register theirs in `<app>/finders.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

Finder = Callable[[UUID, str, int], list[dict[str, Any]]]
Summary = Callable[[UUID], dict[str, Any]]

FINDERS: dict[str, Finder] = {}
SUMMARIES: dict[str, Summary] = {}


def finder(kind: str) -> Callable[[Finder], Finder]:
    """Register a function (tenant_id, text, limit) -> hits {kind, id, label, detail, url} under a kind's name."""

    def register(function: Finder) -> Finder:
        FINDERS[kind] = function
        return function

    return register


def summary(name: str) -> Callable[[Summary], Summary]:
    """Register a function (tenant_id) -> facts under a name of the overview."""

    def register(function: Summary) -> Summary:
        SUMMARIES[name] = function
        return function

    return register
