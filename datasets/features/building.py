"""What a child does for a build: read each instrument's bars, compute its columns, write the rows that are wanted.

Params and answers are plain JSON. A row is given from the first bar on at which any column has a value; all bars are
read each time, because averages remember every one of them. Nothing here knows the catalog.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.features import registry
from datasets.features.technicals import Bars
from datasets.market import partitions, schemas, tables
from datasets.market.intervals import DAY

_READ = ("ts_event", "high", "low", "close", "volume")


def build(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Do all works -> {works: [{bars, rows, firstNs, lastNs, warmUp, missing, path, offered, startNs, endNs}]}.

    params: feature, out_dir, works: [{table, calendar, members, steps, fromNs}], fromNs None for nothing wanted. Of one
    whose bars cannot be read the answer is {fault}: the others are done all the same.
    """
    feature, folder = registry.find(params["feature"]), Path(params["out_dir"])
    module, _, name = feature.function.partition(":")
    function = getattr(importlib.import_module(module), name)
    answers = []
    for number, work in enumerate(params["works"]):
        try:
            answers.append(_one(feature, function, work, folder / f"{number:05d}.parquet"))
        except pa.ArrowInvalid as fault:
            answers.append({"fault": f"its bars cannot be read: {str(fault)[:200]}"})
        emit({"done": number + 1, "total": len(params["works"])})
    return {"works": answers}


def comparable(days: np.ndarray, steps: dict[str, list[float]] | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors of prices and of volume a row: 1 before the first action, then divided by each step.

    Only actions up to the row's own day count: what is announced later changes no factor before it.
    """
    if not steps:
        return np.ones(len(days)), np.ones(len(days))
    at = np.searchsorted(np.array(steps["days"]), days, side="right")
    told = []
    for name in ("prices", "volumes"):
        held = [1.0]
        for step in steps[name]:
            held.append(held[-1] / step)
        told.append(np.array(held)[at])
    return told[0], told[1]


def _one(feature: registry.Feature, function: Any, work: dict[str, Any], path: Path) -> dict[str, Any]:
    read = pa.concat_tables([pq.read_table(each, columns=list(_READ)) for each in work["members"]]).combine_chunks()
    ns = read.column("ts_event").cast(pa.int64()).to_numpy()
    days = partitions.session_days(tables.find(work["table"]), work["calendar"], ns)
    values = {name: read.column(name).cast(pa.float64()).to_numpy() for name in _READ[1:]}
    factor, volume_factor = comparable(days, work["steps"])
    found = function(Bars(days, **values, factor=factor, volume_factor=volume_factor))
    known = ~np.isnan(np.column_stack([found[column.name] for column in feature.columns]))
    first = _first(known.any(axis=1))
    told = _covered(feature, known, ns, first)
    start = None if work["fromNs"] is None else max(first, int(np.searchsorted(ns, work["fromNs"])))
    if start is None or start >= len(ns):
        return {**told, "path": None, "offered": 0}
    _write(feature, path, ns[start:], {name: column[start:] for name, column in found.items()})
    edges = {"startNs": int(ns[start]) // DAY * DAY, "endNs": (int(ns[-1]) // DAY + 1) * DAY}
    return {**told, "path": str(path), "offered": len(ns) - start, **edges}


def _covered(feature: registry.Feature, known: np.ndarray, ns: np.ndarray, first: int) -> dict[str, Any]:
    """Tell what the rows cover; `missing` counts, a column, the nulls after its first value (all rows: it has none)."""
    rows = known[first:]
    missing = {}
    for number, column in enumerate(feature.columns):
        begins = _first(rows[:, number])
        nulls = len(rows) if begins == len(rows) else int((~rows[begins:, number]).sum())
        if nulls:
            missing[column.name] = nulls
    return {
        "bars": len(ns),
        "rows": len(rows),
        "firstNs": int(ns[first]) if len(rows) else None,
        "lastNs": int(ns[-1]) if len(rows) else None,
        "warmUp": min(len(ns), feature.warm_up - 1),
        "missing": missing,
    }


def _first(marks: np.ndarray) -> int:
    return int(marks.argmax()) if marks.any() else len(marks)


def _write(feature: registry.Feature, path: Path, ns: np.ndarray, found: dict[str, np.ndarray]) -> None:
    schema = schemas.table_form(tables.find(feature.table)).schema
    columns = [pa.array(ns.astype("datetime64[ns]")).cast(schema.field("ts_event").type)]
    columns += [
        pa.array(found[field.name], mask=np.isnan(found[field.name])) for field in schema if field.name in found
    ]
    pq.write_table(pa.table(columns, schema=schema), path)
