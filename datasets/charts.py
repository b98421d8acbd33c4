"""Pictures of a version, from the summaries of its files: bars down-sampled for a chart, rows a day, column shapes."""

from __future__ import annotations

import math
from typing import Any

from datasets import summaries
from datasets.market.ranges import RangeReversed
from datasets.models import DatasetVersion, VersionFile
from datasets.reads import decimal_text, files_of, time_text
from datasets.summaries import DAY_NS
from tradenexus.errors import BadRequest

MAX_BARS = 5_000
MONTH_NS = 2_592_000 * 10**9  # what stands for the width of calendar months
_SHOWN = ("open", "high", "low", "close", "volume")


def chart(version: DatasetVersion, instrument: str | None, start: int | None, end: int | None, most: int) -> dict:
    """Return at most `most` (<= 5,000) bars of one instrument in [start, end) ns: the finest round span that fits.

    Bars that fit are given as they are, `downsampled` is False then. A bar of a version of bars says `filled` when
    every bar in it was filled in, not traded; its volume is None where it is unknown. RangeReversed for start >= end.
    """
    if not 1 <= most <= MAX_BARS:
        raise BadRequest(f"limit must be from 1 to {MAX_BARS}", {"fields": {"limit": [str(most)]}})
    if start is not None and end is not None and start >= end:
        raise RangeReversed("start must be before end")
    file = files_of(version, instrument)[0]
    start = file.t0_ns if start is None else max(start, file.t0_ns)
    end = file.t1_ns + 1 if end is None else min(end, file.t1_ns + 1)
    span_ns = _own_span(file, version.kind, start, end, most)
    width_ns = 1 if span_ns else summaries.finest_span(file, start, end, most)
    found = summaries.bars_between(file, version.kind, start, end, width_ns) if start < end else None
    return {
        "symbol": file.instrument,
        "venue": file.venue,
        "span": f"{(span_ns or width_ns) // 10**9}s",
        "downsampled": not span_ns,
        "interval": file.interval or None,
        "start": time_text(start),
        "end": time_text(max(start, end)),
        "bars": _bars(found, width_ns, most, version.kind == "bars") if found else [],
    }


def _own_span(file: VersionFile, kind: str, start: int, end: int, most: int) -> int:
    """Return the bars' own width in ns when all of [start, end) fit as they are, with their own times; else 0."""
    if kind != "bars":
        return 0
    own_ns = summaries.own_ns(file)
    fits = (end - start) // own_ns < most if own_ns else file.rows <= most
    return (own_ns or MONTH_NS) if fits else 0


def _bars(found: summaries.Bars, span_ns: int, most: int, may_be_filled: bool) -> list[dict[str, Any]]:
    times = [time_text(bucket * span_ns) for bucket in found["bucket"][:most].tolist()]
    columns = [[_text(value) for value in found[name][:most].tolist()] for name in _SHOWN]
    bars = [dict(zip(("time", *_SHOWN), row, strict=True)) for row in zip(times, *columns, strict=True)]
    if not may_be_filled:
        return bars
    return [bar | {"filled": bool(filled)} for bar, filled in zip(bars, found["filled"].tolist(), strict=False)]


def _text(value: float) -> str | None:
    return None if math.isnan(value) else decimal_text(value)


def coverage(version: DatasetVersion, instrument: str | None) -> dict[str, Any]:
    """Return the rows of each UTC day of one instrument: {symbol, days: [{date, rows}], totalDays, emptyDays}."""
    file = files_of(version, instrument)[0]
    counts = summaries.days(file)
    span = max(counts) - min(counts) + 1
    listed = [{"date": time_text(day * DAY_NS)[:10], "rows": counts[day]} for day in sorted(counts)]
    return {"symbol": file.instrument, "days": listed, "totalDays": span, "emptyDays": span - len(counts)}


def columns(version: DatasetVersion, instrument: str | None) -> dict[str, Any]:
    """Return each column's type, nulls, least and greatest value, and for numbers a histogram of 20 equal bins."""
    file = files_of(version, instrument)[0]
    return {"symbol": file.instrument, "rows": file.rows, "columns": summaries.shapes(file)}
