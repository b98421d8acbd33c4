"""The arithmetic of the matrix and each rule at its edge."""

import numpy as np
import pytest

from datasets.selector import returns
from datasets.selector.returns import Series
from datasets.selector.rules import Rules


def series(name: str, days, values=None) -> Series:
    days = np.array(days, dtype=np.int64)
    return Series(name, days, np.arange(len(days)) / 100 if values is None else np.array(values, dtype=float))


def test_a_return_is_over_the_close_before_whatever_lies_between():
    made = returns.of_closes("X:A", np.array([10, 11, 15]), np.array([100.0, 110, 99]), {})
    assert made.days.tolist() == [11, 15]
    assert made.values == pytest.approx([0.1, -0.1])


@pytest.mark.parametrize(
    ("day", "expected"), [(10, [0.5, 1.0]), (11, [2.0, 1.0]), (12, [0.5, 3.0]), (13, [0.5, 3.0]), (14, [0.5, 1.0])]
)
def test_a_split_is_taken_out_of_the_return_over_its_date(day, expected):
    # 100, 150, 300 on days 10, 11, 13: returns 0.5 and 1.0; two new shares for one old double the step they fall into
    made = returns.of_closes("X:A", np.array([10, 11, 13]), np.array([100.0, 150, 300]), {day: 2.0})
    assert made.values == pytest.approx(expected)


def test_days_are_counted_and_the_floor_itself_is_enough():
    assert returns.judged(series("X:A", range(60)), Rules()) is None
    drop = returns.judged(series("X:A", range(59)), Rules())
    assert (drop["reason"], drop["measured"], drop["limit"]) == ("TOO_FEW_DAYS", 59, 60)


@pytest.mark.parametrize(
    ("values", "dropped"), [([0.0] * 60, True), ([0.01] * 60, True), ([0.01] * 59 + [0.01 + 2e-12], False)]
)
def test_returns_that_are_all_the_same_have_no_variance(values, dropped):
    drop = returns.judged(series("X:A", range(60), values), Rules())
    assert (drop is not None and drop["reason"] == "ZERO_VARIANCE") is dropped


def test_missing_is_measured_against_the_dates_of_all_that_passed():
    full, most, few = series("X:A", range(100)), series("X:B", range(10, 100)), series("X:C", range(11, 100))
    kept, drops = returns.complete_enough([full, most, few], Rules())
    assert [each.name for each in kept] == ["X:A", "X:B"]
    assert [(each["candidate"], each["reason"], each["measured"]) for each in drops] == [
        ("X:C", "TOO_MANY_MISSING", 11.0)
    ]


def test_nobody_passing_is_an_answer():
    assert returns.complete_enough([], Rules()) == ([], [])


@pytest.mark.parametrize(
    ("day", "splits", "open_"),
    [(12, {}, [12]), (12, {12: 2.0}, []), (12, {12: 0.5}, [12]), (12, {11: 2.0}, [12]), (11, {}, []), (10, {}, [])],
)
def test_a_suspected_split_is_explained_by_one_of_its_date_that_fits(day, splits, open_):
    days, closes = np.array([10, 11, 12, 13]), np.array([100.0, 101, 50, 51])
    assert returns.unexplained(days, closes, splits, [day]) == open_
