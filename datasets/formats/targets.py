"""The names a column may be mapped to: the canonical columns of each kind, `symbol`, and some that need work.

`buyer_is_maker` becomes `side` (true is a sell by the taker), `time_of_day` completes a date in another column,
`trade_id` goes to `sequence` when ids are integers. Other usual names of a target are understood too, see `ALIASES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets.formats.errors import ColumnMissing
from datasets.market.kinds import COLUMNS, KINDS, REQUIRED, SYMBOL, TRADES
from tradenexus.errors import BadRequest

TIME = "ts_event"
MAKER = "buyer_is_maker"
# Dates in one column, times of day in another: the two are read as one.
CLOCK = "time_of_day"

# `filled` is ours: a source does not say which bars were filled in.
TARGETS: dict[str, tuple[str, ...]] = {
    kind: (*(name for name in COLUMNS[kind] if name != "filled"), SYMBOL, CLOCK, *((MAKER,) if kind == TRADES else ()))
    for kind in KINDS
}

ALIASES = {
    "timestamp": TIME,
    "time": TIME,
    "datetime": TIME,
    "date": TIME,
    "ts": TIME,
    "instrument": SYMBOL,
    "ticker": SYMBOL,
    "amount": "size",
    "quantity": "size",
    "qty": "size",
    "id": "trade_id",
    "bid_qty": "bid_size",
    "ask_qty": "ask_size",
    "bid_price": "bid",
    "ask_price": "ask",
    "isbuyermaker": MAKER,
}


# Numbers by what they measure: one column may be mapped to several of a family (a series of values is open, high, low
# and close; an id may be the time), never to two families.
_FAMILIES = (
    ("open", "high", "low", "close"),
    ("volume", "trades"),
    (TIME, "sequence", "trade_id"),
    *((name,) for name in ("price", "size", "bid", "ask", "bid_size", "ask_size")),
)
_FAMILY = {name: family for family in _FAMILIES for name in family}


class MappingInvalid(BadRequest):
    """The column mapping names a target that this kind of data does not have (`details` lists those it has), or maps
    two different measures, such as price and size, to one column."""

    code = "MAPPING_INVALID"


def canonical(kind: str, mapping: Mapping[str, Any]) -> dict[str, str | int]:
    """Return the mapping with canonical target names, targets mapped to nothing left out. MappingInvalid otherwise."""
    if kind not in TARGETS:
        raise MappingInvalid(f"{kind!r} is not a kind of data.", {"kind": kind, "kinds": list(KINDS)})
    found: dict[str, str | int] = {}
    for name, column in mapping.items():
        target = name if name in TARGETS[kind] else ALIASES.get(name.lower(), name)
        if target not in TARGETS[kind]:
            raise MappingInvalid(
                f"{kind} have no column {name[:60]!r}.", {"target": name[:60], "targets": TARGETS[kind]}
            )
        if isinstance(column, Mapping):
            column = column.get("column")
        if column is not None and column != "":
            found[target] = column
    return found


def refuse_shared(mapping: Mapping[str, Any]) -> None:
    """Raise MappingInvalid when one column is mapped to two measures that cannot be the same number."""
    taken: dict[str, str] = {}
    for name, column in mapping.items():
        target = name if name in _FAMILY else ALIASES.get(str(name).lower(), name)
        if isinstance(column, Mapping):
            column = column.get("column")
        if target not in _FAMILY or column in (None, ""):
            continue
        first = taken.setdefault(str(column), target)
        if _FAMILY[first] != _FAMILY[target]:
            shown = str(column)[:80]
            words = f"{first} and {target} cannot both be the column {shown!r}. Map one of them to another column."
            raise MappingInvalid(words, {"column": shown, "targets": [first, target]})


def required(kind: str, mapping: Mapping[str, Any]) -> list[str]:
    """Return the required targets that nothing is mapped to."""
    return [name for name in REQUIRED[kind] if name not in mapping]


def columns_of(plan: Mapping[str, Any]) -> dict[str, str | int]:
    """Return the plan's mapping, checked; a symbol column is left out when the plan names one constant symbol."""
    mapping = canonical(plan["kind"], plan["columnMapping"])
    missing = required(plan["kind"], mapping)
    if missing:
        raise ColumnMissing(f"Nothing is mapped to {', '.join(missing)}.", {"targets": missing})
    return mapping


def index_of(column: str | int, names: list[str]) -> int:
    """Return where `column` (name or 0-based number) stands among `names`. ColumnMissing when it does not."""
    if isinstance(column, int):
        if 0 <= column < len(names):
            return column
    elif column in names:
        return names.index(column)
    else:
        # Headers differ in case and blanks between exports of the same tool.
        folded = [name.strip().casefold() for name in names]
        if column.strip().casefold() in folded:
            return folded.index(column.strip().casefold())
        if column.isdigit() and int(column) < len(names):
            return int(column)
    raise ColumnMissing(f"The file has no column {str(column)[:80]!r}.", {"column": str(column)[:80], "columns": names})
