"""Joins offered rows with those of the lake, by key or by session, under a policy; says exactly what would change.

Arrow tables in canonical order in and out. Newer wins, a vendor of higher rank wins, what
stands wins, or a difference is refused.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.lake.rules import FILL, NEWER, POLICIES, RANK, REFUSE
from datasets.market import tables
from datasets.market.tables import Table

__all__ = ["FILL", "NEWER", "POLICIES", "RANK", "REFUSE", "Changes", "absent", "by_key", "by_session", "differing"]
__all__ += ["digest", "ordered", "shared", "unsorted"]
SAMPLES = 20


@dataclass
class Changes:
    """What a merge does: counts of rows, and the first replaced ones, each {ts, column, old, new}."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: int = 0
    samples: list[dict[str, Any]] = field(default_factory=list)


def by_key(table: Table, old: pa.Table, new: pa.Table, wins: np.ndarray) -> tuple[pa.Table, Changes]:
    """Join rows whose key is unique on both sides; where a key is on both, `wins[i]` says that new row i is taken.

    Rows of the lake that were not offered stay: an answer that lacks a row does not say that it never was.
    """
    changes = Changes()
    at_old, at_new = _matches(table, old, new)
    if len(at_old):
        same = _equal(table, old.take(pa.array(at_old)), new.take(pa.array(at_new)))
        taken = ~same & wins[at_new]
        changes.unchanged = int(same.sum())
        changes.replaced = int(taken.sum())
        _sample(table, changes, old, new, at_old[taken], at_new[taken])
    else:
        taken = np.zeros(0, dtype=bool)
    keep_old = np.ones(old.num_rows, dtype=bool)
    keep_old[at_old[taken]] = False
    keep_new = np.ones(new.num_rows, dtype=bool)
    keep_new[at_new[~taken]] = False
    changes.added = int(keep_new.sum()) - changes.replaced
    parts = [old if keep_old.all() else old.filter(pa.array(keep_old))]
    parts.append(new if keep_new.all() else new.filter(pa.array(keep_new)))
    joined = pa.concat_tables(parts)
    return ordered(table, joined), changes


def by_session(
    old: pa.Table, new: pa.Table, old_days: np.ndarray, new_days: np.ndarray, wins: dict[int, bool]
) -> tuple[pa.Table, Changes]:
    """Join ticks: a session that is on both sides is taken whole from the side that `wins[day]` says (True: new)."""
    changes = Changes()
    both = np.intersect1d(old_days, new_days)
    for day in both.tolist():
        ours, theirs = old.filter(pa.array(old_days == day)), new.filter(pa.array(new_days == day))
        if digest(ours) == digest(theirs):
            changes.unchanged += ours.num_rows
            wins = {**wins, day: False}
        elif wins.get(day):
            changes.replaced += theirs.num_rows
            changes.removed += max(0, ours.num_rows - theirs.num_rows)
            sample = {"day": int(day), "column": "*", "old": f"{ours.num_rows} rows", "new": f"{theirs.num_rows} rows"}
            changes.samples = [*changes.samples, sample][:SAMPLES]
    lost = [day for day in both.tolist() if wins.get(day)]
    kept = [day for day in both.tolist() if not wins.get(day)]
    fresh = ~np.isin(new_days, kept)
    changes.added = int((fresh & ~np.isin(new_days, lost)).sum())
    parts = [old.filter(pa.array(~np.isin(old_days, lost))), new.filter(pa.array(fresh))]
    joined = pa.concat_tables(parts)
    return joined.take(pa.array(np.argsort(_ns(joined), kind="stable"))), changes


def differing(table: Table, old: pa.Table, new: pa.Table) -> np.ndarray:
    """Return which rows of `new` have a key that `old` has with other values (bool per new row)."""
    at_old, at_new = _matches(table, old, new)
    out = np.zeros(new.num_rows, dtype=bool)
    if len(at_old):
        out[at_new] = ~_equal(table, old.take(pa.array(at_old)), new.take(pa.array(at_new)))
    return out


