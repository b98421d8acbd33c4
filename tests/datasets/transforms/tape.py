"""Canonical files for the transform tests, and a plain Python reading of what candles are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from datasets.engine import canonical
from datasets.market import schemas


def write(path, kind, columns, *, instrument="X", interval="", group_rows=None, monkeypatch=None):
    """Write columns (numpy or lists, missing ones null) as one canonical file; return the transform's input."""
    rows = len(columns["ts_event"])
    arrays = []
    for field in schemas.SCHEMAS[kind]:
        values = columns.get(field.name)
        if values is None:
            values = [False] * rows if field.name == "filled" else [None] * rows
        if field.name == "ts_event":
            arrays.append(pa.array(np.asarray(values, np.int64)).cast(schemas.TIMESTAMP))
        else:
            arrays.append(pa.array(values, field.type))
    if group_rows:
        monkeypatch.setitem(schemas.ROW_GROUP_ROWS, kind, group_rows)
    with canonical.writer(path, kind, schemas.metadata(kind, instrument, interval=interval)) as writer:
        writer.write(pa.Table.from_arrays(arrays, schema=schemas.SCHEMAS[kind]))
        writer.close()
    return {"instrument": instrument, "venue": "", "path": str(path), "rows": rows, "interval": interval or None}


def candles(ts, price, size, step):
    """Return {bucket: [open, high, low, close, volume, trades]}, added one trade after another."""
    bars: dict[int, list] = {}
    for at, paid, amount in zip(ts, price, size, strict=True):
        bar = bars.setdefault(int(at) // step * step, [paid, paid, paid, paid, 0.0, 0])
        bar[1], bar[2], bar[3] = max(bar[1], paid), min(bar[2], paid), paid
        bar[4] += amount
        bar[5] += 1
    return bars
