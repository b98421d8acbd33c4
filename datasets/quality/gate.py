"""The gate: from measures and limits to grades, one verdict and a score. Numbers in, words out.

A measure above its red limit (strictly) is RED, above its amber limit AMBER, else GREEN; the verdict is the worst
grade.
"""

from __future__ import annotations

from collections.abc import Iterable

from datasets.quality.result import AMBER, GREEN, RED

SCORE_FORMULA = "100 - 30 for each RED check - 5 for each AMBER check, not below 0; at most 49 when any check is RED"


def grade(measured: float, amber: float | None, red: float | None) -> str:
    """Return the grade of a measure; a limit of None is never passed."""
    if red is not None and measured > red:
        return RED
    return AMBER if amber is not None and measured > amber else GREEN


def verdict(grades: Iterable[str]) -> str:
    """Return the worst of the grades, GREEN of none."""
    grades = set(grades)
    return RED if RED in grades else AMBER if AMBER in grades else GREEN


def score(grades: Iterable[str]) -> int:
    """Return the score by SCORE_FORMULA."""
    grades = list(grades)
    points = max(0, 100 - 30 * grades.count(RED) - 5 * grades.count(AMBER))
    return min(points, 49) if RED in grades else points
