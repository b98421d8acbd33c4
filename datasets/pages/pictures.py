"""Numbers turned into what pages draw: histogram bars, the sentence under a chart, finding markers, a calendar."""

from __future__ import annotations

from datetime import date, timedelta
from statistics import median
from typing import Any
from urllib.parse import urlencode

from datasets.models import DatasetVersion, QualityReport
from tradenexus.web import figures

MARKERS = 200


def histogram(column: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the bars of a column's histogram: {x, height 0-32, from, to, count}; empty without one."""
    counts = column["histogram"]
    if not counts:
        return []
    most, low = max(counts), float(column["min"])
    width = (float(column["max"]) - low) / len(counts)
    return [
        {
            "x": 5 * at,
            "y": round(32 - _height(count, most), 1),
            "height": _height(count, most),
            "words": f"{low + at * width:.6g} to {low + (at + 1) * width:.6g}: {count:,} rows",
        }
        for at, count in enumerate(counts)
    ]


def _height(count: int, most: int) -> float:
    # what is there is seen: the smallest bar is one pixel high
    return round(max(1.0, 32 * count / most), 1) if count else 0.0


def sentence(drawn: dict[str, Any]) -> str:
    """Return the chart in one sentence."""
    bars = drawn["bars"]
    if not bars:
        return f"No rows of {drawn['symbol']} in this range."
    first, last = bars[0], bars[-1]
    high = max(bars, key=lambda bar: float(bar["high"]))
    low = min(bars, key=lambda bar: float(bar["low"]))
    change = (float(last["close"]) / float(first["open"]) - 1) * 100 if float(first["open"]) else None
    moved = f"{change:+.2f} %" if change is not None else "no rate (it began at 0)"
    span = span_words(int(drawn["span"][:-1])) if drawn["downsampled"] or not drawn["interval"] else drawn["interval"]
    return (
        f"{drawn['symbol']} from {first['time'][:16].replace('T', ' ')}Z to {last['time'][:16].replace('T', ' ')}Z in "
        f"{len(bars):,} bars of {span}: opened at {first['open']}, closed at {last['close']} ({moved}); "
        f"highest {high['high']} on {high['time'][:10]}, lowest {low['low']} on {low['time'][:10]}."
    )


def span_words(seconds: int) -> str:
    """Return a bar's width in words: 60 -> `1 min`."""
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {word}"
    return f"{seconds} s"


def markers(version: DatasetVersion, drawn: dict[str, Any], base: str) -> list[dict[str, Any]]:
    """Return the findings with a time inside the chart: {time, grade, title, url}, at most MARKERS."""
    report = QualityReport.of(version.tenant_id).filter(version=version).first()
    if report is None:
        return []
    found = []
    for check in report.body.get("checks", []):
        if check["grade"] == "GREEN":
            continue
        for sample in check["samples"]:
            stamp = sample.get("ts")
            if not stamp or sample.get("instrument", drawn["symbol"]) != drawn["symbol"]:
                continue
            if drawn["start"] <= stamp <= drawn["end"]:
                url = f"{base}quality/#check-{check['id'].replace('.', '-')}"
                found.append({"time": stamp, "grade": check["grade"], "title": check["title"], "url": url})
    return sorted(found, key=lambda one: one["time"])[:MARKERS]


def row_link(base: str, tab: str, sample: dict[str, Any], days: int = 1) -> str:
    """Return the address of a finding's moment in the preview, or in the chart with `days` around it; or nothing."""
    stamp = sample.get("ts")
    if not stamp:
        return ""
    asked = {"symbol": sample.get("instrument") or ""}
    if tab == "preview":
        return f"{base}preview/?{urlencode(asked | {'at': stamp})}"
    day = date.fromisoformat(stamp[:10])
    around = {"start": f"{day - timedelta(days)}T00:00:00Z", "end": f"{day + timedelta(days + 1)}T00:00:00Z"}
    return f"{base}chart/?{urlencode(asked | around)}"


def calendar(days: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the days as a calendar: {first, last, typical, cells: [state, rows] a day, expected, empty, closed}.

    A day is available, degraded (under half the typical) or missing. A weekend day without rows is benign when fewer
    than one weekend day in five has rows (`closed`): it is not expected, so it does not count as empty.
    """
    rows = {one["date"]: one["rows"] for one in days}
    first, last = date.fromisoformat(days[0]["date"]), date.fromisoformat(days[-1]["date"])
    typical = int(median(rows.values()))
    length = (last - first).days + 1
    dates = [first + timedelta(days=at) for at in range(length)]
    weekend = [day for day in dates if day.weekday() > 4]
    closed = sum(day.isoformat() in rows for day in weekend) * 5 < len(weekend)
    cells = [_cell(day, rows.get(day.isoformat(), 0), typical, closed) for day in dates]
    expected = sum(state != "benign" for state, _ in cells)
    return {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "typical": typical,
        "cells": cells,
        "expected": expected,
        "empty": expected - len(rows),
        "closed": closed,
    }


def _cell(day: date, rows: int, typical: int, closed: bool) -> list[Any]:
    if rows:
        return ["degraded" if rows * 2 < typical else "available", rows]
    return ["benign" if closed and day.weekday() > 4 else "missing", 0]


def months(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the calendar by month: {month, days, missing, rows, words}, newest last."""
    first = date.fromisoformat(found["first"])
    by_month: dict[str, dict[str, Any]] = {}
    for at, (state, rows) in enumerate(found["cells"]):
        day = first + timedelta(days=at)
        month = by_month.setdefault(f"{day:%Y-%m}", {"month": f"{day:%Y-%m}", "days": 0, "missing": [], "rows": 0})
        month["rows"] += rows
        month["days"] += bool(rows)
        if state == "missing":
            month["missing"].append(day)
    for month in by_month.values():
        gone = [f"{day:%d}" for day in month["missing"]]
        month["words"] = ", ".join(gone[:10]) + (f" and {len(gone) - 10} more" if len(gone) > 10 else "")
        month["rows_text"] = figures.number(month["rows"])
    return list(by_month.values())
