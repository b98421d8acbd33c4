"""Filters of desks over words the product knows: asking a long table which values it holds would read all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest


def known(field: str, words: Callable[[], Iterable[str | tuple[str, str]]]) -> type[admin.SimpleListFilter]:
    """Return a filter of a field by the given words, each alone or with how people are told it."""

    class Known(admin.SimpleListFilter):
        title = parameter_name = field

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            return [(word, word) if isinstance(word, str) else word for word in words()]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            return queryset.filter(**{field: self.value()}) if self.value() else queryset

    return Known
