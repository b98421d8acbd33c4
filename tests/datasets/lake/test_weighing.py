"""What factors of another vendor's closes say: a split, another one, nothing, or that ours are wrong."""

from __future__ import annotations

import pytest

from datasets.lake.weighing import AGREES, CONTRADICTS, SILENT, weigh


def said(before, after, step, tolerance=3):
    told = weigh(before, after, step, tolerance)
    return told.says, told.ratio


@pytest.mark.parametrize(
    ("low", "high", "step", "ratio"),
    [
        (0.5, 1.0, 0.5, 2),
        (0.5, 1.0, 0.42, 2),  # the market fell as well
        (0.125, 0.25, 0.51, 2),  # later splits are taken out too
        (20, 1.0, 19.2, 1 / 20),  # a reverse one
        (1 / 1.5, 1.0, 0.66, 1.5),
        (0.4925, 0.98, 0.5, 2),  # dividends between
    ],
)
def test_a_factor_that_steps_by_a_simple_ratio_which_explains_the_prices_names_the_split(low, high, step, ratio):
    assert said([low] * 3, [high] * 3, step) == (AGREES, pytest.approx(ratio))


def test_one_session_from_it_on_is_enough_and_two_before_are_not():
    assert said([0.5] * 3, [1.0], 0.5) == (AGREES, 2)
    assert said([0.5] * 2, [1.0] * 3, 0.5)[0] == SILENT
    assert said([0.5] * 3, [], 0.5)[0] == SILENT


def test_raw_closes_say_nothing_for_they_step_alike_after_a_split_and_a_fall():
    assert said([1.0] * 3, [1.0] * 3, 0.5) == (SILENT, None)
    assert said([1.001, 0.999, 1.004], [1.0, 1.002, 0.997], 0.5) == (SILENT, None)


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        ([0.25] * 3, [0.25] * 3, 1),  # adjusted for a later split, and not for this
        ([1.0] * 3, [2.0] * 3, 1),  # no jump there: ours are wrong from here on
        ([0.25] * 3, [1.0] * 3, 4),
        ([1 / 3] * 3, [1.0] * 3, 3),
        ([1.0] * 3, [0.5] * 3, 0.5),
        ([1 / 1.85] * 3, [1.0] * 3, 1.85),  # explains the prices, and is no split that anybody makes
    ],
)
def test_another_step_or_none_contradicts(before, after, ratio):
    assert said(before, after, 0.5) == (CONTRADICTS, pytest.approx(ratio))


def test_one_wrong_bar_is_no_split():
    assert said([1.0, 1.0, 0.5], [1.0] * 3, 0.5) == (SILENT, None)
    assert said([0.5] * 3, [1.0, 1.3, 1.0], 0.5) == (SILENT, None)


def test_the_tolerance_is_the_settings():
    assert said([1 / 2.09] * 3, [1.0], 0.5)[0] == CONTRADICTS
    assert said([1 / 2.09] * 3, [1.0], 0.5, tolerance=5) == (AGREES, 2)
