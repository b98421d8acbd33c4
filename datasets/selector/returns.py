"""The child that makes a returns matrix of a snapshot's daily closes [pure].

The return of a day is close / the instrument's own close before - 1, whatever lies between; splits that the snapshot
knows are taken out (dividends are not). Days are session dates; the matrix has every date on which any candidate that
is kept has a return, in order, and is empty where one has none.

The rules, in this order, each candidate dropped by the first that it breaks:
    NO_ROWS            no close in the range
    UNUSABLE_CLOSES    a close that is zero, negative or not a number: no return can be made of it
    SPLIT_UNWITNESSED  it opens as after a split; no split of the snapshot and no reviewer says what that was
    TOO_FEW_DAYS       fewer returns than `min_days`
    ZERO_VARIANCE      the largest and the smallest return differ by less than 1e-12
    TOO_MANY_MISSING   more than `max_missing_pct` of the dates of all candidates that came so far lack a return
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.lake.rules import is_split
from datasets.market import dates, intervals, partitions, tables
from datasets.selector.rules import Rules

DATE = "date"
SAME = 1e-12
NO_ROWS, UNUSABLE, FEW = "NO_ROWS", "UNUSABLE_CLOSES", "TOO_FEW_DAYS"
UNWITNESSED = "SPLIT_UNWITNESSED"
FLAT, MISSING = "ZERO_VARIANCE", "TOO_MANY_MISSING"


@dataclass
class Series:
    """One candidate's returns: `days` (int64 days since 1970, ascending) and `values`, of the same length."""

    name: str
    days: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    splits: int = 0


