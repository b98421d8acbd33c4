"""Oscillators of bars: arrays of one length in, one value a bar out, NaN until the bars suffice.

Where nothing moved and a formula would divide by zero there is no value (NaN), but for the directional indicators,
which are 0 then.
"""

from __future__ import annotations

import numpy as np

from datasets.features.smoothing import (
    Array,
    exponential,
    highest,
    lowest,
    mean_deviation,
    ratio,
    shifted,
    simple,
    total,
    wilder,
)


def rsi(close: Array, n: int = 14) -> Array:
    """Return Wilder's relative strength index: 100 U / (U + D), Wilder averages of rises and falls."""
    change = close - shifted(close)
    up, down = wilder(np.maximum(change, 0), n), wilder(np.maximum(-change, 0), n)
    return 100 * ratio(up, up + down)


def directional(high: Array, low: Array, close: Array, n: int = 14) -> tuple[Array, Array, Array]:
    """Return Wilder's +DI, -DI and ADX; all three averages over n bars, the first bar only opens the second's range."""
    rise, fall = high - shifted(high), shifted(low) - low
    plus = np.where(np.isnan(rise), np.nan, np.where((rise > fall) & (rise > 0), rise, 0.0))
    minus = np.where(np.isnan(fall), np.nan, np.where((fall > rise) & (fall > 0), fall, 0.0))
    span = wilder(true_range(high, low, close), n)
    plus_di, minus_di = (100 * _or_zero(wilder(moved, n), span) for moved in (plus, minus))
    apart = 100 * _or_zero(np.abs(plus_di - minus_di), plus_di + minus_di)
    return plus_di, minus_di, wilder(apart, n)


def true_range(high: Array, low: Array, close: Array) -> Array:
    """Return the range of each bar and the close before it; NaN at the first bar, which has none before."""
    before = shifted(close)
    return np.maximum(high, before) - np.minimum(low, before)


def macd(close: Array) -> tuple[Array, Array]:
    """Return Appel's MACD, EMA(12) - EMA(26), and its signal, EMA(9) of it."""
    line = exponential(close, 12) - exponential(close, 26)
    return line, exponential(line, 9)


def stochastic(value: Array, high: Array, low: Array, n: int = 14, smooth: int = 3) -> tuple[Array, Array]:
    """Return Lane's %K, where the value stands between the lowest and the highest of n bars, smoothed, and %D."""
    bottom = lowest(low, n)
    k = simple(100 * ratio(value - bottom, highest(high, n) - bottom), smooth)
    return k, simple(k, smooth)


def awesome(high: Array, low: Array) -> Array:
    """Return Williams' awesome oscillator: SMA(5) - SMA(34) of the middle of each bar."""
    middle = (high + low) / 2
    return simple(middle, 5) - simple(middle, 34)


def channel(high: Array, low: Array, close: Array, n: int = 20) -> Array:
    """Return Lambert's commodity channel index: (T - SMA) / (0.015 mean deviation), T = (high + low + close) / 3."""
    typical = (high + low + close) / 3
    return ratio(typical - simple(typical, n), 0.015 * mean_deviation(typical, n))


def williams(high: Array, low: Array, close: Array, n: int = 14) -> Array:
    """Return Williams' %R: 100 (close - highest) / (highest - lowest), -100 to 0."""
    top = highest(high, n)
    return 100 * ratio(close - top, top - lowest(low, n))


def ultimate(high: Array, low: Array, close: Array) -> Array:
    """Return Williams' ultimate oscillator: buying pressure over true range, of 7, 14 and 28 bars at 4 : 2 : 1."""
    pressure, span = close - np.minimum(low, shifted(close)), true_range(high, low, close)
    short, middle, long = (ratio(total(pressure, n), total(span, n)) for n in (7, 14, 28))
    return 100 * (4 * short + 2 * middle + long) / 7


def _or_zero(above: Array, below: Array) -> Array:
    # a NaN here would stay in every average after it
    return np.where(below == 0, 0.0, ratio(above, below))
