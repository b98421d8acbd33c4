"""The technicals once more, in pandas and apart from the product: rolling, ewm and dates, a frame in and one out."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

AVERAGES = (10, 20, 30, 50, 100, 200)


def ewm(series: pd.Series, n: int, alpha: float) -> pd.Series:
    """Return an exponential average that starts with the mean of the first n values."""
    known = series.dropna()
    if len(known) < n:
        return pd.Series(np.nan, index=series.index)
    seeded = known.copy()
    seeded.iloc[: n - 1] = np.nan
    seeded.iloc[n - 1] = known.iloc[:n].mean()
    return seeded.ewm(alpha=alpha, adjust=False).mean().reindex(series.index)


def ema(series: pd.Series, n: int) -> pd.Series:
    return ewm(series, n, 2 / (n + 1))


def rma(series: pd.Series, n: int) -> pd.Series:
    return ewm(series, n, 1 / n)


def wma(series: pd.Series, n: int) -> pd.Series:
    weights = np.arange(1, n + 1)
    return series.rolling(n).apply(lambda window: (window * weights).sum() / weights.sum(), raw=True)


def stoch(value: pd.Series, high: pd.Series, low: pd.Series) -> tuple[pd.Series, pd.Series]:
    low14, high14 = low.rolling(14).min(), high.rolling(14).max()
    span = (high14 - low14).where(high14 > low14)
    k = (100 * (value - low14) / span).rolling(3).mean()
    return k, k.rolling(3).mean()


def columns(f: pd.DataFrame) -> pd.DataFrame:
    """Return the columns for a frame of high, low, close, volume (comparable ones), indexed by date."""
    out = pd.DataFrame(index=f.index)
    c, h, lo = f["close"], f["high"], f["low"]
    move = c.diff()
    up, down = rma(move.clip(lower=0), 14), rma((-move).clip(lower=0), 14)
    out["rsi"] = 100 - 100 / (1 + up / down)
    true = (
        pd.concat([h - lo, (h - c.shift()).abs(), (lo - c.shift()).abs()], axis=1).max(axis=1).where(c.shift().notna())
    )
    rise, fall = h.diff(), -lo.diff()
    plus = rise.where((rise > fall) & (rise > 0), 0.0).where(rise.notna())
    minus = fall.where((fall > rise) & (fall > 0), 0.0).where(fall.notna())
    out["plus_di"], out["minus_di"] = 100 * rma(plus, 14) / rma(true, 14), 100 * rma(minus, 14) / rma(true, 14)
    out["adx"] = rma(100 * (out.plus_di - out.minus_di).abs() / (out.plus_di + out.minus_di), 14)
    out["macd"] = ema(c, 12) - ema(c, 26)
    out["macd_signal"] = ema(out.macd, 9)
    out["stoch_k"], out["stoch_d"] = stoch(c, h, lo)
    middle = (h + lo) / 2
    out["ao"] = middle.rolling(5).mean() - middle.rolling(34).mean()
    for n in AVERAGES:
        out[f"sma_{n}"], out[f"ema_{n}"] = c.rolling(n).mean(), ema(c, n)
    out["hull_9"] = wma(2 * wma(c, 4) - wma(c, 9), 3)
    out["vwma_20"] = (c * f["volume"]).rolling(20).sum() / f["volume"].rolling(20).sum()
    typical = (h + lo + c) / 3
    spread = typical.rolling(20).apply(lambda window: np.abs(window - window.mean()).mean(), raw=True)
    out["cci"] = (typical - typical.rolling(20).mean()) / (0.015 * spread)
    out["momentum"] = c.diff(10)
    out["stoch_rsi_k"], out["stoch_rsi_d"] = stoch(out.rsi, out.rsi, out.rsi)
    out["williams_r"] = -100 * (h.rolling(14).max() - c) / (h.rolling(14).max() - lo.rolling(14).min())
    out["bull_power"], out["bear_power"] = h - ema(c, 13), lo - ema(c, 13)
    bought = c - pd.concat([lo, c.shift()], axis=1).min(axis=1).where(c.shift().notna())
    parts = {n: bought.rolling(n).sum() / true.rolling(n).sum() for n in (7, 14, 28)}
    out["ultimate"] = 100 * (4 * parts[7] + 2 * parts[14] + parts[28]) / 7
    out["volatility"] = np.log(c).diff().rolling(20).std()
    return pd.concat([out, performance(c)], axis=1)


def performance(c: pd.Series) -> pd.DataFrame:
    offsets = {
        "perf_week": lambda on: on - pd.Timedelta(days=7),
        "perf_month": lambda on: on - pd.DateOffset(months=1),
        "perf_quarter": lambda on: on - pd.DateOffset(months=3),
        "perf_year": lambda on: on - pd.DateOffset(years=1),
        "perf_ytd": lambda on: pd.Timestamp(on.year - 1, 12, 31),
    }
    out = {}
    for name, before in offsets.items():
        anchors = pd.DatetimeIndex([before(on) for on in c.index])
        at = c.index.searchsorted(anchors, side="right") - 1
        base = np.where(at >= 0, c.to_numpy()[np.maximum(at, 0)], np.nan)
        stale = (at < 0) | (c.index[np.maximum(at, 0)] < anchors - pd.Timedelta(days=10))
        out[name] = np.where(stale, np.nan, c.to_numpy() / base - 1)
    return pd.DataFrame(out, index=c.index)


def ratings(f: pd.DataFrame, t: pd.DataFrame) -> pd.DataFrame:
    """Return the ratings bar by bar, by plain comparisons of one bar with the one before."""
    c, h, lo = f["close"], f["high"], f["low"]
    mid = {n: (h.rolling(n).max() + lo.rolling(n).min()) / 2 for n in (9, 26, 52)}
    ahead = ((mid[9] + mid[26]) / 2).shift(25)
    averages = [f"{kind}_{n}" for kind in ("sma", "ema") for n in AVERAGES] + ["hull_9", "vwma_20"]
    rows = []
    for i in range(len(f)):
        now, was = t.iloc[i], t.iloc[max(0, i - 1)]
        ma = [np.sign(c.iloc[i] - now[name]) for name in averages if not np.isnan(now[name])]
        conv, base = mid[9].iloc[i], mid[26].iloc[i]
        order = [c.iloc[i], conv, base, ahead.iloc[i], mid[52].shift(25).iloc[i]]
        if not np.isnan(order[-1]):
            falls = all(a > b for a, b in itertools.pairwise(order))
            ma.append(1 if falls else -1 if all(a < b for a, b in itertools.pairwise(order)) else 0)
        other = _others(now, was, t.iloc[max(0, i - 2)], c.iloc[i]) if i >= 49 else []
        rows.append((np.mean(ma) if i >= 199 else np.nan, np.mean(other) if other else np.nan))
    out = pd.DataFrame(rows, index=f.index, columns=["recommend_ma", "recommend_other"])
    out["recommend_all"] = (out.recommend_ma + out.recommend_other) / 2
    return out


def _others(now: pd.Series, was: pd.Series, before: pd.Series, close: float) -> list[int]:
    def of(buy: bool, sell: bool) -> int:
        return 1 if buy else -1 if sell else 0

    def turns(name: str, low: float, high: float) -> int:
        return of(now[name] < low and now[name] > was[name], now[name] > high and now[name] < was[name])

    def crosses(a: str, b: str) -> tuple[bool, bool]:
        above = now[a] > now[b] and was[a] <= was[b]
        return above, now[a] < now[b] and was[a] >= was[b]

    up, down = close > now.ema_50, close < now.ema_50
    k_over, k_under = crosses("stoch_k", "stoch_d")
    s_over, s_under = crosses("stoch_rsi_k", "stoch_rsi_d")
    d_over, d_under = crosses("plus_di", "minus_di")
    strong = now.adx > 20
    ao_up = (now.ao > 0 >= was.ao) or (now.ao > 0 and was.ao > 0 and now.ao > was.ao and was.ao < before.ao)
    ao_down = (now.ao < 0 <= was.ao) or (now.ao < 0 and was.ao < 0 and now.ao < was.ao and was.ao > before.ao)
    return [
        turns("rsi", 30, 70),
        of(now.stoch_k < 20 and k_over, now.stoch_k > 80 and k_under),
        turns("cci", -100, 100),
        of(strong and d_over, strong and d_under),
        of(ao_up, ao_down),
        of(now.momentum > was.momentum, now.momentum < was.momentum),
        of(now.macd > now.macd_signal, now.macd < now.macd_signal),
        of(
            down and now.stoch_rsi_k < 20 and now.stoch_rsi_d < 20 and s_over,
            up and now.stoch_rsi_k > 80 and now.stoch_rsi_d > 80 and s_under,
        ),
        turns("williams_r", -80, -20),
        of(
            up and now.bear_power < 0 and now.bear_power > was.bear_power,
            down and now.bull_power > 0 and now.bull_power < was.bull_power,
        ),
        of(now.ultimate > 70, now.ultimate < 30),
    ]
