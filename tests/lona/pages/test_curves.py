"""Figures drawn from an equity curve."""

from __future__ import annotations

import pytest

from lona.pages import curves


def points(*pairs):
    return [{"date": date, "value": value} for date, value in pairs]


def test_months_change_from_the_last_value_before_them():
    equity = points(("2023-12-30T00:00:00Z", 110.0), ("2024-01-31T00:00:00Z", 99.0), ("2024-03-01", 198.0))
    first, second = curves.monthly(equity, 100.0)
    assert (first.year, round(first.months[11], 9), round(first.total, 9)) == (2023, 10.0, 10.0)
    assert [round(value, 9) if value is not None else None for value in second.months[:3]] == [-10.0, None, 100.0]
    assert round(second.total, 9) == 80.0


def test_growth_of_a_few_days_is_not_told():
    assert curves.growth(100, 110, 29) is None
    assert curves.growth(100, 0, 400) is None
    assert curves.growth(100, 121, 731) == pytest.approx(10, abs=0.05)


def test_a_line_keeps_first_and_last_and_few_points():
    drawn = curves.line([float(n) for n in range(10_000)], 600, 120, 100).split()
    assert (len(drawn), drawn[0], drawn[-1]) == (100, "0.0,120.0", "600.0,0.0")
    assert curves.line([1.0]) == ""
    assert curves.line([5.0, 5.0]) == "0.0,120.0 600.0,120.0"


def test_days_without_bars_are_joined():
    found = curves.gaps([{"missing": ["2024-01-06", "2024-01-07"]}, {"missing": ["2024-01-07", "2024-01-10"]}])
    assert [(end - start) // 86_400 for start, end in found] == [2, 1]


def test_cover_is_over_all_inputs():
    assert curves.covered_pct([{"expectedDays": 5, "missingDays": 0}, {"expectedDays": 5, "missingDays": 1}]) == 90
    assert curves.covered_pct([]) is None


def test_the_table_has_the_last_point():
    picked = curves.sampled(points(*((f"d{n}", float(n)) for n in range(101))), [{"date": "d100", "pct": 2.0}], 10)
    assert len(picked) <= 11
    assert picked[-1] == {"date": "d100", "value": 100.0, "pct": 2.0}
