"""How the numbers of changed rows are distributed before and after, counted in fixed bins while both sides stream by.

Of a table without a key the rows that went stand for before and those that came for after. The return of a price is
its change since the row before it in the same file, as a part of what it was.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from datasets.lake import bins
from datasets.market.tables import Table

SIDES = ("before", "after")
COUNTED, NULL, NOT_FINITE, NO_RETURN = "counted", "null", "notFinite", "noReturn"
_EDGES = np.array(bins.EDGES)


class Distributions:
    """The counts of each numeric column, both sides."""

    def __init__(self, table: Table, before: list[dict[str, Any]] | None = None):
        self._measures = bins.measures(table)
        self._fine = {name: np.zeros((2, len(_EDGES) + 1), dtype=np.int64) for name in self._measures}
        empty = (COUNTED, NULL, NOT_FINITE, NO_RETURN)
        self._told = {name: [dict.fromkeys(empty, 0) for _ in SIDES] for name in self._measures}
        self._last: list[dict[str, float]] = [{}, {}]
        for each in before or ():
            for at, *counts in each["fine"]:
                self._fine[each["name"]][:, at] = counts
            self._told[each["name"]] = [dict(each[side]) for side in SIDES]

    def begin(self) -> None:
        """Begin with files of a new span: their first rows have none before them."""
        self._last = [{}, {}]

    def add(self, a: pa.Table, b: pa.Table, before: np.ndarray, after: np.ndarray) -> None:
        """Take a stretch of both sides, and which rows of each are counted."""
        for side, (rows, at) in enumerate(((a, before), (b, after))):
            for name, measure in self._measures.items():
                if len(at):
                    self._count(side, name, measure, rows.column(name).combine_chunks(), at)
                if measure == bins.RETURN and rows.num_rows:
                    self._last[side][name] = _floats(rows.column(name).slice(rows.num_rows - 1).combine_chunks())[0]

    def _count(self, side: int, name: str, measure: str, column: pa.Array, at: np.ndarray) -> None:
        told, values = self._told[name][side], _floats(column)
        valid = column.is_valid().to_numpy(zero_copy_only=False)[at]
        told[NULL] += int((~valid).sum())
        finite = valid & np.isfinite(values[at])
        told[NOT_FINITE] += int((valid & ~finite).sum())
        numbers = values[at]
        if measure == bins.RETURN:
            earlier = np.r_[self._last[side].get(name, np.nan), values[:-1]][at]
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                numbers = (numbers - earlier) / np.abs(earlier)
            told[NO_RETURN] += int((finite & ~np.isfinite(numbers)).sum())
        numbers = numbers[finite & np.isfinite(numbers)]
        told[COUNTED] += len(numbers)
        places = np.searchsorted(_EDGES, numbers, side="right")
        self._fine[name][side] += np.bincount(places, minlength=len(_EDGES) + 1)

    def told(self) -> list[dict[str, Any]]:
        """Return a dict a column that was looked at: {name, measure, before, after, fine}, columns in order.

        before and after: {counted, null, notFinite, noReturn}, together the rows of that side. fine: [place in
        bins.EDGES, before, after], without empty bins.
        """
        return [self._column(name) for name in self._measures if any(any(each.values()) for each in self._told[name])]

    def _column(self, name: str) -> dict[str, Any]:
        fine = self._fine[name]
        held = np.flatnonzero(fine.any(axis=0))
        sides = dict(zip(SIDES, self._told[name], strict=True))
        listed = np.column_stack([held, *fine[:, held]]).tolist()
        return {"name": name, "measure": self._measures[name], **sides, "fine": listed}


def _floats(column: pa.Array) -> np.ndarray:
    return column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy(zero_copy_only=False)
