"""The simulator by hand-computed cases: fills, commission, leverage, ties, ends, several series."""

from __future__ import annotations

import numpy as np
import pytest

from lona.sandbox import simulation
from lona.sandbox.simulation import Bars, RunError, Terms

FREE = Terms(initial_cash=1000.0, commission=0.0, leverage=1.0, buy_on_close=True)


def bars_of(closes, opens=None, highs=None, lows=None, first="2024-01-01", data_id="d1"):
    close = np.array(closes, float)
    opens = close if opens is None else np.array(opens, float)
    highs = np.maximum(close, opens) if highs is None else np.array(highs, float)
    lows = np.minimum(close, opens) if lows is None else np.array(lows, float)
    times = np.datetime64(first, "s") + np.arange(len(close)) * np.timedelta64(86400, "s")
    return Bars(data_id, "TEST", times, opens, highs, lows, close)


def wanted(*values):
    return np.array(values, np.int8)


def test_a_fill_at_the_close_buys_on_the_bar_of_the_decision():
    account = simulation.run(bars_of([10, 12, 15]), wanted(1, 0, 0), FREE)
    assert account.equity.tolist() == [1000.0, 1200.0, 1500.0]
    assert account.trades[0]["entry_price"] == 10.0
    assert account.trades[0]["quantity"] == 100.0


def test_a_fill_at_the_open_buys_one_bar_later():
    terms = Terms(1000.0, 0.0, 1.0, buy_on_close=False)
    account = simulation.run(bars_of([10, 12, 15], opens=[9, 10, 13]), wanted(1, 0, 0), terms)
    assert account.equity.tolist() == [1000.0, 1200.0, 1500.0]
    assert account.trades[0]["entry_date"] == "2024-01-02T00:00:00Z"
    assert account.trades[0]["entry_price"] == 10.0


def test_an_exit_at_the_open_leaves_the_rest_of_that_bar_to_cash():
    terms = Terms(1000.0, 0.0, 1.0, buy_on_close=False)
    account = simulation.run(bars_of([10, 10, 12, 99], opens=[10, 10, 11, 12]), wanted(1, 0, -1, 0), terms)
    assert account.equity.tolist() == [1000.0, 1000.0, 1200.0, 1200.0]
    assert account.trades[0]["exit_price"] == 12.0
    assert account.trades[0]["exit_reason"] == "signal"


def test_a_decision_on_the_last_bar_has_no_fill_at_a_next_open():
    terms = Terms(1000.0, 0.0, 1.0, buy_on_close=False)
    account = simulation.run(bars_of([10, 11]), wanted(0, 1), terms)
    assert account.trades == []
    assert account.equity.tolist() == [1000.0, 1000.0]


def test_commission_is_paid_on_both_fills_out_of_the_account():
    # 1000 = notional * 1.01, so 990.099 of stock; twice the price, 1980.198, costs 19.80198 to sell.
    account = simulation.run(bars_of([10, 20]), wanted(1, -1), Terms(1000.0, 0.01, 1.0, True))
    notional = 1000 / 1.01
    assert account.trades[0]["commission"] == pytest.approx(0.01 * notional + 0.02 * notional)
    assert account.equity[0] == pytest.approx(notional)
    assert account.equity[1] == pytest.approx(2 * notional * 0.99)
    assert account.trades[0]["pnl"] == pytest.approx(2 * notional * 0.99 - 1000)


def test_leverage_multiplies_the_move():
    account = simulation.run(bars_of([10, 11, 9]), wanted(1, 0, 0), Terms(1000.0, 0.0, 2.0, True))
    assert account.equity.tolist() == [1000.0, 1200.0, 800.0]


def test_leverage_with_commission_spends_leverage_times_what_is_left():
    account = simulation.run(bars_of([10, 10]), wanted(1, 0), Terms(1000.0, 0.01, 3.0, True))
    notional = 3 * 1000 / 1.03
    assert account.trades[0]["quantity"] == pytest.approx(notional / 10)
    assert account.equity[0] == pytest.approx(1000 - 0.01 * notional)


