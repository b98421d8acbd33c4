"""Figures drawn from an equity curve [pure]: months, yearly growth, a line to draw, days without bars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

Point = dict[str, Any]
DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Year:
    """Percent of each month (None without a point) and of the year."""

    year: int
    months: list[float | None]
    total: float


def monthly(equity: list[Point], initial_cash: float) -> list[Year]:
    """Return the change of each calendar month in percent, from the last value before it; the first from the cash."""
    ends: dict[tuple[int, int], float] = {}
    for point in equity:
        when = str(point["date"])
        ends[int(when[:4]), int(when[5:7])] = point["value"]
    years: dict[int, list[float | None]] = {}
    totals: dict[int, float] = {}
    before, year_began = initial_cash, initial_cash
    for (year, month), value in sorted(ends.items()):
        if year not in years:
            years[year], year_began = [None] * 12, before
        years[year][month - 1] = _change(before, value)
        totals[year] = _change(year_began, value)
        before = value
    return [Year(year, months, totals[year]) for year, months in years.items()]


def growth(initial_cash: float, final: float, days: int) -> float | None:
    """Return the yearly growth in percent; None for less than thirty days, where it would mislead."""
    if days < 30 or initial_cash <= 0 or final <= 0:
        return None
    return 100 * ((final / initial_cash) ** (DAYS_A_YEAR / days) - 1)


def line(values: list[float], width: int = 600, height: int = 120, most: int = 240) -> str:
    """Return the points of an SVG polyline through at most `most` values, evenly picked, first and last kept."""
    if len(values) > most:
        step = (len(values) - 1) / (most - 1)
        values = [values[round(n * step)] for n in range(most)]
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    across = width / (len(values) - 1)
    return " ".join(f"{n * across:.1f},{height - (value - low) / span * height:.1f}" for n, value in enumerate(values))


def sampled(equity: list[Point], drawdown: list[Point], most: int = 60) -> list[Point]:
    """Return at most `most` points {date, value, pct}, evenly picked, for the table beside the chart."""
    falls = {point["date"]: point["pct"] for point in drawdown}
    step = max(1, -(-len(equity) // most))
    picked = equity[::step]
    if equity and picked[-1] is not equity[-1]:
        picked = [*picked, equity[-1]]
    return [{**point, "pct": falls.get(point["date"])} for point in picked]


def drawable(equity: list[Point], drawdown: list[Point], coverage: list[dict[str, Any]]) -> dict[str, Any]:
    """Return {t (s), equity, drawdown (percent, negative), gaps [[from, to] s]} for the chart in the browser."""
    falls = {point["date"]: point["pct"] for point in drawdown}
    times = [_epoch(point["date"]) for point in equity]
    down = [None if (pct := falls.get(point["date"])) is None else -pct for point in equity]
    return {"t": times, "equity": [point["value"] for point in equity], "drawdown": down, "gaps": gaps(coverage)}


def gaps(coverage: list[dict[str, Any]]) -> list[list[int]]:
    """Return the days that any input had no bars for, joined: [[from, to]] in epoch seconds, half-open."""
    days = sorted({day for one in coverage for day in one.get("missing", [])})
    found: list[list[int]] = []
    for day in days:
        start = _epoch(day)
        if found and found[-1][1] == start:
            found[-1][1] = start + 86_400
        else:
            found.append([start, start + 86_400])
    return found


def covered_pct(coverage: list[dict[str, Any]]) -> float | None:
    """Return the share of expected days that had bars, in percent, over all inputs."""
    expected = sum(one.get("expectedDays") or 0 for one in coverage)
    missing = sum(one.get("missingDays") or 0 for one in coverage)
    return 100 * (expected - missing) / expected if expected else None


def span_days(first: date, last: date) -> int:
    """Return how many days a run covers, both ends counted."""
    return (last - first).days + 1


def _epoch(text: str) -> int:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(moment.timestamp()) if moment.tzinfo else int(moment.replace(tzinfo=UTC).timestamp())


def _change(before: float, after: float) -> float:
    return 100 * (after / before - 1) if before else 0.0
