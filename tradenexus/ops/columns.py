"""Columns of lists: states as the product shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin

from tradenexus.web.templatetags import nx


def chip(field: str) -> Callable[[Any], str]:
    """Return a column that shows a state as colour, glyph and word; nothing where there is none."""

    @admin.display(description=field, empty_value="-")
    def shown(row: Any) -> str:
        return nx.chip(getattr(row, field)) if getattr(row, field) else ""

    return shown
