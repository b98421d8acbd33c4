"""Daily technicals of one instrument: bars in, the columns of `features_tv_technicals_1d` out, a row a bar.

Row t depends on bars and corporate actions up to t alone. Bars are made comparable from the first one on (see `Bars`),
and what is measured in prices is given in the raw prices of row t's own day: a later split or dividend changes no row
before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from datasets.features import oscillators, rating
from datasets.features.smoothing import Array, deviation, exponential, hull, ratio, shifted, simple, total
from datasets.market import feature_tables

NAMES = tuple(name for name, _, _ in feature_tables.TECHNICALS)
WARM_UP = rating.MA_ROWS  # bars until every column has a value but perf_year and perf_ytd, which go by dates
NEAR_DAYS = 10  # an older close does not stand for a date


@dataclass(frozen=True)
class Bars:
    """Raw bars of one instrument in order: `days` as int64 since 1970, the rest float64, `volume` NaN where unknown.

    `factor` x price and `volume_factor` x volume are comparable over the whole series. Each may depend on what took
    effect up to its own row alone: 1 at the first row, and at an ex-date divided by that action's step.
    """

    days: Array
    high: Array
    low: Array
    close: Array
    volume: Array
    factor: Array
    volume_factor: Array


def compute(bars: Bars) -> dict[str, Array]:
    """Return every column by name, in the table's order, NaN where there is no value."""
    close, high, low = (each * bars.factor for each in (bars.close, bars.high, bars.low))
    found = _averages(close, bars.volume * bars.volume_factor) | _oscillators(high, low, close)
    found["recommend_ma"] = rating.of_averages(found, high, low, close)
    found["recommend_other"] = rating.of_oscillators(found, close)
    found["recommend_all"] = (found["recommend_ma"] + found["recommend_other"]) / 2
    found["volatility"] = deviation(_returns(close), 20)
    found |= performance(bars.days, close)
    levels = {name for name, unit, _ in feature_tables.TECHNICALS if unit == "quote"}
    return {name: found[name] / bars.factor if name in levels else found[name] for name in NAMES}


def performance(days: Array, close: Array) -> dict[str, Array]:
    """Return how the close stands to the last one at or before a date, as a fraction.

    NaN when there is none within ten days before that date, or it is zero or below.
    """
    dates = days.astype("datetime64[D]")
    anchors = {
        "perf_week": days - 7,
        "perf_month": _months_before(dates, 1),
        "perf_quarter": _months_before(dates, 3),
        "perf_year": _months_before(dates, 12),
        "perf_ytd": dates.astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64) - 1,
    }
    return {name: _against(days, close, anchor) for name, anchor in anchors.items()}


def _averages(close: Array, volume: Array) -> dict[str, Array]:
    found = {f"sma_{n}": simple(close, n) for n in feature_tables.AVERAGES}
    found |= {f"ema_{n}": exponential(close, n) for n in feature_tables.AVERAGES}
    found["hull_9"] = hull(close, 9)
    found["vwma_20"] = ratio(total(close * volume, 20), total(volume, 20))
    return found


def _oscillators(high: Array, low: Array, close: Array) -> dict[str, Array]:
    plus, minus, adx = oscillators.directional(high, low, close)
    strength = oscillators.rsi(close)
    mean = exponential(close, 13)
    named = {
        ("macd", "macd_signal"): oscillators.macd(close),
        ("stoch_k", "stoch_d"): oscillators.stochastic(close, high, low),
        ("stoch_rsi_k", "stoch_rsi_d"): oscillators.stochastic(strength, strength, strength),
    }
    return {
        **{name: values for names, pair in named.items() for name, values in zip(names, pair, strict=True)},
        "rsi": strength,
        "adx": adx,
        "plus_di": plus,
        "minus_di": minus,
        "ao": oscillators.awesome(high, low),
        "cci": oscillators.channel(high, low, close),
        "momentum": close - shifted(close, 10),
        "williams_r": oscillators.williams(high, low, close),
        "bull_power": high - mean,
        "bear_power": low - mean,
        "ultimate": oscillators.ultimate(high, low, close),
    }


def _returns(close: Array) -> Array:
    # one by one: a vectorised logarithm may differ in its last bit with the place of a value in the array
    logs = np.array([math.log(each) if each > 0 else math.nan for each in close.tolist()], dtype=float)
    return logs - shifted(logs)


def _months_before(dates: Array, months: int) -> Array:
    """Return the same day of an earlier month, its last one where it has no such day."""
    month = dates.astype("datetime64[M]")
    into = dates - month.astype("datetime64[D]")
    wanted = (month - months).astype("datetime64[D]") + into
    last = (month - months + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    return np.minimum(wanted, last).astype(np.int64)


def _against(days: Array, close: Array, anchor: Array) -> Array:
    at = np.searchsorted(days, anchor, side="right") - 1
    held = np.maximum(at, 0)
    near = (at >= 0) & (days[held] >= anchor - NEAR_DAYS) & (close[held] > 0)
    out = np.full(len(close), np.nan)
    np.divide(close, close[held], out=out, where=near)
    return out - 1
