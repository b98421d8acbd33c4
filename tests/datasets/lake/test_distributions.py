"""Distributions of changed rows: every row is counted once a side, returns go over row groups and not over files."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from datasets.lake import bins
from datasets.lake.distributions import Distributions
from datasets.market import tables
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY

BARS, TRADES = tables.find("crypto_bars_1d"), tables.find("trades")
NOTHING = np.empty(0, dtype=np.int64)


def bars(closes, **columns):
    return lake.daily(closes, **columns)


def told_of(found, name):
    return next(each for each in found.told() if each["name"] == name)


def only_bin(column):
    (one,) = bins.shown(column["measure"], column["fine"])["bins"]
    return one


def test_a_return_is_since_the_row_before_on_the_same_side():
    found = Distributions(BARS)
    found.begin()
    at = np.array([1])
    found.add(bars([100, 110, 90]), bars([100, 101, 90]), at, at)
    close = told_of(found, "close")
    held = {(one.start, one.before, one.after) for one in bins.shown("return", close["fine"])["bins"] if one.start}
    assert (0.01, 0, 1) in held
    assert (0.1, 1, 0) in held


def test_the_row_before_may_be_of_an_earlier_stretch_but_not_of_an_earlier_file():
    found, at = Distributions(BARS), np.array([0])
    found.begin()
    found.add(bars([100.0]), bars([100.0]), NOTHING, NOTHING)
    found.add(bars([110.0]), bars([]), at, NOTHING)
    found.begin()
    found.add(bars([121.0]), bars([121.0]), at, at)
    close = told_of(found, "close")
    assert (close["before"]["counted"], close["before"]["noReturn"]) == (1, 1)
    assert (close["after"]["counted"], close["after"]["noReturn"]) == (0, 1)
    assert only_bin(close).start == 0.1


@pytest.mark.parametrize("value", [None, math.nan, math.inf, 0.0, -5.0])
def test_what_is_no_number_is_counted_as_what_it_is(value):
    rows = bars([100.0, 100.0, 100.0]).set_column(
        5, BARS.names[5], pa.array([value] * 3, pa.float64())
    )  # volume, the same in all rows
    found, at = Distributions(BARS), np.arange(3)
    found.begin()
    found.add(rows, rows, at, at)
    volume = told_of(found, "volume")
    counts = {"counted": 0, "null": 0, "notFinite": 0, "noReturn": 0}
    kind = "null" if value is None else "counted" if math.isfinite(value) else "notFinite"
    assert volume["before"] == volume["after"] == counts | {kind: 3}
    assert sum(before for _, before, _ in volume["fine"]) == volume["before"]["counted"]


@pytest.mark.parametrize("base", [None, math.nan, math.inf, 0.0])
def test_a_price_after_one_that_is_none_has_no_return(base):
    closes = pa.array([base, 100.0], pa.float64())
    rows = bars([1.0, 100.0])
    rows = rows.set_column(4, BARS.names[4], closes)
    found, at = Distributions(BARS), np.array([1])
    found.begin()
    found.add(rows, rows, at, at)
    close = told_of(found, "close")
    assert close["before"] == {"counted": 0, "null": 0, "notFinite": 0, "noReturn": 1}


def test_prices_below_zero_move_in_the_direction_they_move_in():
    found, at = Distributions(BARS), np.array([1])
    found.begin()
    found.add(bars([-10.0, -5.0]), bars([-10.0, -15.0]), at, at)
    one, *_, other = bins.shown("return", told_of(found, "close")["fine"])["bins"]
    assert (one.end <= 0, one.after, other.start > 0, other.before) == (True, 1, True, 1)


def test_going_on_from_what_was_told_is_the_same_as_not_stopping():
    rng, whole, first = np.random.default_rng(7), Distributions(BARS), Distributions(BARS)
    parts = [(bars(rng.lognormal(4, 1, 50)), bars(rng.lognormal(4, 1, 50))) for _ in range(4)]
    at = np.arange(0, 50, 3)
    for number, (a, b) in enumerate(parts):
        if number == 2:
            first = Distributions(BARS, first.told())
        for each in (whole, first):
            each.begin()
            each.add(a, b, at, at)
    assert first.told() == whole.told()
    for column in whole.told():
        assert sum(column["before"].values()) == sum(column["after"].values()) == 4 * len(at)


def test_a_column_without_any_row_is_not_told_of():
    found = Distributions(TRADES)
    found.begin()
    empty = lake.shaped({"ts_event": np.array([MONDAY * DAY]).astype("datetime64[ns]"), "price": [1.0]}, "trades")
    found.add(empty, empty, NOTHING, NOTHING)
    assert found.told() == []
