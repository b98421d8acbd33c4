"""Moves: the borders of each rule, and what is told apart."""

import numpy as np
import pytest

from datasets.market.intervals import DAY
from datasets.quality import thresholds
from datasets.quality.checks import moves
from tests.datasets.quality.checks import feed


def trades(price):
    price = np.asarray(price, dtype=np.float64)
    return feed.block({"price": price, "size": np.ones(len(price)), "side": np.ones(len(price))})


@pytest.mark.parametrize(
    ("before", "after", "toxic"),
    [(0.7, 4.2, 0), (0.1, 0.6, 0), (100, 600, 0), (100, 600.01, 1), (600, 100, 0), (4.2, 0.7, 0), (600.01, 100, 1)],
)
def test_toxic_is_strictly_more_than_500_percent_or_the_equal_fall(before, after, toxic):
    assert feed.counts(feed.look("trades", trades([before, after]))).get("moves.toxic", 0) == toxic


def test_the_limit_of_toxic_moves_is_a_setting():
    assert "moves.toxic" not in feed.look("trades", trades([1, 9]), toxic_up_pct=800)
    assert "moves.toxic" in feed.look("trades", trades([1, 9.1]), toxic_up_pct=800)


@pytest.mark.parametrize(("after", "large"), [(130, 0), (130.01, 1), (70, 0), (69.99, 1)])
def test_large_is_strictly_more_than_its_limit(after, large):
    assert feed.counts(feed.look("trades", trades([100, after]))).get("moves.large", 0) == large


def test_an_isolated_price_is_an_outlier_and_a_new_level_is_none():
    quiet = 100 + np.sin(np.arange(40)) * 0.1
    spike = quiet.copy()
    spike[20] = 60
    found = feed.look("trades", trades(spike))
    assert found["outliers.price"][:2] == (1, [(20, 20, 60.0)])
    assert found["moves.large"][0] == 2
    level = np.where(np.arange(40) < 20, quiet, quiet * 0.6)
    assert feed.counts(feed.look("trades", trades(level))) == {"moves.large": 1}


def test_moves_step_over_zero_and_negative_prices():
    found = feed.look("trades", trades([18.31, -36.98, 0, 8.91]))
    assert feed.counts(found) == {"values.negative_price": 1, "values.zero_price": 1, "moves.large": 1}


LIMITS = thresholds.resolve("standard")


@pytest.mark.parametrize(
    ("close", "opened", "volume", "usual", "expected"),
    [
        (101.25, 50.5, 17.5e6, 12e6, "2:1"),  # AAPL 2000-06-21
        (88.99, 44.68, 23e6, 40e6, "2:1"),  # AAPL 2005-02-28
        (53.5, 28.19, 132e6, 6e6, None),  # AAPL 2000-09-29, a true fall
        (100, 50, 60e6, 6e6, None),  # fits, but a burst of volume says news
        (10, 100, 10e6, 100e6, "1:10"),
        (30, 20, 10, 10, "3:2"),
        (30, 20, np.nan, np.nan, None),  # too common a ratio to go by without volumes
        (30, 10, np.nan, np.nan, "3:1"),
        (100, 80, 10, 10, None),
    ],
)
def test_splits_are_told_from_falls(close, opened, volume, usual, expected):
    found = moves.split_of(close, opened, volume, usual, LIMITS)
    assert (found or "None").startswith(f"{expected}")


def test_a_split_needs_a_night():
    ts = np.arange(30) * DAY
    closes = np.where(np.arange(30) < 15, 100.0, 50.0)
    assert "moves.split" in feed.look("bars", feed.bars(closes, ts), calendar="24/7")
    assert "moves.split" not in feed.look("bars", feed.bars(closes, ts // 1440), calendar="24/7")


def test_wicks_far_outside_the_body_are_named():
    low, high = np.full(5, 99.0), np.full(5, 101.0)
    low[2], high[4] = 0.1, 151
    found = feed.look("bars", feed.bars(np.full(5, 100.0), low=low, high=high))
    assert found["outliers.wick"][:2] == (2, [(2, 2, 0.1), (4, 4, 151.0)])
