"""Duplicates: repeated ids and bars (the first is kept), and equal rows without an id (kept: maybe true fills).

Rows arrive in canonical order, so that equal (time, sequence) stand together; ids that repeat at another time are
found by `quality.identity` when ids are not ascending.
"""

from __future__ import annotations

import numpy as np

from datasets.quality.checks.spec import Spec
from datasets.quality.result import Block, Findings

CARRY_ROWS = 131_072
_BARS = ("bars",)

SPECS = (
    Spec(
        "duplicates.ids",
        "Trade ids are unique",
        "share",
        "These rows repeat the id of an earlier row of the same symbol. They were dropped; the first is kept.",
        "Counted twice, they would inflate volume.",
        "Nothing; if many, check whether the file was joined from overlapping parts.",
        ("trades",),
    ),
    Spec(
        "duplicates.sequence",
        "Sequence numbers name one row",
        "share",
        "These trades share time and sequence number with another trade but differ in content. They are kept.",
        "If the number was meant as an id, one of the rows is wrong.",
        "Map the column as trade_id if it is an id, so that repeats are dropped.",
        ("trades",),
    ),
    Spec(
        "duplicates.rows",
        "No equal rows",
        "share",
        "These rows equal an earlier one in every column, and no id tells them apart. They are kept.",
        "They may be true repeated fills or a part of the file twice; volume depends on which.",
        "Map an id column if there is one; else compare volume with another source.",
        ("trades", "quotes"),
    ),
    Spec(
        "duplicates.bars",
        "One bar per time",
        "share",
        "These bars repeat the time of an earlier bar with the same values. They were dropped; the first is kept.",
        "Counted twice, they would inflate the volume of coarser bars.",
        "Nothing; if many, check whether the file was joined from overlapping parts.",
        _BARS,
    ),
    Spec(
        "duplicates.bar_conflicts",
        "No two bars disagree",
        "share",
        "These bars have the time of an earlier bar but other values. The first was kept, the others left out.",
        "Nobody can say which is true; a symbol column may be missing from the mapping.",
        "Map the symbol column, or remove the wrong bars at their source.",
        _BARS,
    ),
)


class Repeats:
    """Neighbours with the same key. `push` returns which rows to drop."""

    def __init__(self, dropped: Findings, kept: Findings, kind: str, *, unique_ids: bool):
        self.dropped, self.kept, self.kind, self.unique_ids = dropped, kept, kind, unique_ids
        self.first: dict[str, np.ndarray] | None = None  # the first row of the run that is still open

    def push(self, block: Block, keys: list[np.ndarray], known: np.ndarray | None) -> np.ndarray | None:
        """Return the rows to drop, None for none. `keys` name a row, `known` tells which rows have a key: None, all."""
        columns = {f"key{at}": key for at, key in enumerate(keys)} | block.columns
        ends = slice(0, 1), slice(len(block) - 1, len(block))
        begin, end = ({name: column[each] for name, column in columns.items()} for each in ends)
        begin["known"], end["known"] = (np.ones(1, bool) if known is None else known[each] for each in ends)
        if not self._meets(begin, len(keys)) and not _neighbours(keys, known).any():
            # a copy: a view would hold the whole block
            self.first = {name: column.copy() for name, column in end.items()}
            return None
        columns["known"] = np.ones(len(block), bool) if known is None else known
        return self._among(block, columns, len(keys))

    def _meets(self, begin: dict[str, np.ndarray], keys: int) -> bool:
        first = self.first
        if first is None or not (first["known"][0] and begin["known"][0]):
            return False
        return all(first[f"key{at}"][0] == begin[f"key{at}"][0] for at in range(keys))

    def _among(self, block: Block, columns: dict[str, np.ndarray], keys: int) -> np.ndarray | None:
        if self.first is not None:
            columns = {name: np.concatenate((self.first[name], column)) for name, column in columns.items()}
        offset = 0 if self.first is None else 1
        same = _neighbours([columns[f"key{at}"] for at in range(keys)], columns["known"])
        rows = len(columns["known"])
        starts = np.maximum.accumulate(np.where(np.concatenate(([True], ~same)), np.arange(rows), 0))
        self.first = {name: column[starts[-1] : starts[-1] + 1].copy() for name, column in columns.items()}
        repeats = starts != np.arange(rows)
        equal = repeats & _equal(columns, starts, list(block.columns))
        drop = self._judge(block, repeats[offset:], equal[offset:])
        return drop if drop.any() else None

    def _judge(self, block: Block, repeats: np.ndarray, equal: np.ndarray) -> np.ndarray:
        if self.kind == "bars":
            self.dropped["duplicates.bars"].add(block, equal)
            self.dropped["duplicates.bar_conflicts"].add(block, repeats & ~equal, block["close"])
            return repeats
        if self.unique_ids:
            self.dropped["duplicates.ids"].add(block, repeats, block["price"])
            return repeats
        self.kept["duplicates.sequence"].add(block, repeats & ~equal, block["price"])
        self.dropped["duplicates.ids"].add(block, equal, block["price"])
        return equal


def _neighbours(keys: list[np.ndarray], known: np.ndarray | None) -> np.ndarray:
    """Tell which rows but the first have the key of the row before."""
    same = keys[0][1:] == keys[0][:-1]
    for key in keys[1:]:
        same &= key[1:] == key[:-1]
    if known is not None:
        same &= known[1:] & known[:-1]
    return same


def _equal(columns: dict[str, np.ndarray], starts: np.ndarray, names: list[str]) -> np.ndarray:
    equal = np.ones(len(starts), bool)
    for name in names:
        column = columns[name]
        equal &= (column == column[starts]) | (np.isnan(column) & np.isnan(column[starts]))
    return equal


class EqualRows:
    """Rows equal to an earlier one of the same time, in every column; the rows of the last time are carried."""

    def __init__(self, findings: Findings):
        self.findings = findings
        self.carried: list[np.ndarray] | None = None

    def push(self, block: Block) -> None:
        """Look at the rows."""
        columns = [block.ts, *(_bits(column) for column in block.columns.values())]
        carried = self.carried
        if carried is not None:
            columns = [np.concatenate(pair) for pair in zip(carried, columns, strict=True)]
        ts = columns[0]
        tied = np.concatenate(([False], ts[1:] == ts[:-1]))
        tied[:-1] |= tied[1:]
        equal = np.zeros(len(ts), bool)
        members = np.flatnonzero(tied)
        if len(members):
            order = members[np.lexsort([column[members] for column in reversed(columns)])]
            same = np.logical_and.reduce([column[order][1:] == column[order][:-1] for column in columns])
            equal[order[1:][same]] = True
        self.findings["duplicates.rows"].add(block, equal[len(ts) - len(block) :])
        keep = np.flatnonzero((ts == ts[-1]) & ~equal)[:CARRY_ROWS]
        self.carried = [column[keep] for column in columns]


def _bits(column: np.ndarray) -> np.ndarray:
    # compared as bits, so that missing equals missing
    return np.ascontiguousarray(column, dtype=np.float64).view(np.int64)
