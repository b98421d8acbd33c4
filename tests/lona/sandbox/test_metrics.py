"""The metrics against empyrical-reloaded and by hand."""

from __future__ import annotations

import empyrical
import numpy as np
import pytest

from lona.sandbox import metrics


def curve(seed, bars=400, volatility=0.02):
    moves = np.random.default_rng(seed).normal(0.0003, volatility, bars)
    return 100_000.0 * np.cumprod(1 + moves)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("periods", [252, 365, 365 * 1440])
def test_figures_equal_those_of_empyrical(seed, periods):
    equity = curve(seed)
    returns = metrics.returns(equity, 100_000.0)
    assert metrics.sharpe_ratio(returns, periods) == pytest.approx(
        empyrical.sharpe_ratio(returns, annualization=periods)
    )
    assert metrics.max_drawdown(equity, 100_000.0) == pytest.approx(empyrical.max_drawdown(returns))
    assert metrics.total_return(equity, 100_000.0) == pytest.approx(empyrical.cum_returns_final(returns))


def test_a_drawdown_counts_from_the_initial_cash():
    equity = np.array([90.0, 95.0, 120.0, 60.0])
    assert metrics.drawdowns(equity, 100.0).tolist() == pytest.approx([-0.1, -0.05, 0.0, -0.5])
    assert metrics.max_drawdown(equity, 100.0) == pytest.approx(-0.5)


def test_a_curve_that_only_rises_has_no_drawdown():
    assert metrics.max_drawdown(np.array([100.0, 101.0]), 100.0) == 0.0


def test_sharpe_is_undefined_when_returns_do_not_vary():
    assert metrics.sharpe_ratio(np.zeros(10), 252) is None
    assert metrics.sharpe_ratio(np.array([0.1]), 252) is None


def test_returns_of_a_ruined_account_end_at_minus_one_then_zero():
    assert metrics.returns(np.array([50.0, 0.0, 0.0]), 100.0).tolist() == [-0.5, -1.0, 0.0]


def test_a_tie_is_no_win():
    assert metrics.win_rate([{"pnl": 1.0}, {"pnl": 0.0}, {"pnl": -1.0}, {"pnl": 2.0}]) == 0.5
    assert metrics.win_rate([]) == 0.0


def days(first, count, step_s=86400):
    return np.datetime64(first, "s") + np.arange(count) * np.timedelta64(step_s, "s")


@pytest.mark.parametrize(
    ("times", "frequency_s", "crypto", "periods"),
    [
        (days("2024-01-01", 5), 86400, False, 252.0),  # Monday to Friday
        (days("2024-01-01", 7), 86400, False, 365.0),  # with a weekend
        (days("2024-01-01", 5), 86400, True, 365.0),
        (days("2019-10-11", 1440, 60), 60, True, 525_600.0),  # a Friday of crypto
        (days("2024-01-02T14:30:00", 390, 60), 60, False, 252.0 * 390),
        (days("2024-01-02T14:30:00", 7, 3600), 3600, False, 252.0 * 7),
    ],
)
def test_a_year_is_counted_by_frequency_and_market_days(times, frequency_s, crypto, periods):
    assert metrics.periods_per_year(times, frequency_s, crypto) == periods


def test_a_long_timeline_keeps_its_ends_and_its_worst_bar():
    equity = curve(3, bars=10_000)
    points = metrics.timeline(days("2024-01-01", 10_000, 60), equity, 100_000.0, 100)
    assert len(points) <= 100
    assert points[0]["equity"] == equity[0]
    assert points[-1]["equity"] == equity[-1]
    assert min(point["drawdown"] for point in points) == metrics.max_drawdown(equity, 100_000.0)


def test_a_short_timeline_has_every_bar():
    points = metrics.timeline(days("2024-01-01", 3), np.array([100.0, 90.0, 110.0]), 100.0, 5000)
    assert points[1] == {"date": "2024-01-02T00:00:00Z", "equity": 90.0, "drawdown": pytest.approx(-0.1)}
    assert len(points) == 3
