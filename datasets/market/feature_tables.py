"""Columns of the tables that features fill: (name, unit, what it is), all float64 and null until they can be known.

Prices and what is measured in prices (averages, MACD, momentum) are in the prices of the row's own day. Formulas and
their sources stand in `datasets.features`. `tables` makes tables of them.
"""

from __future__ import annotations

AVERAGES = (10, 20, 30, 50, 100, 200)

TECHNICALS: tuple[tuple[str, str, str], ...] = (
    ("rsi", "0 to 100", "relative strength index, 14 bars, Wilder"),
    ("adx", "0 to 100", "average directional index, 14 bars, Wilder"),
    ("plus_di", "0 to 100", "directional indicator upwards, 14 bars, Wilder"),
    ("minus_di", "0 to 100", "directional indicator downwards, 14 bars, Wilder"),
    ("macd", "quote", "12-bar less 26-bar exponential average of the close"),
    ("macd_signal", "quote", "9-bar exponential average of macd"),
    ("stoch_k", "0 to 100", "stochastic %K, 14 bars, smoothed over 3"),
    ("stoch_d", "0 to 100", "3-bar average of stoch_k"),
    ("ao", "quote", "awesome oscillator: 5-bar less 34-bar average of (high + low) / 2"),
    *((f"sma_{n}", "quote", f"simple average of {n} closes") for n in AVERAGES),
    *((f"ema_{n}", "quote", f"exponential average of closes, {n} bars") for n in AVERAGES),
    ("hull_9", "quote", "Hull average of closes, 9 bars"),
    ("vwma_20", "quote", "average of 20 closes by volume; null where a volume is not known"),
    ("cci", "", "commodity channel index, 20 bars"),
    ("momentum", "quote", "close less the close ten bars before"),
    ("stoch_rsi_k", "0 to 100", "stochastic of the RSI, 14 bars of 14, smoothed over 3"),
    ("stoch_rsi_d", "0 to 100", "3-bar average of stoch_rsi_k"),
    ("williams_r", "-100 to 0", "Williams %R, 14 bars"),
    ("bull_power", "quote", "high less the 13-bar exponential average"),
    ("bear_power", "quote", "low less the 13-bar exponential average"),
    ("ultimate", "0 to 100", "ultimate oscillator of 7, 14 and 28 bars"),
    ("recommend_ma", "-1 to 1", "mean of the votes of fifteen averages"),
    ("recommend_other", "-1 to 1", "mean of the votes of eleven oscillators"),
    ("recommend_all", "-1 to 1", "mean of the two"),
    ("volatility", "fraction a bar", "sample deviation of 20 logarithmic returns, not annualised"),
    ("perf_week", "fraction", "close against the last one of seven days before"),
    ("perf_month", "fraction", "close against the last one of a calendar month before"),
    ("perf_quarter", "fraction", "close against the last one of three calendar months before"),
    ("perf_year", "fraction", "close against the last one of a calendar year before"),
    ("perf_ytd", "fraction", "close against the last one of the year before"),
)
