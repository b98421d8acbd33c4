"""The part of the data audit that reads rows: called in a capped child, one share of entries at a time.

Of each entry the newest sessions are held against those before them, by the distribution of returns (logarithm of a
close over the one before) and of volumes (logarithm of 1 + volume); and every session read is judged once more by the
rules in force now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.lake import judging, rules
from datasets.maintenance import drift
from datasets.market import intervals, partitions, schemas, tables

_RED = {"BAD_VALUES", "TOXIC"}


def audit(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """Audit entries -> [{sessions, drift: {returns, volumes}, red: [{day, code, note}], unreadable}] in their order.

    params: entries [{table, calendar, signed, paths, actions}], rules, newest (sessions).
    """
    limits, found = rules.of(params["rules"]), []
    for number, given in enumerate(params["entries"]):
        try:
            found.append(_audited(given, limits, params["newest"]))
        except (pa.ArrowInvalid, OSError) as fault:
            found.append({"sessions": 0, "drift": {}, "red": [], "unreadable": str(fault)[:200]})
        emit({"phase": "audit", "done": number + 1, "total": len(params["entries"]), "unit": "entries"})
    return found


def _audited(given: dict[str, Any], limits: rules.Rules, newest: int) -> dict[str, Any]:
    table = tables.find(given["table"])
    schema = schemas.table_form(table).schema
    rows = pa.concat_tables([_shaped(pq.read_table(path), schema) for path in given["paths"]]).combine_chunks()
    ns = rows.column("ts_event").cast(pa.int64()).to_numpy()
    days = partitions.session_days(table, given["calendar"], ns)
    sessions = judging.sessions(days)
    judging.check_values(table, rows, sessions, signed=given["signed"])
    judging.judge(table, rows, sessions, limits, judging.Before(), _splits(given["actions"]))
    red = [
        {"day": each.day, "code": rules.gravest(each.codes)[0], "note": each.notes[0] if each.notes else ""}
        for each in sessions
        if _RED & set(each.codes)
    ]
    return {
        "sessions": len(sessions),
        "drift": _drift(table, rows, sessions, newest),
        "red": red,
        "unreadable": "",
    }


def _drift(table: tables.Table, rows: pa.Table, sessions: list[judging.Session], newest: int) -> dict[str, Any]:
    price = "close" if table.family == tables.BARS else "price"
    amount = "volume" if table.family == tables.BARS else "size"
    if price not in table.names or len(sessions) <= newest:
        return {}
    edge = sessions[-newest].start
    closes, amounts = (rows.column(name).cast(pa.float64()).to_numpy() for name in (price, amount))
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.concatenate(([np.nan], np.log(closes[1:] / closes[:-1])))
        volumes = np.log1p(amounts)
    found = {
        "returns": drift.compare(returns[:edge], returns[edge:]),
        "volumes": drift.compare(volumes[:edge], volumes[edge:]),
    }
    return {name: each for name, each in found.items() if each}


def _splits(paths: list[str]) -> dict[int, float]:
    known: dict[int, float] = {}
    for path in paths:
        rows = pq.read_table(path)
        times = rows.column("ts_event").cast(pa.int64()).to_pylist()
        for ns, action, value in zip(times, rows["action"].to_pylist(), rows["value"].to_pylist(), strict=True):
            if action == "split":
                known[int(ns) // intervals.DAY] = value
    return known


def _shaped(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    for field in schema:
        if field.name not in rows.column_names:
            rows = rows.append_column(field.name, pa.nulls(rows.num_rows, field.type))
    return rows.select(schema.names).cast(schema)
