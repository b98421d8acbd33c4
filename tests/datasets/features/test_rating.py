"""Each rule votes as the documented rating words it: what it takes to buy, what to sell, and else neither."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.features import rating


def series(*values):
    return np.array(values, dtype=float)


def test_an_average_below_the_price_votes_buy():
    votes = rating.of_average(series(10, 10, 10, 10), series(9, 11, 10, np.nan))
    assert votes[:3].tolist() == [1, -1, 0]
    assert np.isnan(votes[3])


@pytest.mark.parametrize(
    ("values", "wanted"),
    [((25, 28), 1), ((28, 25), 0), ((31, 35), 0), ((75, 72), -1), ((72, 75), 0), ((69, 60), 0), ((29, 31), 0)],
)
def test_an_extreme_votes_when_it_turns(values, wanted):
    assert rating._turning(series(*values), 30, 70)[-1] == wanted


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((-3, -1, 1), 1),  # crosses zero
        ((3, 2, 2.5), 1),  # a saucer above it
        ((2, 2.5, 3), 0),
        ((3, 1, -1), -1),
        ((-3, -2, -2.5), -1),
        ((-3, -2, -1), 0),
    ],
)
def test_the_awesome_oscillator_votes_on_crossings_and_saucers(values, wanted):
    assert rating._awesome(series(*values))[-1] == wanted


def test_the_cloud_votes_when_its_lines_stand_in_order():
    up = np.arange(1.0, 81)
    assert rating.ichimoku(up, up, up)[-1] == 1
    assert rating.ichimoku(up[::-1], up[::-1], up[::-1])[-1] == -1
    flat = np.full(80, 3.0)
    assert rating.ichimoku(flat, flat, flat)[-1] == 0
    assert np.isnan(rating.ichimoku(up, up, up)[:76]).all()


def test_a_trend_that_only_rises_is_bought_by_every_average():
    close = 100 * 1.01 ** np.arange(260)
    found = {f"sma_{n}": close - n for n in (10, 20, 30, 50, 100, 200)}
    found |= {f"ema_{n}": close - n for n in (10, 20, 30, 50, 100, 200)}
    found |= {"hull_9": close - 1, "vwma_20": close - 1}
    rated = rating.of_averages(found, close, close, close)
    assert np.isnan(rated[:199]).all()
    assert set(rated[199:]) == {1.0}


def test_the_votes_of_power_go_with_the_trend():
    bull, bear = series(3, 2), series(-2, -1)
    yes, no = np.array([True, True]), np.array([False, False])
    assert rating._power(bull, bear, yes, no)[-1] == 1
    assert rating._power(bull, bear, no, yes)[-1] == -1
    assert rating._power(bull, bear, no, no)[-1] == 0
