"""Pictures of a version, computed by streaming its files: bars down-sampled for a chart, rows a day, column shapes."""

from __future__ import annotations

from typing import Any

from datasets.market import intervals
from datasets.models import DatasetVersion, VersionFile
from datasets.reads import BATCH_ROWS, decimal_text, files_of, opened, time_text
from tradenexus.errors import BadRequest

MAX_BARS = 5_000
DAY_NS = 86_400_000_000_000
# Round spans for down-sampling, in seconds: a chart's bars are always one of these wide.
SPANS_S = (1, 5, 15, 60, 300, 900, 1800, 3600, 14400, 86400, 604800, 2592000)
_PRICES = {"trades": ("price",) * 4, "quotes": ("bid",) * 4, "bars": ("open", "high", "low", "close")}


def chart(version: DatasetVersion, instrument: str | None, start: int | None, end: int | None, most: int) -> dict:
    """Return at most `most` (<= 5,000) bars of one instrument in [start, end) ns: the finest round span that fits."""
    if not 1 <= most <= MAX_BARS:
        raise BadRequest(f"limit must be from 1 to {MAX_BARS}", {"fields": {"limit": [str(most)]}})
    file = files_of(version, instrument)[0]
    start = file.t0_ns if start is None else max(start, file.t0_ns)
    end = file.t1_ns + 1 if end is None else min(end, file.t1_ns + 1)
    own_ns = (intervals.parse(file.interval).duration_ns or 0) if file.interval else 0
    fitting = (s * 10**9 for s in SPANS_S if s * 10**9 >= own_ns and (end - start) // (s * 10**9) < most)
    span_ns = next(fitting, SPANS_S[-1] * 10**9)
    bars = _reduce(file, version.kind, start, end, span_ns) if start < end else []
    return {
        "symbol": file.instrument,
        "venue": file.venue,
        "span": f"{span_ns // 10**9}s",
        "interval": file.interval or None,
        "start": time_text(start),
        "end": time_text(max(start, end)),
        "bars": bars[:most],
    }


def _reduce(file: VersionFile, kind: str, start: int, end: int, span_ns: int) -> list[dict[str, Any]]:
    import numpy as np

    names = _PRICES[kind]
    volume = {"trades": "size", "bars": "volume"}.get(kind)
    bars: dict[int, list[float]] = {}
    for times, columns in _batches(file, ["ts_event", *dict.fromkeys(names), *([volume] if volume else [])]):
        keep = (times >= start) & (times < end)
        if not keep.any():
            continue
        buckets = times[keep] // span_ns
        edges = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
        opens, highs, lows, closes = (columns[name][keep] for name in names)
        sizes = columns[volume][keep] if volume else np.zeros(len(buckets))
        last = np.append(edges[1:], len(buckets)) - 1
        made = zip(
            buckets[edges].tolist(),
            opens[edges].tolist(),
            np.fmax.reduceat(highs, edges).tolist(),
            np.fmin.reduceat(lows, edges).tolist(),
            closes[last].tolist(),
            np.add.reduceat(np.nan_to_num(sizes), edges).tolist(),
            strict=True,
        )
        for bucket, *values in made:
            _merge(bars, bucket, values)
    return [_bar(bucket * span_ns, values) for bucket, values in sorted(bars.items())]


def _merge(bars: dict[int, list[float]], bucket: int, values: list[float]) -> None:
    known = bars.get(bucket)
    if known is None:
        bars[bucket] = values
        return
    opened_at, high, low, _, volume = known
    bars[bucket] = [opened_at, max(high, values[1]), min(low, values[2]), values[3], volume + values[4]]


def _bar(at: int, values: list[float]) -> dict[str, Any]:
    names = ("open", "high", "low", "close", "volume")
    shown = {name: decimal_text(value) for name, value in zip(names, values, strict=True)}
    return {"time": time_text(at), **shown}


def _batches(file: VersionFile, columns: list[str]) -> Any:
    import numpy as np

    with opened(file) as reader:
        for batch in reader.iter_batches(BATCH_ROWS, columns=columns):
            times = batch.column("ts_event").cast("int64").to_numpy()
            values = {
                name: np.asarray(batch.column(name).to_numpy(zero_copy_only=False), dtype=float) for name in columns[1:]
            }
            yield times, values


def coverage(version: DatasetVersion, instrument: str | None) -> dict[str, Any]:
    """Return the rows of each UTC day of one instrument: {symbol, days: [{date, rows}], totalDays, emptyDays}."""
    import numpy as np

    file = files_of(version, instrument)[0]
    counts: dict[int, int] = {}
    for times, _ in _batches(file, ["ts_event"]):
        days, rows = np.unique(times // DAY_NS, return_counts=True)
        for day, count in zip(days.tolist(), rows.tolist(), strict=True):
            counts[day] = counts.get(day, 0) + count
    span = max(counts) - min(counts) + 1
    listed = [{"date": time_text(day * DAY_NS)[:10], "rows": counts[day]} for day in sorted(counts)]
    return {"symbol": file.instrument, "days": listed, "totalDays": span, "emptyDays": span - len(counts)}


def columns(version: DatasetVersion, instrument: str | None) -> dict[str, Any]:
    """Return each column's type, nulls, least and greatest value, and for numbers a histogram of 20 equal bins."""
    import numpy as np

    file = files_of(version, instrument)[0]
    with opened(file) as reader:
        schema = reader.schema_arrow
    numeric = [name for name in schema.names if str(schema.field(name).type) == "double"]
    bounds = {name: [np.inf, -np.inf, 0] for name in numeric}
    for _, values in _batches(file, ["ts_event", *numeric]):
        for name in numeric:
            known = values[name][~np.isnan(values[name])]
            bounds[name][2] += len(values[name]) - len(known)
            if len(known):
                bounds[name][:2] = [min(bounds[name][0], known.min()), max(bounds[name][1], known.max())]
    histograms = _histograms(file, {name: bound for name, bound in bounds.items() if bound[0] < bound[1]})
    listed = [_column(name, str(schema.field(name).type), bounds.get(name), histograms) for name in schema.names]
    return {"symbol": file.instrument, "rows": file.rows, "columns": listed}


def _histograms(file: VersionFile, bounds: dict[str, list[float]]) -> dict[str, list[int]]:
    import numpy as np

    counts = {name: np.zeros(20, dtype=np.int64) for name in bounds}
    for _, values in _batches(file, ["ts_event", *bounds]):
        for name, (low, high, _nulls) in bounds.items():
            counts[name] += np.histogram(values[name], bins=20, range=(low, high))[0]
    return {name: count.tolist() for name, count in counts.items()}


def _column(name: str, kind: str, bound: list[float] | None, histograms: dict[str, list[int]]) -> dict[str, Any]:
    known = bound is not None and bound[0] <= bound[1]
    return {
        "name": name,
        "type": kind,
        "nulls": int(bound[2]) if bound is not None else None,
        "min": decimal_text(float(bound[0])) if known and bound else None,
        "max": decimal_text(float(bound[1])) if known and bound else None,
        "histogram": histograms.get(name),
    }
