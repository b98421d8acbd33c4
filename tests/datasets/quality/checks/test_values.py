"""Values, times and quotes: each kind of impossible row is counted under its name."""

import numpy as np

from datasets.quality.checks.duplicates import EqualRows
from datasets.quality.checks.times import Order
from datasets.quality.result import Findings
from tests.datasets.quality.checks import feed

NAN = float("nan")


def test_impossible_bars_are_told_apart():
    whole = feed.block(
        {
            "open": [1, 1, 9, 1, 1],
            "high": [2, 1, 2, 2, 2],
            "low": [1, 2, 1, 1, 1],
            "close": [2, 1.5, 1, 0.5, 2],
            "volume": [1, 1, -1, 0, NAN],
        },
        np.arange(5) * 60_000_000_000,
    )
    found = feed.look("bars", whole, large_move_pct=1e6, outlier_step_pct=1e6, toxic_up_pct=1e6)
    assert feed.counts(found) == {
        "ohlc.high_low": 1,
        "ohlc.inside": 3,
        "volume.negative": 1,
        "volume.zero": 1,
        "values.sparse": 1,
        "outliers.wick": found["outliers.wick"][0],
    }


def test_a_volume_column_that_is_not_there_is_not_missing():
    assert feed.look("bars", feed.bars(np.ones(5), np.arange(5) * 60_000_000_000, np.full(5, NAN))) == {}


def test_crossed_and_locked_quotes_are_told_apart():
    sizes = np.ones(3)
    whole = feed.block({"bid": [1, 2, 3], "bid_size": sizes, "ask": [2, 2, 2.9], "ask_size": sizes})
    found = feed.look("quotes", whole, large_move_pct=1e6)
    assert feed.counts(found) == {"bbo.locked": 1, "bbo.crossed": 1}


def test_times_that_cannot_be_are_named():
    ts = [-5, 1_000_000_000, feed.LATEST_NS, feed.LATEST_NS + 1]
    whole = feed.block({"price": np.ones(4), "size": np.ones(4), "side": np.ones(4)}, ts)
    counts = feed.counts(feed.look("trades", whole, times=True))
    assert (counts["time.before_1970"], counts["time.year_1970"], counts["time.future"]) == (1, 1, 1)


def test_order_is_kept_per_instrument_over_borders():
    findings = Findings()
    order = Order(findings)
    names = ["A", "B"]
    order.push(np.array([0, 0, 1]), np.array([5, 6, 1]), np.array([0, 2, 1]), names)
    order.push(np.array([0, 1, 1]), np.array([5, 1, 0]), np.array([3, 4, 5]), names)
    found = [(sample.row, sample.instrument) for sample in findings["order.monotonic"].samples]
    assert (findings["order.monotonic"].count, found) == (2, [(3, "A"), (5, "B")])


def test_equal_rows_are_found_among_equal_times_over_borders():
    price = [1, 2, 1, 2, 1, 1]
    whole = feed.block({"price": price, "size": [1, 1, 1, NAN, 1, 1]}, [0, 0, 0, 0, 0, 1])
    for cut in range(7):
        findings = Findings()
        check = EqualRows(findings)
        for piece in feed.pieces(whole, [cut]):
            check.push(piece)
        assert [sample.row for sample in findings["duplicates.rows"].samples] == [2, 4]
