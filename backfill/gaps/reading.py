"""What a child does to find gaps: it reads the times of an entry's rows and nothing else. Knows no catalog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from backfill.gaps import holes
from datasets.market import tables

MOST = 50_000  # gaps of one entry that are told one by one, the oldest


def find(params: dict[str, Any], emit: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """Find gaps -> [{gaps: [[start, end, count, kind, day]], more, unreadable, undecided}] in the order of the entries.

    params: entries [{table, calendar, paths, startNs, endNs, nowNs, holeNs, excused, kinds}]. `more` counts those that
    are not told.
    """
    found = []
    for number, given in enumerate(params["entries"]):
        try:
            all_, undecided = _gaps(given)
            gaps = [gap for gap in all_ if gap.kind in given["kinds"]]
            told = {"gaps": [list(gap) for gap in gaps[:MOST]], "more": len(gaps[MOST:])}
            found.append({**told, "unreadable": "", "undecided": undecided})
        except (pa.ArrowInvalid, OSError) as fault:
            found.append({"gaps": [], "more": 0, "unreadable": str(fault)[:200], "undecided": ""})
        emit({"phase": "detect", "done": number + 1, "total": len(params["entries"]), "unit": "entries"})
    return found


def _gaps(given: dict[str, Any]) -> tuple[list[holes.Gap], str]:
    read = [pq.read_table(path, columns=["ts_event"]).column(0).cast(pa.int64()).to_numpy() for path in given["paths"]]
    times = np.sort(np.concatenate([np.empty(0, dtype=np.int64), *read]))
    window = holes.Window(
        given["startNs"], given["endNs"], given["nowNs"], frozenset(given["excused"]), given["holeNs"]
    )
    table, calendar = tables.find(given["table"]), given["calendar"]
    return holes.find(table, calendar, times, window), holes.undecided(table, calendar, times, window.hole_ns)
