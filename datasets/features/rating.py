"""Votes of averages and oscillators, -1 (sell), 0 or 1 (buy) a bar, and their means.

The rules are those of TradingView's help page "Technical Ratings" (tradingview.com/support/solutions/43000614331), as
it words them: what rises or crosses does so against the bar before. Three things the page leaves open are settled here:
the trend is up while the close is above its 50-bar exponential average and down while below, the leading lines of
Ichimoku's cloud are those drawn at the bar (of 25 bars before), and an oscillator without a value casts no vote.
"""

from __future__ import annotations

import numpy as np

from datasets.features.smoothing import Array, highest, lowest, shifted

SAME = 1e-12
FORWARD = 25  # the cloud stands 26 bars ahead, its own bar counted
MA_ROWS, OTHER_ROWS = 200, 50  # before these all voters have not been heard, and there is no rating


def of_average(close: Array, average: Array) -> Array:
    """Vote buy while the price is above the average, sell while below, neither where they are one but for rounding."""
    apart = np.abs(close - average) > SAME * np.abs(close)
    return vote((average < close) & apart, (average > close) & apart, average)


def ichimoku(high: Array, low: Array, close: Array) -> Array:
    """Vote buy when price > conversion (9) > base (26) > lead A > lead B (52), sell in the opposite order."""
    conversion, base, second = (_middle(high, low, n) for n in (9, 26, 52))
    # unmoved the first could never stand below the base line while the conversion line is above it: it is their middle
    first, second = shifted((conversion + base) / 2, FORWARD), shifted(second, FORWARD)
    buy = (first > second) & (base > first) & (conversion > base) & (close > conversion)
    sell = (first < second) & (base < first) & (conversion < base) & (close < conversion)
    return vote(buy, sell, second)


def of_averages(found: dict[str, Array], high: Array, low: Array, close: Array) -> Array:
    """Return the mean vote of six simple and six exponential averages, Hull's, the one by volume, and the cloud."""
    names = [name for name in found if name.startswith(("sma_", "ema_", "hull_", "vwma_"))]
    votes = [of_average(close, found[name]) for name in names]
    return _mean([*votes, ichimoku(high, low, close)], MA_ROWS)


def of_oscillators(found: dict[str, Array], close: Array) -> Array:
    """Return the mean vote of eleven oscillators; `found` holds them under the names of the table's columns."""
    up, down = close > found["ema_50"], close < found["ema_50"]
    votes = [
        _turning(found["rsi"], 30, 70),
        _stochastic(found["stoch_k"], found["stoch_d"]),
        _turning(found["cci"], -100, 100),
        _directional(found["adx"], found["plus_di"], found["minus_di"]),
        _awesome(found["ao"]),
        vote(rising(found["momentum"]), falling(found["momentum"]), shifted(found["momentum"])),
        vote(found["macd"] > found["macd_signal"], found["macd"] < found["macd_signal"], found["macd_signal"]),
        _stochastic_rsi(found["stoch_rsi_k"], found["stoch_rsi_d"], up, down),
        _turning(found["williams_r"], -80, -20),
        _power(found["bull_power"], found["bear_power"], up, down),
        vote(found["ultimate"] > 70, found["ultimate"] < 30, found["ultimate"]),
    ]
    return _mean(votes, OTHER_ROWS)


def vote(buy: Array, sell: Array, *needed: Array) -> Array:
    """Return 1, -1 or 0 a bar; NaN where something needed for it is NaN."""
    votes = buy.astype(float) - sell.astype(float)
    for each in needed:
        votes = np.where(np.isnan(each), np.nan, votes)
    return votes


def rising(values: Array) -> Array:
    """Tell where a value is above that of the bar before."""
    return values > shifted(values)


def falling(values: Array) -> Array:
    """Tell where a value is below that of the bar before."""
    return values < shifted(values)


def over(one: Array, other: Array) -> Array:
    """Tell where `one` comes to stand above `other`."""
    return (one > other) & (shifted(one) <= shifted(other))


def under(one: Array, other: Array) -> Array:
    """Tell where `one` comes to stand below `other`."""
    return (one < other) & (shifted(one) >= shifted(other))


def _middle(high: Array, low: Array, n: int) -> Array:
    return (highest(high, n) + lowest(low, n)) / 2


def _turning(values: Array, low: float, high: float) -> Array:
    return vote((values < low) & rising(values), (values > high) & falling(values), values, shifted(values))


def _stochastic(k: Array, d: Array) -> Array:
    return vote((k < 20) & over(k, d), (k > 80) & under(k, d), shifted(d), d)


def _directional(adx: Array, plus: Array, minus: Array) -> Array:
    return vote((adx > 20) & over(plus, minus), (adx > 20) & under(plus, minus), adx)


def _awesome(ao: Array) -> Array:
    zero, before = np.zeros(len(ao)), shifted(ao)
    # a saucer: on one side of zero, a step towards it and then one away
    up = (ao > 0) & (before > 0) & rising(ao) & falling(before)
    down = (ao < 0) & (before < 0) & falling(ao) & rising(before)
    return vote(up | over(ao, zero), down | under(ao, zero), shifted(ao, 2))


def _stochastic_rsi(k: Array, d: Array, up: Array, down: Array) -> Array:
    buy = down & (k < 20) & (d < 20) & over(k, d)
    sell = up & (k > 80) & (d > 80) & under(k, d)
    return vote(buy, sell, shifted(d), d)


def _power(bull: Array, bear: Array, up: Array, down: Array) -> Array:
    buy = up & (bear < 0) & rising(bear)
    sell = down & (bull > 0) & falling(bull)
    return vote(buy, sell, shifted(bear))


def _mean(votes: list[Array], first: int) -> Array:
    """Average the votes cast (NaN: none), in their order; NaN for the first rows."""
    said, count = np.zeros(len(votes[0])), np.zeros(len(votes[0]))
    for each in votes:
        said += np.nan_to_num(each)
        count += ~np.isnan(each)
    out = np.full(len(said), np.nan)
    np.divide(said, count, out=out, where=count > 0)
    out[: first - 1] = np.nan
    return out
