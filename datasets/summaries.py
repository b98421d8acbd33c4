"""Summaries of one canonical file: bars of a fixed span, rows a day, shapes of columns.

A file's content never changes, so what was computed once is kept under NEXUS_HOME/cache by the file's digest; the
folder may be deleted at any time. Small files are not worth keeping: they are read again.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings

from datasets.market import intervals
from datasets.models import VersionFile
from datasets.reads import BATCH_ROWS, decimal_text, opened, overlapping, time_text

FORMAT = 1  # part of the kept file's name: a change of meaning makes new ones
KEEP_FROM_ROWS = 500_000
MOST_BASE_BARS = 100_000
BINS = 20
DAY_NS = 86_400_000_000_000
# Round spans for down-sampling, in seconds: a chart's bars are always one of these wide.
SPANS_S = (1, 5, 15, 60, 300, 900, 1800, 3600, 14400, 86400, 604800, 2592000)
FIELDS = ("bucket", "open", "high", "low", "close", "volume", "filled")
_PRICES = {"trades": ("price",) * 4, "quotes": ("bid",) * 4, "bars": ("open", "high", "low", "close")}
_VOLUMES = {"trades": "size", "bars": "volume"}

Bars = dict[str, Any]  # FIELDS -> arrays of one length, sorted by bucket, each bucket once


def finest_span(file: VersionFile, start: int, end: int, most: int) -> int:
    """Return the finest round span in ns that cuts [start, end) into fewer than `most`, not below the file's own."""
    own = own_ns(file)
    fitting = (s * 10**9 for s in SPANS_S if s * 10**9 >= own and (end - start) // (s * 10**9) < most)
    return next(fitting, SPANS_S[-1] * 10**9)


def own_ns(file: VersionFile) -> int:
    """Return the width of the file's own bars in ns, 0 for ticks and calendar months."""
    return (intervals.parse(file.interval).duration_ns or 0) if file.interval else 0


def bars_between(file: VersionFile, kind: str, start: int, end: int, span_ns: int) -> Bars:
    """Return the bars of [start, end) ns at a span; whole base bars come from the kept summary where there is one."""
    base_ns = finest_span(file, file.t0_ns, file.t1_ns + 1, MOST_BASE_BARS)
    first, last = -(-start // base_ns), end // base_ns
    if file.rows < KEEP_FROM_ROWS or span_ns % base_ns or last - first < 100:
        return reduce(_raw_bars(file, kind, start, end, span_ns))
    base = base_bars(file, kind)
    middle = slice(*base["bucket"].searchsorted([first, last]).tolist())
    parts = [
        *_raw_bars(file, kind, start, first * base_ns, span_ns),
        {name: base[name][middle] for name in FIELDS} | {"bucket": base["bucket"][middle] * base_ns // span_ns},
        *_raw_bars(file, kind, last * base_ns, end, span_ns),
    ]
    return reduce(iter(parts))


def base_bars(file: VersionFile, kind: str) -> Bars:
    """Return the bars of a whole file at the finest span that makes at most MOST_BASE_BARS of them."""
    import numpy as np

    end = file.t1_ns + 1
    span_ns = finest_span(file, file.t0_ns, end, MOST_BASE_BARS)
    kept = _kept(file, "bars.npz")
    if kept.exists():
        with np.load(kept, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in FIELDS}
    bars = reduce(_raw_bars(file, kind, file.t0_ns, end, span_ns))
    _keep(file, kept, lambda path: np.savez(path, **bars))
    return bars


def _raw_bars(file: VersionFile, kind: str, start: int, end: int, span_ns: int) -> Iterator[Bars]:
    import numpy as np

    if start >= end:
        return
    names, volume = _PRICES[kind], _VOLUMES.get(kind)
    extra = [*([volume] if volume else []), *(["filled"] if kind == "bars" else [])]
    for times, columns in batches(file, [*dict.fromkeys(names), *extra], start, end):
        cut = slice(*times.searchsorted([start, end]).tolist())
        if cut.start >= cut.stop:
            continue
        rows = np.zeros(cut.stop - cut.start)
        shown = dict(zip(("open", "high", "low", "close"), (columns[name][cut] for name in names), strict=True))
        shown |= {"bucket": times[cut] // span_ns, "volume": columns[volume][cut] if volume else rows * np.nan}
        yield reduce(iter([shown | {"filled": columns["filled"][cut] if kind == "bars" else rows}]))


def reduce(parts: Iterator[Bars]) -> Bars:
    """Merge bars in order of time: one per bucket, first open, greatest high, least low, last close, summed volume."""
    import numpy as np

    listed = list(parts)
    if not listed:
        return {name: np.zeros(0, dtype=np.int64 if name == "bucket" else float) for name in FIELDS}
    whole = {name: np.concatenate([part[name] for part in listed]) for name in FIELDS}
    buckets = whole["bucket"]
    edges = np.flatnonzero(np.diff(buckets, prepend=buckets[0] - 1))
    last = np.append(edges[1:], len(buckets)) - 1
    return {
        "bucket": buckets[edges],
        "open": whole["open"][edges],
        "high": np.fmax.reduceat(whole["high"], edges),
        "low": np.fmin.reduceat(whole["low"], edges),
        "close": whole["close"][last],
        "volume": _added(whole["volume"], edges),
        "filled": np.minimum.reduceat(whole["filled"], edges),
    }


def _added(volume: Any, edges: Any) -> Any:
    """Return the sum of what is known in each part, NaN where nothing is."""
    import numpy as np

    known = ~np.isnan(volume)
    sums = np.add.reduceat(np.where(known, volume, 0.0), edges)
    return np.where(np.logical_or.reduceat(known, edges), sums, np.nan)


def batches(
    file: VersionFile, columns: list[str], start: int | None = None, end: int | None = None
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield (times ns, {column: float array, NaN where null}) of the row groups that overlap [start, end)."""
    import numpy as np

    with opened(file) as reader:
        groups = overlapping(reader, start, end)
        for batch in reader.iter_batches(BATCH_ROWS, row_groups=list(groups), columns=["ts_event", *columns]):
            times = batch.column("ts_event").cast("int64").to_numpy()
            yield (
                times,
                {n: np.asarray(batch.column(n).to_numpy(zero_copy_only=False), dtype=float) for n in columns},
            )


def days(file: VersionFile) -> dict[int, int]:
    """Return {UTC day since 1970: rows} of a file."""
    kept = _kept(file, "days.json")
    if kept.exists():
        return {int(day): rows for day, rows in json.loads(kept.read_text()).items()}
    counts: dict[int, int] = {}
    for times, _ in batches(file, []):
        first, last = int(times[0] // DAY_NS), int(times[-1] // DAY_NS)
        edges = times.searchsorted([day * DAY_NS for day in range(first, last + 2)]).tolist()
        for day, (low, high) in enumerate(itertools.pairwise(edges), first):
            if high > low:
                counts[day] = counts.get(day, 0) + high - low
    _keep(file, kept, lambda path: path.write_text(json.dumps(counts)))
    return counts


def shapes(file: VersionFile) -> list[dict[str, Any]]:
    """Return {name, type, nulls, min, max, histogram} of each column; numbers as text, 20 equal bins."""
    kept = _kept(file, "shapes.json")
    if kept.exists():
        return json.loads(kept.read_text())
    with opened(file) as reader:
        schema = reader.schema_arrow
        told = {name: _told(reader, name) for name in schema.names if str(schema.field(name).type) != "double"}
    bounds = _bounds(file, [name for name in schema.names if str(schema.field(name).type) == "double"])
    histograms = _histograms(file, {name: bound for name, bound in bounds.items() if bound[0] < bound[1]})
    listed = [
        told.get(name) or _shape(name, str(schema.field(name).type), bounds[name], histograms) for name in schema.names
    ]
    _keep(file, kept, lambda path: path.write_text(json.dumps(listed)))
    return listed


def _bounds(file: VersionFile, names: list[str]) -> dict[str, list[float]]:
    import numpy as np

    bounds = {name: [np.inf, -np.inf, 0.0] for name in names}
    for _, values in batches(file, names):
        for name in names:
            bound, column = bounds[name], values[name]
            missing = int(np.isnan(column).sum())
            bound[2] += missing
            if missing < len(column):
                bound[:2] = [min(bound[0], np.fmin.reduce(column)), max(bound[1], np.fmax.reduce(column))]
    return bounds


def _histograms(file: VersionFile, bounds: dict[str, list[float]]) -> dict[str, list[int]]:
    import numpy as np

    counts = {name: np.zeros(BINS, dtype=np.int64) for name in bounds}
    for _, values in batches(file, list(bounds)):
        for name, (low, high, _nulls) in bounds.items():
            known = values[name][~np.isnan(values[name])]
            # three times as fast as numpy.histogram; the greatest value belongs to the last bin
            bins = np.minimum(((known - low) * (BINS / (high - low))).astype(np.int64), BINS - 1)
            counts[name] += np.bincount(bins, minlength=BINS)
    return {name: count.tolist() for name, count in counts.items()}


def _shape(name: str, kind: str, bound: list[float], histograms: dict[str, list[int]]) -> dict[str, Any]:
    known = bound[0] <= bound[1]
    return {
        "name": name,
        "type": kind,
        "nulls": int(bound[2]),
        "min": decimal_text(float(bound[0])) if known else None,
        "max": decimal_text(float(bound[1])) if known else None,
        "histogram": histograms.get(name),
    }


def _told(reader: Any, name: str) -> dict[str, Any]:
    """Return the shape of a column that is no float from the file's own statistics; texts have no bounds."""
    schema, groups = reader.schema_arrow, reader.metadata
    at, kind = schema.get_field_index(name), str(schema.field(name).type)
    parts = [groups.row_group(number).column(at).statistics for number in range(groups.num_row_groups)]
    counted = all(part is not None and part.has_null_count for part in parts)
    known = [part for part in parts if part is not None and part.has_min_max]
    words: dict[str, Callable[[int], str]] = {"timestamp[ns, tz=UTC]": time_text, "int64": str, "int8": str}
    shown = words.get(kind) if known else None
    return {
        "name": name,
        "type": kind,
        "nulls": sum(part.null_count for part in parts) if counted else None,
        "min": shown(min(part.min_raw for part in known)) if shown else None,
        "max": shown(max(part.max_raw for part in known)) if shown else None,
        "histogram": None,
    }


def forget(files: Iterable[VersionFile]) -> int:
    """Remove what is kept of these files on this host, and return how many; the next look computes it anew."""
    removed = 0
    for file in files:
        for path in _kept(file, "").parent.glob(f"{file.sha256}-*"):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
                removed += 1
    return removed


def _kept(file: VersionFile, what: str) -> Path:
    return Path(settings.NEXUS_HOME) / "cache" / "summaries" / file.sha256[:2] / f"{file.sha256}-{FORMAT}-{what}"


def _keep(file: VersionFile, path: Path, write: Callable[[Path], object]) -> None:
    if file.rows < KEEP_FROM_ROWS:
        return
    temporary = path.with_name(f"{uuid4().hex}{path.suffix}")
    # A full disk must not hide what was computed: it is shown, and computed again the next time.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        os.replace(temporary, path)