def shared(table: Table, old: pa.Table, new: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of rows with the same key, in `old` and in `new`."""
    return _matches(table, old, new)


def absent(table: Table, old: pa.Table, new: pa.Table, old_days: np.ndarray, new_days: np.ndarray) -> np.ndarray:
    """Return which rows of `new` the lake lacks: by key, of ticks by session (bool per new row)."""
    if not table.key:
        return ~np.isin(new_days, old_days)
    out = np.ones(new.num_rows, dtype=bool)
    out[_matches(table, old, new)[1]] = False
    return out


def ordered(table: Table, rows: pa.Table) -> pa.Table:
    """Return rows sorted by key, ticks by time."""
    if len(table.key) < 2:
        ns = _ns(rows)
        if len(ns) < 2 or (ns[1:] > ns[:-1]).all():
            return rows
        return rows.take(pa.array(np.argsort(ns, kind="stable")))
    return rows.sort_by([(name, "ascending") for name in table.key])


def unsorted(table: Table, rows: pa.Table) -> int | None:
    """Return the first row that does not come after the one before it, None when all do."""
    ns = _ns(rows)
    bad = ns[1:] < ns[:-1] if table.unit == tables.SESSION else ns[1:] <= ns[:-1]
    if len(table.key) > 1:
        second = rows.column(table.key[1]).combine_chunks()
        equal = ns[1:] == ns[:-1]
        after = pc.greater(second[1:], second[:-1]).to_numpy(zero_copy_only=False) if len(ns) > 1 else equal
        bad = (ns[1:] < ns[:-1]) | (equal & ~after.astype(bool))
    at = np.flatnonzero(bad)
    return int(at[0]) + 1 if len(at) else None


def digest(rows: pa.Table) -> str:
    """Return the SHA-256 of the values of rows, whatever chunks they stand in; the same for the same rows only."""
    return Digests(rows).of(0, rows.num_rows)


class Digests:
    """Digests of many stretches of the same rows: each column is turned into bytes once, not once a session."""

    def __init__(self, rows: pa.Table):
        self._columns = [(name.encode(), *_values(rows.column(name).combine_chunks())) for name in rows.column_names]

    def of(self, start: int, stop: int) -> str:
        """Return the SHA-256 of the values of the rows [start, stop)."""
        told = hashlib.sha256()
        for name, valid, values in self._columns:
            told.update(name)
            told.update(np.packbits(valid[start:stop]).data)
            part = values[start:stop]
            told.update("\0".join(part).encode() if isinstance(part, list) else part.data)
        return told.hexdigest()


def _values(column: pa.Array) -> tuple[np.ndarray, np.ndarray | list[str]]:
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_string(column.type):
        return valid, [each or "" for each in column.to_pylist()]
    return valid, np.ascontiguousarray(_numbers(column))


def _numbers(column: pa.Array) -> np.ndarray:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    filled = column.fill_null(0) if column.null_count else column
    return filled.to_numpy(zero_copy_only=False)


def _ns(rows: pa.Table) -> np.ndarray:
    return rows.column("ts_event").cast(pa.int64()).to_numpy()


def _matches(table: Table, old: pa.Table, new: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    if len(table.key) == 1:
        held, offered = _ns(old), _ns(new)  # both rise strictly
        at = np.searchsorted(held, offered)
        at_new = np.flatnonzero(at < len(held))
        at_new = at_new[held[at[at_new]] == offered[at_new]]
        return at[at_new], at_new
    keys = list(table.key)
    sides = [
        rows.select(keys).append_column(name, pa.array(np.arange(rows.num_rows)))
        for rows, name in ((old, "at_old"), (new, "at_new"))
    ]
    joined = sides[0].join(sides[1], keys=keys, join_type="inner").sort_by("at_new")
    return joined.column("at_old").to_numpy(), joined.column("at_new").to_numpy()


def _equal(table: Table, left: pa.Table, right: pa.Table) -> np.ndarray:
    same = np.ones(left.num_rows, dtype=bool)
    for name in table.names:
        if name not in table.key:
            same &= _same(left.column(name).combine_chunks(), right.column(name).combine_chunks())
    return same


def _same(one: pa.Array, other: pa.Array) -> np.ndarray:
    equal = pc.fill_null(pc.equal(one, other), False).to_numpy(zero_copy_only=False)
    nulls = pc.and_(pc.is_null(one), pc.is_null(other)).to_numpy(zero_copy_only=False)
    return equal | nulls


def _sample(
    table: Table, changes: Changes, old: pa.Table, new: pa.Table, at_old: np.ndarray, at_new: np.ndarray
) -> None:
    names = [name for name in table.names if name not in table.key]
    for a, b in zip(at_old.tolist(), at_new.tolist(), strict=True):
        ts = int(_ns(new.slice(b, 1))[0])
        for name in names:
            one, other = old.column(name)[a].as_py(), new.column(name)[b].as_py()
            if one != other:
                changes.samples.append({"ts": ts, "column": name, "old": one, "new": other})
        if len(changes.samples) >= SAMPLES:
            changes.samples = changes.samples[:SAMPLES]
            return


def only(rows: pa.Table, kept: np.ndarray) -> pa.Table:
    """Return the rows that are kept; what is kept of sorted rows is mostly their beginning, which is no copy."""
    count = int(kept.sum())
    return rows.slice(0, count) if kept[:count].all() else rows.filter(pa.array(kept))