def build(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Make the matrix -> {path (None when nobody is left), days, kept, drops, splits: {name: how many}}.

    params: works [{instrument, calendar, inputs, actions, suspects}], table, startNs, endNs, rules, told (metadata),
    out_dir.
    """
    rules = Rules(**params["rules"])
    drops: list[dict[str, Any]] = []
    passed: list[Series] = []
    for number, work in enumerate(sorted(params["works"], key=lambda each: str(each["instrument"]))):
        series, drop = _series(work, params, rules)
        if drop:
            drops.append(drop)
        else:
            passed.append(series)
        emit({"phase": "reading closes", "done": number + 1})
    kept, more = complete_enough(passed, rules)
    dates = _union(kept)
    path = _write(Path(params["out_dir"]) / "returns_matrix.parquet", kept, dates, params["told"]) if kept else None
    return {
        "path": path,
        "days": len(dates),
        "kept": [each.name for each in kept],
        "drops": drops + more,
        "splits": {each.name: each.splits for each in kept if each.splits},
    }


def of_closes(name: str, days: np.ndarray, closes: np.ndarray, splits: dict[int, float]) -> Series:
    """Return the returns of closes on ascending days; `splits` are new shares for one old, by ex-date."""
    ratio = np.ones(max(0, len(days) - 1))
    applied = 0
    for day, value in sorted(splits.items()):
        at = int(np.searchsorted(days, day, side="left")) - 1
        if 0 <= at < len(ratio):
            ratio[at] *= value
            applied += 1
    return Series(name, days[1:], closes[1:] * ratio / closes[:-1] - 1, applied)


def unexplained(days: np.ndarray, closes: np.ndarray, splits: dict[int, float], suspects: list[int]) -> list[int]:
    """Return the suspected days over which closes step by what no split of that date explains."""
    found = []
    for day in suspects:
        at = int(np.searchsorted(days, day))
        if 0 < at < len(days) and not is_split(float(closes[at] / closes[at - 1]), splits.get(day, 1.0)):
            found.append(day)
    return found


def judged(series: Series, rules: Rules) -> dict[str, Any] | None:
    """Return why a candidate is dropped for itself, or None."""
    count = len(series.values)
    if count < rules.min_days:
        return _drop(series.name, FEW, "fewer daily returns than asked", count, rules.min_days)
    spread = float(series.values.max() - series.values.min()) if count else 0.0
    return _drop(series.name, FLAT, "its returns are all the same", spread, SAME) if spread < SAME else None


def complete_enough(passed: list[Series], rules: Rules) -> tuple[list[Series], list[dict[str, Any]]]:
    """Return (kept, drops): who lacks a return on too many of the dates of all that passed."""
    total = len(_union(passed))
    kept, drops = [], []
    for each in passed:
        missing = round(100 * (1 - len(each.days) / total), 6)
        if missing > rules.max_missing_pct:
            words = "too many of the dates of all candidates are missing (%)"
            drops.append(_drop(each.name, MISSING, words, missing, rules.max_missing_pct))
        else:
            kept.append(each)
    return kept, drops


def _series(work: dict[str, Any], params: dict[str, Any], rules: Rules) -> tuple[Series, dict[str, Any] | None]:
    name = str(work["instrument"])
    ns, closes = _closes(work["inputs"], params["startNs"], params["endNs"])
    if not len(ns):
        return Series(name), _drop(name, NO_ROWS, "no close in the range", 0, 1)
    bad = int((~np.isfinite(closes) | (closes <= 0)).sum())
    if bad:
        return Series(name), _drop(name, UNUSABLE, "closes that are zero, negative or no number", bad, 0)
    days = partitions.session_days(tables.find(params["table"]), work["calendar"], ns)
    last = np.append(days[1:] != days[:-1], True)  # of two closes on one date the later one
    splits = _splits(work["actions"])
    if open_ := unexplained(days[last], closes[last], splits, work["suspects"]):
        words = f"it opens as after a split on {dates.to_date(open_[0])}, and no second witness says that it was one"
        return Series(name), _drop(name, UNWITNESSED, words, len(open_), 0)
    series = of_closes(name, days[last], closes[last], splits)
    return series, judged(series, rules)


def _closes(paths: list[str], start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    times, closes = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for path in paths:
        rows = pq.read_table(path, columns=["ts_event", "close"])
        ns = rows["ts_event"].cast(pa.int64()).to_numpy()
        inside = slice(int(ns.searchsorted(start)), int(ns.searchsorted(end)))
        times.append(ns[inside])
        closes.append(rows["close"].to_numpy()[inside])
    return np.concatenate(times), np.concatenate(closes)


def _splits(paths: list[str]) -> dict[int, float]:
    known: dict[int, float] = {}
    for path in paths:
        rows = pq.read_table(path, columns=["ts_event", "action", "value"])
        days = rows["ts_event"].cast(pa.int64()).to_numpy() // intervals.DAY
        for day, action, value in zip(days, rows["action"].to_pylist(), rows["value"].to_pylist(), strict=True):
            if action == "split" and value > 0:
                known[int(day)] = float(value)
    return known


def _union(series: list[Series]) -> np.ndarray:
    return np.unique(np.concatenate([each.days for each in series])) if series else np.empty(0, dtype=np.int64)


def _write(path: Path, kept: list[Series], dates: np.ndarray, told: dict[str, Any]) -> str:
    columns = [pa.array(dates.astype("datetime64[D]"))]
    for each in kept:
        values, there = np.zeros(len(dates)), np.zeros(len(dates), dtype=bool)
        at = np.searchsorted(dates, each.days)
        values[at], there[at] = each.values, True
        columns.append(pa.array(values, mask=~there))
    metadata = {f"nexus.{name}": json.dumps(value, sort_keys=True) for name, value in sorted(told.items())}
    fields = [pa.field(DATE, pa.date32(), nullable=False), *(pa.field(each.name, pa.float64()) for each in kept)]
    with pq.ParquetWriter(path, pa.schema(fields, metadata=metadata), compression="snappy", version="2.6") as writer:
        writer.write_table(pa.table(columns, schema=writer.schema))
    return str(path)


def _drop(name: str, reason: str, words: str, measured: float, limit: float) -> dict[str, Any]:
    return {"candidate": name, "reason": reason, "words": words, "measured": measured, "limit": limit}
