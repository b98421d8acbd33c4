"""Canonical bars (Parquet) to the CSV that Lona takes, and the count of bars in a range [pure].

The file is written in one streaming pass (after one over the volume column), batch by batch, in the capped child.
Rows come sorted by open time, one instrument a call.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from lona import errors
from lona.adapter.digest import NS, Emit, SliceDigest

DAY_NS = 86_400 * NS
BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Slice:
    """Bars of one instrument of a version in [start_ns, end_ns)."""

    instrument: str
    venue: str
    frequency: str
    start_ns: int
    end_ns: int


def write_csv(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Write the bars of [start_ns, end_ns) from `inputs` (Parquet, one instrument, in order) to `out_path`.

    Header `timestamp,open,high,low,close[,volume]`, times `YYYY-MM-DD HH:MM:SS` UTC ascending, floats in their shortest
    exact form. The volume column is left out when any bar of the slice has none: a made-up 0 would be a claim.
    Answers rows, firstNs, lastNs, sizeBytes, sha256 (of the file), contentHash and hasVolume.
    Refuses SLICE_NOT_ASCENDING and SLICE_NOT_WHOLE_SECONDS. Zero rows is an answer, not an error.
    """
    paths, start, end = params["inputs"], params.get("start_ns"), params.get("end_ns")
    with_volume = not any(_lacks_volume(batch) for batch in _batches(paths, start, end, ["ts_event", "volume"]))
    digest, sha = SliceDigest(with_volume), hashlib.sha256()
    total: dict[str, Any] = {"rows": 0, "firstNs": None, "lastNs": None, "sizeBytes": 0}
    with Path(params["out_path"]).open("wb") as out:
        _put(out, (",".join(("timestamp", *digest.columns)) + "\n").encode(), sha, total)
        for batch in _batches(paths, start, end, ["ts_event", *digest.columns]):
            ts_ns = _ascending(batch, total["lastNs"])
            digest.add(ts_ns, {name: batch.column(name).to_numpy(zero_copy_only=False) for name in digest.columns})
            _put(out, _csv_block(batch, digest.columns), sha, total)
            total["firstNs"] = int(ts_ns[0]) if total["firstNs"] is None else total["firstNs"]
            total["lastNs"] = int(ts_ns[-1])
            total["rows"] += len(ts_ns)
            emit({"phase": "writing the slice", "done": total["rows"], "total": None, "unit": "rows"})
    return {**total, "sha256": sha.hexdigest(), "contentHash": digest.hexdigest(), "hasVolume": with_volume}


def survey(params: dict[str, Any], emit: Emit | None = None) -> dict[str, Any]:
    """Count the bars of [start_ns, end_ns) in `inputs`: {rows, firstNs, lastNs, days: the UTC days that have any}."""
    import numpy as np

    rows, first, last, days = 0, None, None, set()
    for batch in _batches(params["inputs"], params.get("start_ns"), params.get("end_ns"), ["ts_event"]):
        ts_ns = _times(batch)
        rows += len(ts_ns)
        first = int(ts_ns[0]) if first is None else first
        last = int(ts_ns[-1])
        days.update(np.unique(ts_ns // DAY_NS).tolist())
    return {"rows": rows, "firstNs": first, "lastNs": last, "days": [_day(number) for number in sorted(days)]}


def _batches(paths: list[str], start: int | None, end: int | None, columns: list[str]) -> Iterator[Any]:
    """Record batches inside the range; row groups whose statistics lie outside are never decoded."""
    import pyarrow.parquet as pq

    for path in paths:
        with pq.ParquetFile(path) as file:
            wanted = [i for i in range(file.num_row_groups) if _overlaps(file.metadata.row_group(i), start, end)]
            for batch in file.iter_batches(batch_size=BATCH_ROWS, row_groups=wanted, columns=columns):
                kept = _within(batch, start, end)
                if kept.num_rows:
                    yield kept


def _overlaps(group: Any, start: int | None, end: int | None) -> bool:
    for i in range(group.num_columns):
        column = group.column(i)
        if column.path_in_schema == "ts_event" and column.is_stats_set and column.statistics.has_min_max:
            # Raw they are nanoseconds, whatever libraries are installed.
            low, high = column.statistics.min_raw, column.statistics.max_raw
            return (end is None or low < end) and (start is None or high >= start)
    return True


def _within(batch: Any, start: int | None, end: int | None) -> Any:
    ts_ns = _times(batch)
    keep = None
    if start is not None:
        keep = ts_ns >= start
    if end is not None:
        keep = (ts_ns < end) if keep is None else keep & (ts_ns < end)
    if keep is None or keep.all():
        return batch
    import pyarrow as pa

    return batch.filter(pa.array(keep))


def _times(batch: Any) -> Any:
    import pyarrow as pa

    return batch.column("ts_event").cast(pa.int64()).to_numpy(zero_copy_only=False)


def _lacks_volume(batch: Any) -> bool:
    return bool(batch.column("volume").null_count)


def _ascending(batch: Any, last_ns: int | None) -> Any:
    import numpy as np

    ts_ns = _times(batch)
    if (last_ns is not None and ts_ns[0] <= last_ns) or (len(ts_ns) > 1 and (np.diff(ts_ns) <= 0).any()):
        raise errors.SliceNotAscending("the stored bars of this slice are not strictly ascending")
    if (ts_ns % NS).any():
        raise errors.SliceNotWholeSeconds("a bar of this slice opens inside a second")
    return ts_ns


def _csv_block(batch: Any, columns: tuple[str, ...]) -> bytes:
    import pyarrow as pa
    from pyarrow import csv

    # Naive seconds print as `YYYY-MM-DD HH:MM:SS`; pyarrow prints doubles in their shortest form that reads back equal.
    seconds = batch.column("ts_event").cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("s"))
    table = pa.table([seconds, *(batch.column(name) for name in columns)], names=["timestamp", *columns])
    sink = pa.BufferOutputStream()
    csv.write_csv(table, sink, csv.WriteOptions(include_header=False, quoting_style="none"))
    return sink.getvalue().to_pybytes()


def _put(out: Any, block: bytes, sha: Any, total: dict[str, Any]) -> None:
    out.write(block)
    sha.update(block)
    total["sizeBytes"] += len(block)


def _day(number: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()
