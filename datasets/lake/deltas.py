"""What a comparison of two revisions adds up to: counts, sessions, how far columns moved and lie, the first rows.

All of it can be put down as JSON (`state`) and gone on with by another process.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.lake.distributions import Distributions
from datasets.market import partitions
from datasets.market.tables import Table

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
_KINDS = {ADDED: "+", REMOVED: "-", CHANGED: "~"}


class Deltas:
    """The sum over all stretches that were compared."""

    def __init__(self, table: Table, calendar: str, edges: list[int], shown: int, before: dict[str, Any] | None = None):
        self._table, self._calendar, self._shown = table, calendar, shown
        self._values = [name for name in table.names if name not in (table.key or ("ts_event",))]
        self._edges = edges
        known = before or {"sessions": [], "columns": [], "distributions": []}
        self._counts = known.get("counts") or {ADDED: 0, REMOVED: 0, CHANGED: 0, "unchanged": 0}
        self._sessions: dict[int, dict[str, int]] = dict(known["sessions"])
        self._columns: dict[str, dict[str, Any]] = {each["name"]: each for each in known["columns"]}
        self._rows: dict[str, list[dict[str, Any]]] = known.get("rows") or {name: [] for name in _KINDS}
        self._distributions = Distributions(table, known["distributions"])

    def begin(self) -> None:
        """Begin with the files of a new span."""
        self._distributions.begin()

    def state(self) -> dict[str, Any]:
        """Return what another process needs to go on after this one, as JSON can hold it."""
        return {
            "counts": self._counts,
            "sessions": [[day, told] for day, told in sorted(self._sessions.items())],
            "columns": list(self._columns.values()),
            "rows": self._rows,
            "distributions": self._distributions.told(),
        }

    def add(self, a: pa.Table, b: pa.Table, found: Any, moved: np.ndarray) -> None:
        """Take one stretch: its rows, what of them differs, and which rows of `b` only changed their place."""
        days_a, days_b = (partitions.session_days(self._table, self._calendar, ns_of(side)) for side in (a, b))
        sizes = {ADDED: len(found.added), REMOVED: len(found.removed), CHANGED: len(found.changed_b)}
        for name, size in sizes.items():
            self._counts[name] += size
        self._counts["unchanged"] += b.num_rows - sizes[ADDED] - sizes[CHANGED]
        told = {
            "before": days_a,
            "after": days_b,
            ADDED: days_b[found.added],
            REMOVED: days_a[found.removed],
            CHANGED: days_b[found.changed_b],
            "moved": days_b[moved],
        }
        for name, days in told.items():
            for day, count in zip(*np.unique(days, return_counts=True), strict=True):
                session = self._sessions.setdefault(int(day), dict.fromkeys(told, 0))
                session[name] += int(count)
        if sizes[CHANGED]:
            self._measure(a, b, found)
        counted = (found.changed_a, found.changed_b) if self._table.key else (found.removed, found.added)
        self._distributions.add(a, b, *counted)
        self._show(ADDED, None, b, days_b, found.added)
        self._show(REMOVED, a, None, days_a, found.removed)
        self._show(CHANGED, a, b, days_b, found.changed_b, found.changed_a)

    def _measure(self, a: pa.Table, b: pa.Table, found: Any) -> None:
        stamps = ns_of(b)[found.changed_b]
        for name in self._values:
            old, new = (side.column(name).combine_chunks().take(pa.array(at))
                        for side, at in ((a, found.changed_a), (b, found.changed_b)))  # fmt: skip
            differs = ~identical(old, new)
            if not differs.any():
                continue
            empty = {"name": name, "changed": 0, "appeared": 0, "vanished": 0, "rises": 0, "falls": 0}
            column = self._columns.setdefault(name, {**empty, "maxAbs": None, "maxRel": None})
            gone, came = (side.is_valid().to_numpy(zero_copy_only=False) for side in (old, new))
            column["changed"] += int(differs.sum())
            column["appeared"] += int((differs & ~gone & came).sum())
            column["vanished"] += int((differs & gone & ~came).sum())
            if not (pa.types.is_string(old.type) or pa.types.is_boolean(old.type)):
                _farthest(column, _floats(old)[differs], _floats(new)[differs], stamps[differs])

    def _show(
        self, kind: str, a: pa.Table | None, b: pa.Table | None, days: np.ndarray, at: np.ndarray, before: Any = None
    ) -> None:
        held = self._rows[kind]
        at = at[: self._shown - len(held)]
        if not len(at):
            return
        before = at if before is None else before[: len(at)]
        olds = self._listed(a.take(pa.array(before))) if a is not None else [None] * len(at)
        news = self._listed(b.take(pa.array(at))) if b is not None else [None] * len(at)
        for day, old, new in zip(days[at].tolist(), olds, news, strict=True):
            key = new if new is not None else old
            assert key is not None
            held.append(
                {
                    "change": _KINDS[kind],
                    "day": day,
                    "ns": key["ts_event"],
                    "key": {name: key[name] for name in self._table.key if name != "ts_event"},
                    "old": None if old is None else {name: old[name] for name in self._values},
                    "new": None if new is None else {name: new[name] for name in self._values},
                    "columns": [name for name in self._values if old and new and not _same(old[name], new[name])],
                }
            )

    def _listed(self, rows: pa.Table) -> list[dict[str, Any]]:
        columns = {name: _plain(rows.column(name).combine_chunks()) for name in self._table.names}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def told(self, until: int | None) -> dict[str, Any]:
        """Return counts, the sessions that differ, columns, their distributions and the first rows of each kind.

        Sessions and rows are in order of time. `until` (ns): what comes from then on was not compared.
        """
        # Sessions that go on in a file both revisions share, or after what was compared: neither new nor gone for sure.
        edges = self._edges + ([] if until is None else [until - 1, until])
        ns = np.array(sorted(edges), dtype=np.int64)
        partial = set(partitions.session_days(self._table, self._calendar, ns).tolist())
        sessions = [self._session(day, told, day in partial) for day, told in sorted(self._sessions.items())]
        rows = [row for kind in self._rows.values() for row in kind]
        return {
            "counts": self._counts,
            "sessions": [each for each in sessions if each],
            "columns": [self._columns[name] for name in self._values if name in self._columns],
            "distributions": self._distributions.told(),
            "rows": sorted(rows, key=lambda row: row["ns"]),
        }

    @staticmethod
    def _session(day: int, told: dict[str, int], partial: bool) -> dict[str, Any] | None:
        if not (told[ADDED] or told[REMOVED] or told[CHANGED] or told["moved"]):
            return None
        change = "~" if partial or (told["before"] and told["after"]) else "+" if told["after"] else "-"
        return {"day": day, "change": change, "partial": partial, **told}


def _farthest(column: dict[str, Any], old: np.ndarray, new: np.ndarray, stamps: np.ndarray) -> None:
    """Note by how much a value moved at most, and when; what was 0 has no rate, what was null no distance."""
    delta = new - old
    column["rises"] += int((delta > 0).sum())
    column["falls"] += int((delta < 0).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.where(old != 0, np.abs(delta) / np.abs(old), np.nan)
    for name, sizes in (("maxAbs", np.abs(delta)), ("maxRel", rates)):
        known = np.flatnonzero(np.isfinite(sizes))
        if len(known):
            at = known[np.argmax(sizes[known])]
            if column[name] is None or sizes[at] > column[name]:
                column[name], column[f"{name}Ns"] = float(sizes[at]), int(stamps[at])


def _floats(column: pa.Array) -> np.ndarray:
    return column.cast(pa.float64(), safe=False).fill_null(math.nan).to_numpy(zero_copy_only=False)


def _plain(column: pa.Array) -> list[Any]:
    """Return values as JSON can hold them: times as ns, what is no finite number as a word."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    values: list[Any] = column.to_pylist()
    if pa.types.is_floating(column.type):
        return [str(value) if value is not None and not math.isfinite(value) else value for value in values]
    return values


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values are one; 0.0 and -0.0 are two."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return bool(one == other)


def identical(one: pa.Array, other: pa.Array) -> np.ndarray:
    """Return where two columns hold the same: both null, or the same value to the last bit."""
    valid = [each.is_valid().to_numpy(zero_copy_only=False) for each in (one, other)]
    if pa.types.is_string(one.type):
        equal = pc.fill_null(pc.equal(one, other), False).to_numpy(zero_copy_only=False).astype(bool)
        return equal | ~(valid[0] | valid[1])
    return (valid[0] == valid[1]) & (~valid[0] | (bits(one) == bits(other)))


def bits(column: pa.Array) -> np.ndarray:
    """Return a column as int64, equal where its values are; nulls are 0."""
    if pa.types.is_string(column.type):
        told = column.dictionary_encode()
        return told.indices.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    if pa.types.is_floating(column.type):
        return np.ascontiguousarray(column.fill_null(0.0).to_numpy(zero_copy_only=False)).view(np.int64)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)


def ns_of(rows: pa.Table) -> np.ndarray:
    """Return the times of rows."""
    return rows.column("ts_event").cast(pa.int64()).to_numpy()