def test_a_ruined_account_is_closed_at_that_close_and_stays_at_zero():
    account = simulation.run(bars_of([10, 4, 30, 40]), wanted(1, 0, -1, 1), Terms(1000.0, 0.001, 2.0, True))
    assert account.equity[1:].tolist() == [0.0, 0.0, 0.0]
    assert [trade["exit_reason"] for trade in account.trades] == ["liquidated"]
    assert account.trades[0]["pnl"] == -1000.0
    assert account.trades[0]["return"] == -1.0


def test_an_open_position_is_closed_at_the_last_close_with_commission():
    account = simulation.run(bars_of([10, 20]), wanted(1, 0), Terms(1000.0, 0.01, 1.0, True))
    assert account.trades[0]["exit_reason"] == "end_of_data"
    assert account.equity[-1] == pytest.approx(2 * 1000 / 1.01 * 0.99)


def test_a_second_wish_for_the_same_side_changes_nothing():
    account = simulation.run(bars_of([10, 12, 15]), wanted(1, 1, 1), FREE)
    assert len(account.trades) == 1
    assert simulation.run(bars_of([10, 12]), wanted(-1, -1), FREE).trades == []


def test_a_run_refuses_no_bars_and_prices_it_cannot_buy_at():
    with pytest.raises(RunError, match="no bars of TEST"):
        simulation.run(bars_of([]), wanted(), FREE)
    with pytest.raises(RunError, match="cannot buy at -36"):
        simulation.run(bars_of([-36.98, 10]), wanted(1, 0), FREE)


def test_buy_and_hold_wants_the_first_bar():
    assert simulation.decisions("buy_and_hold", {}, bars_of([1, 2, 3])).tolist() == [1, 0, 0]


def test_sma_cross_decides_where_the_averages_cross():
    # fast(1) = close, slow(3): averages 2, 2, 3, 3.67, 3; crosses above at 6 -> wait for a bar that has both before.
    closes = [3, 2, 1, 6, 4, 1]
    assert simulation.decisions("sma_cross", {"fast": 1, "slow": 3}, bars_of(closes)).tolist() == [0, 0, 0, 1, 0, -1]


def test_sma_cross_does_not_decide_on_a_touch():
    # slow(2) of the flat middle equals fast(1): up, touch, up again must not sell.
    closes = [3, 2, 4, 4, 5]
    assert simulation.decisions("sma_cross", {"fast": 1, "slow": 2}, bars_of(closes)).tolist() == [0, 0, 1, 0, 1]


def test_sma_cross_sees_no_crossing_in_the_noise_of_equal_prices():
    decided = simulation.decisions("sma_cross", {"fast": 3, "slow": 7}, bars_of([0.1] * 500))
    assert not decided.any()


def test_sma_cross_needs_more_bars_than_its_slow_window():
    assert not simulation.decisions("sma_cross", {"fast": 1, "slow": 3}, bars_of([1, 2, 3])).any()


def test_breakout_takes_only_closes_beyond_the_channel_before():
    bars = bars_of([5, 5, 6, 7, 4, 3], highs=[6, 6, 6, 7, 7, 7], lows=[4, 4, 5, 5, 4, 3])
    # Bar 2 touches the high 6: no break. Bar 3 closes above 6, bar 4 below the low 5.
    assert simulation.decisions("breakout", {"lookback": 2}, bars).tolist() == [0, 0, 0, 1, -1, -1]


def test_rolling_windows_are_the_same_across_their_chunks():
    closes = np.random.default_rng(7).normal(100, 1, simulation._CHUNK + 500)
    rolled = simulation._rolled(np.mean, closes, 20)
    assert len(rolled) == len(closes) - 19
    assert rolled[simulation._CHUNK] == pytest.approx(closes[simulation._CHUNK : simulation._CHUNK + 20].mean())


def test_several_series_share_the_cash_and_keep_their_last_equity_between_bars():
    early, late = bars_of([10, 20], data_id="a"), bars_of([10, 30], first="2024-01-02", data_id="b")
    half = Terms(500.0, 0.0, 1.0, True)
    accounts = [simulation.run(bars, wanted(1, 0), half) for bars in (early, late)]
    times, equity = simulation.combined([early, late], accounts, 500.0)
    assert times.astype(str).tolist() == ["2024-01-01T00:00:00", "2024-01-02T00:00:00", "2024-01-03T00:00:00"]
    assert equity.tolist() == [1000.0, 1500.0, 2500.0]
