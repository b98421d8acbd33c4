"""What protects this installation from a hostile file, and whether storage can be written."""

from __future__ import annotations

from typing import Any

from datasets.engine import children
from tradenexus.search.doctor import check, item

_WORDS = {True: "on", False: "off"}


@check
def engine() -> list[dict[str, Any]]:
    """List the protections of the child that first reads a file."""
    held = children.capabilities()
    notes = held["notes"]
    return [
        item(f"reader {name.replace('_', ' ')}", bool(on), _WORDS[bool(on)], notes.get(name, ""), otherwise="warn")
        for name, on in held.items()
        if isinstance(on, bool)
    ]
