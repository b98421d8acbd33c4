"""Rows of one instrument under another one's name: blocks of bars that two instruments of a commit share.

Two instruments do not trade the same prices and volume at the same moments. Where they do, the one whose own level the
rows do not fit is named; where neither tells, both are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from datasets.lake.judging import Session
from datasets.market import tables
from datasets.market.tables import Table

BLOCK = 5  # equal bars in a session that are no accident; a daily bar is enough by itself
_LEVEL = np.log(1.05)

Block = tuple[Session, np.ndarray]
Judged = tuple[Table, pa.Table, list[Session], float | None]


def check(works: list[Judged]) -> None:
    """Note CONTAMINATED in the sessions of bars that hold a block of another instrument's rows."""
    by_table: dict[str, list[int]] = defaultdict(list)
    for number, (table, rows, _, _) in enumerate(works):
        if table.family == tables.BARS and rows.num_rows:
            by_table[table.name].append(number)
    for numbers in by_table.values():
        if len(numbers) > 1:
            _among([works[number] for number in numbers])


def _among(works: list[Judged]) -> None:
    marks = [_fingerprints(rows) for _, rows, _, _ in works]
    merged = np.concatenate(marks)
    owner = np.repeat(np.arange(len(marks)), [len(each) for each in marks])
    merged, owner = merged[merged != 0], owner[merged != 0]
    order = np.argsort(merged, kind="stable")
    merged, owner = merged[order], owner[order]
    twin = np.flatnonzero((merged[1:] == merged[:-1]) & (owner[1:] != owner[:-1]))
    pairs: dict[tuple[int, int], list[int]] = defaultdict(list)
    for at in twin.tolist():
        pairs[owner[at], owner[at + 1]].append(int(merged[at]))
    for (one, other), shared in pairs.items():
        _blame(works[one], works[other], marks[one], marks[other], np.array(shared, dtype=np.uint64))


def _blame(one: Judged, other: Judged, marks: np.ndarray, others: np.ndarray, shared: np.ndarray) -> None:
    for mine, theirs in _blocks(one, other, np.isin(marks, shared), np.isin(others, shared)):
        left, right = _misfit(one, mine[0], mine[1]), _misfit(other, theirs[0], theirs[1])
        note = f"{len(mine[1])} bar(s) are another instrument's"
        if left >= right - _LEVEL:
            mine[0].add("CONTAMINATED", note)
        if right >= left - _LEVEL:
            theirs[0].add("CONTAMINATED", note)


def _blocks(one: Judged, other: Judged, mine: np.ndarray, theirs: np.ndarray) -> Iterator[tuple[Block, Block]]:
    least = 1 if one[0].interval == "1d" else BLOCK
    later = {session.day: session for session in other[2]}
    for session in one[2]:
        twin = later.get(session.day)
        if twin is None:
            continue
        here = np.flatnonzero(mine[session.start : session.stop]) + session.start
        there = np.flatnonzero(theirs[twin.start : twin.stop]) + twin.start
        if min(len(here), len(there)) >= least:
            yield (session, here), (twin, there)


def _misfit(work: Judged, session: Session, block: np.ndarray) -> float:
    """Return how far the block lies from the rows around it, as a log ratio; 0 when there is nothing around it."""
    closes = work[1].column("close").to_numpy()
    rest = np.setdiff1d(np.arange(len(closes)), block)
    level = float(np.median(closes[block]))
    near = [float(closes[rest[np.abs(rest - edge).argmin()]]) for edge in (block[0], block[-1])] if len(rest) else []
    if work[3] is not None:
        near.append(work[3])
    near = [each for each in near if each > 0]
    return max((abs(float(np.log(level / each))) for each in near), default=0.0) if level > 0 else 0.0


def _fingerprints(rows: pa.Table) -> np.ndarray:
    """Return a 64-bit mark of each bar's time, prices and volume; 0 for bars in which nothing was traded."""
    mark = rows.column("ts_event").cast(pa.int64()).to_numpy().astype(np.uint64)
    for name in ("open", "high", "low", "close", "volume"):
        bits = np.nan_to_num(rows.column(name).to_numpy()).view(np.uint64)
        mark = (mark ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        mark ^= mark >> np.uint64(29)
    volume = np.nan_to_num(rows.column("volume").to_numpy())
    return np.where(volume > 0, np.maximum(mark, 1), 0)
