"""How much of a range of days a slice has bars for, by a calendar [pure; runs in the capped child].

Judged by UTC day: bars inside a day may be absent because nothing traded. Without a named calendar, data with weekend
bars is taken as 24/7; else only weekdays are expected and up to three days in a row may be holidays.
"""

from datetime import date, timedelta
from typing import Any

from datasets.market import calendars
from lona.adapter.digest import Emit
from lona.adapter.slices import DAY_NS, survey

HOLIDAYS_IN_A_ROW = 3
SHOWN = 50


def measure(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Count bars and days of [start_ns, end_ns).

    Answers {rows, firstNs, lastNs, calendar, expectedDays, daysWithBars, missingDays, missing}: `missing` lists
    expected days without a bar (the first 50), `missingDays` counts all of them.
    """
    found = survey(params)
    days = {date.fromisoformat(text) for text in found.pop("days")}
    wanted = _days(params["start_ns"], params["end_ns"])
    calendar, expected = _expected(params.get("calendar"), wanted, days, params)
    missing = sorted(expected - days)
    if calendar == "weekdays":
        missing = _long_runs(missing, expected)
    return {
        **found,
        "calendar": calendar,
        "expectedDays": len(expected),
        "daysWithBars": len(days),
        "missingDays": len(missing),
        "missing": [day.isoformat() for day in missing[:SHOWN]],
    }


def _days(start_ns: int, end_ns: int) -> list[date]:
    first, after = start_ns // DAY_NS, -(-end_ns // DAY_NS)
    return [date(1970, 1, 1) + timedelta(days=number) for number in range(first, after)]


def _expected(name: str | None, wanted: list[date], days: set[date], params: dict[str, Any]) -> tuple[str, set[date]]:
    if name and name != calendars.CONTINUOUS:
        held = calendars.sessions(name, params["start_ns"], params["end_ns"])
        return name, {date(1970, 1, 1) + timedelta(days=int(label) // DAY_NS) for label in held.label_ns}
    if name or any(day.weekday() >= 5 for day in days) or len(wanted) <= 1:
        return calendars.CONTINUOUS, set(wanted)
    return "weekdays", {day for day in wanted if day.weekday() < 5}


def _long_runs(missing: list[date], expected: set[date]) -> list[date]:
    """Keep the days of runs longer than holidays are; neighbours are consecutive expected days."""
    order = {day: place for place, day in enumerate(sorted(expected))}
    runs: list[list[date]] = []
    for day in missing:
        if runs and order[day] == order[runs[-1][-1]] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [day for run in runs if len(run) > HOLIDAYS_IN_A_ROW for day in run]


def measure_all(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Measure several `parts` (each as `measure` takes it): {parts: [...]}, in order."""
    return {"parts": [measure(part, emit) for part in params["parts"]]}
