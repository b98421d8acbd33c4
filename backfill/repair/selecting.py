"""What a repair is asked for: entries by name or pattern, a range, kinds of gaps; as it is kept, shown and used."""

from __future__ import annotations

import re
from typing import Any

from backfill.gaps.detecting import Selection
from backfill.gaps.kinds import KINDS
from datasets.market import tables
from datasets.snapshots.asking import instant
from tradenexus.errors import BadRequest

MOST = 500
_PATTERN = re.compile(r"[A-Za-z0-9_*?\[\]!:.\-/^=+]{1,160}", re.ASCII)


def read(said: dict[str, Any]) -> dict[str, Any]:
    """Return a selection as it is kept: {entries, from, to, kinds, again}; VALIDATION_ERROR, TableUnknown."""
    listed = [str(each).strip() for each in said.get("entries") or () if str(each).strip()]
    for each in listed:
        table, slash, _ = each.rpartition("/")
        if not _PATTERN.fullmatch(each) or (not slash and ":" not in each and "*" not in each):
            words = "an entry is TABLE/VENUE:SYMBOL or VENUE:SYMBOL; * and ? stand for any characters"
            raise BadRequest(words, {"fields": {"entries": [each[:80]]}})
        if slash and not set("*?[") & set(table):
            tables.find(table)
    if len(listed) > MOST:
        raise BadRequest(f"name at most {MOST} entries; patterns say more", {"fields": {"entries": [str(len(listed))]}})
    kinds = [str(each).upper() for each in said.get("kinds") or ()] or list(KINDS)
    if set(kinds) - set(KINDS):
        raise BadRequest(f"kinds are {', '.join(KINDS)}", {"fields": {"kinds": sorted(set(kinds) - set(KINDS))[:5]}})
    kept: dict[str, Any] = {
        "entries": listed,
        "from": str(said.get("from") or "").strip(),
        "to": str(said.get("to") or "").strip(),
        "kinds": [kind for kind in KINDS if kind in kinds],
        "again": bool(said.get("again")),
    }
    made = selection(kept)
    if made.start_ns is not None and made.end_ns is not None and made.start_ns >= made.end_ns:
        raise BadRequest("the range is empty or reversed", {"fields": {"to": [kept["to"][:40]]}})
    return kept


def selection(kept: dict[str, Any]) -> Selection:
    """Return a selection that is kept, ready for use."""
    start, end = (instant(name, kept[name]) if kept[name] else None for name in ("from", "to"))
    return Selection(tuple(kept["entries"]), start, end, tuple(kept["kinds"]), bool(kept.get("again")))
