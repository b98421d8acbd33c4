"""Figures of an equity curve, as fractions, with the definitions of empyrical (which the tests compare with).

The curve starts at `initial_cash`; returns are simple returns from bar to bar, the first from the initial cash.
Annualisation: see `periods_per_year`.
"""

from __future__ import annotations

import numpy as np

DAY_S = 86_400


def returns(equity: np.ndarray, initial_cash: float) -> np.ndarray:
    """Return r_t = E_t / E_(t-1) - 1 per bar, E_(-1) = initial cash; 0 once the account is at zero."""
    before = np.concatenate(([initial_cash], equity[:-1]))
    return np.divide(equity, before, out=np.ones_like(equity), where=before > 0) - 1.0


def drawdowns(equity: np.ndarray, initial_cash: float) -> np.ndarray:
    """Return E_t / max(initial cash, E_0 .. E_t) - 1 per bar: zero or negative."""
    return equity / np.maximum.accumulate(np.maximum(equity, initial_cash)) - 1.0


def total_return(equity: np.ndarray, initial_cash: float) -> float:
    """Return E_end / initial cash - 1."""
    return float(equity[-1] / initial_cash - 1.0)


def max_drawdown(equity: np.ndarray, initial_cash: float) -> float:
    """Return the smallest drawdown, negative (or 0): empyrical.max_drawdown."""
    return float(drawdowns(equity, initial_cash).min())


def sharpe_ratio(bar_returns: np.ndarray, periods: float) -> float | None:
    """Return mean(r) / std(r, ddof=1) * sqrt(periods), risk-free rate 0; None when returns do not vary.

    Sharpe, "The Sharpe Ratio" (1994); empyrical.sharpe_ratio with annualization = periods.
    """
    if len(bar_returns) < 2 or float(np.ptp(bar_returns)) == 0.0:
        return None
    return float(bar_returns.mean() / bar_returns.std(ddof=1) * np.sqrt(periods))


def win_rate(trades: list[dict[str, object]]) -> float:
    """Return the share of trades with pnl > 0 after commission (a tie is no win); 0 without trades."""
    return sum(1 for trade in trades if float(str(trade["pnl"])) > 0) / len(trades) if trades else 0.0


def periods_per_year(times: np.ndarray, frequency_s: int, crypto: bool) -> float:
    """Return how many bars make a year, by the bar frequency and the days the market keeps.

    A market around the clock (asset class crypto, or any bar on a Saturday or Sunday, UTC): 365 days of
    86400 / frequency bars. Any other: 252 days, of one bar when daily, else of the median number of bars a date has.
    """
    days = times.astype("datetime64[D]").astype(np.int64)
    if crypto or bool(((days + 3) % 7 >= 5).any()):  # day 0 was a Thursday
        return 365.0 * DAY_S / frequency_s
    if frequency_s >= DAY_S:
        return 252.0
    return 252.0 * float(np.median(np.unique(days, return_counts=True)[1]))


def total_stats(
    equity: np.ndarray, trades: list[dict[str, object]], initial_cash: float, periods: float
) -> dict[str, object]:
    """Return Lona's `total_stats`, all fractions; sharpe_ratio may be None."""
    return {
        "total_return": total_return(equity, initial_cash),
        "sharpe_ratio": sharpe_ratio(returns(equity, initial_cash), periods),
        "max_drawdown": max_drawdown(equity, initial_cash),
        "total_trades": len(trades),
        "win_rate": win_rate(trades),
    }


def timeline(times: np.ndarray, equity: np.ndarray, initial_cash: float, most: int) -> list[dict[str, object]]:
    """Return [{date, equity, drawdown}] of at most `most` (>= 3) evenly spread bars, with first, last and worst."""
    depth = drawdowns(equity, initial_cash)
    picked = np.arange(len(times))
    if len(times) > most:
        spread = np.linspace(0, len(times) - 1, max(2, most - 1)).round().astype(np.int64)
        picked = np.unique(np.append(spread, depth.argmin()))
    dates = np.datetime_as_string(times[picked], unit="s")
    points = zip(dates.tolist(), equity[picked].tolist(), depth[picked].tolist(), strict=True)
    return [{"date": f"{date}Z", "equity": worth, "drawdown": down} for date, worth, down in points]
