"""Bins of distributions: fixed edges, exact counts whatever the numbers, never more bins than can be read."""

from __future__ import annotations

import bisect
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.lake import bins
from datasets.market import tables

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=40)
RETURNS = st.lists(st.floats(-2, 2), max_size=60)


def counted(before, after):
    """Count in fine bins as a child does."""
    held: dict[int, list[int]] = {}
    for side, numbers in enumerate((before, after)):
        for number in numbers:
            held.setdefault(bisect.bisect_right(bins.EDGES, number), [0, 0])[side] += 1
    return [[at, *counts] for at, counts in sorted(held.items())]


def inside(one, number):
    return (one.start is None or one.start <= number) and (one.end is None or number < one.end)


@pytest.mark.parametrize("measure", [bins.RETURN, bins.VALUE])
@given(st.one_of(NUMBERS, RETURNS), st.one_of(NUMBERS, RETURNS))
def test_each_bin_has_exactly_what_lies_in_it_and_all_of_them_have_everything(measure, before, after):
    found = bins.shown(measure, counted(before, after))["bins"]
    for one in found:
        assert one.before == sum(inside(one, number) for number in before)
        assert one.after == sum(inside(one, number) for number in after)
    assert sum(one.before for one in found) == len(before)
    assert sum(one.after for one in found) == len(after)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert len(found) <= (2 * bins.REACH + 2 if measure == bins.RETURN else 70)
    if found:
        assert found[0].before + found[0].after
        assert found[-1].before + found[-1].after


def test_edges_are_the_decimals_that_they_are_said_to_be():
    assert list(bins.EDGES) == sorted(set(bins.EDGES))
    assert {0.0, 1.0, 1.1, -1.1, 0.015, 9.9, 1e-12, -9.9e15} <= set(bins.EDGES)


def test_returns_have_bins_of_one_width_and_rare_ones_do_not_widen_them():
    numbers = [number / 1000 for number in range(-15, 16)] * 10
    told = bins.shown(bins.RETURN, counted(numbers, [*numbers, 5.0]))
    assert told["width"] == 0.001
    assert {round(one.end - one.start, 12) for one in told["bins"] if one.end} == {0.001}
    assert told["bins"][-1] == bins.Bin(0.02, None, 0, 1)


def test_values_have_the_finest_steps_that_can_be_read():
    near = bins.shown(bins.VALUE, counted([1500.0] * 3, [1500.0, 1999.0]))
    assert (near["scale"], near["width"]) == ("logarithmic", None)
    assert [(one.start, one.end) for one in near["bins"]] == [(n * 100.0, n * 100.0 + 100) for n in range(15, 20)]
    far = bins.shown(bins.VALUE, counted([0.0, 1.0, 1e9], [-3.0]))["bins"]
    assert [(one.start, one.end) for one in far][:2] == [(-10.0, -1.0), (0.0, 1e-12)]
    assert all(math.log10(one.end / one.start) == pytest.approx(1) for one in far[2:])


@pytest.mark.parametrize("measure", [bins.RETURN, bins.VALUE])
def test_nothing_has_no_bins_and_what_is_constant_has_one(measure):
    assert bins.shown(measure, [])["bins"] == []
    told = bins.shown(measure, counted([0.0] * 5, [0.0] * 7))
    assert [(one.start, one.before, one.after) for one in told["bins"]] == [(0.0, 5, 7)]


def test_what_is_counted_of_a_column_is_said_by_its_unit():
    assert bins.measures(tables.find("crypto_bars_1m")) == {
        **dict.fromkeys(("open", "high", "low", "close"), bins.RETURN),
        **dict.fromkeys(("volume", "trades"), bins.VALUE),
    }
    assert bins.measures(tables.find("trades")) == {"price": bins.RETURN, "size": bins.VALUE}
    assert bins.measures(tables.find("quotes"))["ask"] == bins.RETURN
    assert set(bins.measures(tables.find("book")).values()) == {bins.VALUE}
    assert bins.measures(tables.find("corporate_actions")) == {"value": bins.VALUE}
