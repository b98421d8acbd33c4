"""Pictures of a version, from the summaries of its files: bars down-sampled for a chart, rows a day, column shapes.

And bars of an entry of the lake, adjusted and as of a time where that is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from datasets import summaries
from datasets.lake import adjusting, scan
from datasets.market import intervals, tables
from datasets.market.ranges import RangeReversed
from datasets.models import DatasetVersion, LakeEntry, LakeSegment, VersionFile
from datasets.reads import decimal_text, files_of, time_text
from datasets.summaries import DAY_NS
from tradenexus.errors import BadRequest

MAX_BARS = 5_000
MONTH_NS = 2_592_000 * 10**9  # what stands for the width of calendar months
READ_ROWS = 3_000_000  # of an entry, for one chart
# What is drawn of a table of the lake: (open, high, low, close), volume.
_BAR = (("open", "high", "low", "close"), "volume")
_OTHERS = {
    "trades": (("price",) * 4, "size"),
    "quotes": (("bid",) * 4, None),
    "macro_series": (("value",) * 4, None),
    "macro_treasury": (("y_10year",) * 4, None),
    "funding": (("rate",) * 4, None),
}
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


def drawable(table: tables.Table) -> bool:
    """Tell whether an entry of this table can be drawn: it has prices, or one number a time."""
    return table.family == tables.BARS or table.name in _OTHERS


def of_entry(
    entry: LakeEntry,
    adjustment: str = adjusting.RAW,
    start: int | None = None,
    end: int | None = None,
    most: int = MAX_BARS,
    as_of: datetime | None = None,
) -> dict[str, Any]:
    """Return at most `most` (<= 5,000) bars of an entry in [start, end) ns, shaped as those of `chart`.

    At most about READ_ROWS rows are read, the newest of the range: `cut` says that there are earlier ones, `revision`
    which was read. Refuses NotAdjustable, SplitUnwitnessed, RangeReversed, NotFound for a time before it was there.
    """
    if not 1 <= most <= MAX_BARS:
        raise BadRequest(f"limit must be from 1 to {MAX_BARS}", {"fields": {"limit": [str(most)]}})
    if start is not None and end is not None and start >= end:
        raise RangeReversed("start must be before end")
    change = adjusting.of_entry(entry, adjustment, as_of, start)
    located = scan.locate(entry, start, end, as_of)
    part, cut = _newest(located)
    table = tables.find(entry.table)
    first, after = _stretch(part, start, end)
    own = (intervals.parse(table.interval).duration_ns or 0) if table.interval else 0
    fits = bool(own) and (after - first) // own < most
    width = 1 if fits else _width(own, after - first, most)
    found = summaries.reduce(_parts(part, table, change, width)) if first < after else None
    bars = _bars(found, width, most, table.family == tables.BARS) if found else []
    return {
        "symbol": entry.instrument,
        "venue": "",
        "span": f"{(own if fits else width) // 10**9}s",
        "downsampled": not fits,
        "interval": table.interval or None,
        "start": time_text(first),
        "end": time_text(max(first, after)),
        "bars": bars,
        "cut": cut,
        "revision": part.revision,
        "adjusted": change is not None,
    }


def _newest(part: scan.Slice) -> tuple[scan.Slice, bool]:
    """Return the newest segments of about READ_ROWS rows, and whether there are others before them."""
    kept: list[LakeSegment] = []
    rows = 0
    for segment in reversed(part.segments):
        if kept and rows + segment.rows > READ_ROWS:
            break
        kept.append(segment)
        rows += segment.rows
    return replace(part, segments=kept[::-1]), len(kept) < len(part.segments)


def _stretch(part: scan.Slice, start: int | None, end: int | None) -> tuple[int, int]:
    """Return [first, after) ns of what there is of the range."""
    if not part.segments:
        first = (end or 0) if start is None else start
        return first, first if end is None else end
    first, after = part.segments[0].t0_ns, part.segments[-1].t1_ns + 1
    return first if start is None else max(first, start), after if end is None else min(after, end)


def _width(own: int, length: int, most: int) -> int:
    fitting = (s * 10**9 for s in summaries.SPANS_S if s * 10**9 >= own and length // (s * 10**9) < most)
    return next(fitting, summaries.SPANS_S[-1] * 10**9)


def _parts(part: scan.Slice, table: tables.Table, change: Any, width: int) -> Iterator[summaries.Bars]:
    import numpy as np

    prices, volume = _BAR if table.family == tables.BARS else _OTHERS[table.name]
    filled = ["filled"] if table.family == tables.BARS else []
    columns = ["ts_event", *dict.fromkeys(prices), *([volume] if volume else []), *filled]
    for rows in scan.tables_of(part, columns):
        rows = rows if change is None else change.apply(rows)
        held = {name: _numbers(rows.column(name)) for name in columns[1:]}
        if change is not None:  # factors leave digits that nobody quoted
            held |= {name: np.round(held[name], 8) for name in dict.fromkeys(prices)}
        known = ~np.isnan(held[prices[3]])
        if not known.any():
            continue
        shown = {name: held[column][known] for name, column in zip(_SHOWN, (*prices, volume), strict=True) if column}
        shown["bucket"] = rows.column("ts_event").cast("int64").to_numpy()[known] // width
        nothing = np.zeros(int(known.sum()))
        whole = {"volume": nothing * np.nan, "filled": nothing} | shown
        whole["filled"] = np.nan_to_num(held["filled"][known]) if filled else nothing
        yield summaries.reduce(iter([whole]))


def _numbers(column: Any) -> Any:
    import numpy as np

    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=float)
