"""Small drawings in text: a calendar of days by how much each holds, and the outline of a histogram."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date

LEVELS = "▁▂▃▄▅▆▇█"
EMPTY = "·"


def outline(counts: Sequence[int]) -> str:
    """Return one character per count, its height the part of the largest; a count of 0 is a space."""
    most = max(counts, default=0)
    return "".join(_level(count, most) if count else " " for count in counts)


def calendar(days: Mapping[str, int]) -> list[str]:
    """Return a line per month with a character per day: its height the part of the fullest day, `·` for none.

    `days` maps ISO dates to counts; days before the first and after the last are left blank.
    """
    if not days:
        return []
    held = {date.fromisoformat(day): count for day, count in days.items()}
    first, last, most = min(held), max(held), max(held.values())
    lines = []
    for year in range(first.year, last.year + 1):
        for month in range(1, 13):
            if (first.year, first.month) <= (year, month) <= (last.year, last.month):
                lines.append(_month(held, year, month, (first, last), most))
    return lines


def _month(held: Mapping[date, int], year: int, month: int, span: tuple[date, date], most: int) -> str:
    marks = ""
    for number in range(1, monthrange(year, month)[1] + 1):
        day = date(year, month, number)
        count = held.get(day, 0)
        marks += _level(count, most) if count else EMPTY if span[0] <= day <= span[1] else " "
    return f"{year}-{month:02}  {marks}".rstrip()


def _level(count: int, most: int) -> str:
    return LEVELS[max(0, -(-count * len(LEVELS) // most) - 1)]
