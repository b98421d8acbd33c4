"""Technicals are what pandas says they are, of the past alone, and null before they can be known."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from datasets.features import technicals
from datasets.features.technicals import NAMES, Bars, compute
from tests.datasets.features import oracle

REAL = Path(os.environ.get("NEXUS_REALDATA", Path(__file__).parents[4] / "shared/data"))
WIKI = REAL / "bars/us_equity_daily/wiki_stocks_aapl_fb_goog_ibm_msft.csv.gz"


def walk(rows: int = 700, seed: int = 7) -> Bars:
    """Return bars of a random walk on weekdays."""
    source = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(source.normal(0, 0.02, rows)))
    high = close * (1 + np.abs(source.normal(0, 0.01, rows)))
    low = close * (1 - np.abs(source.normal(0, 0.01, rows)))
    days = pd.bdate_range("2019-03-01", periods=rows).to_numpy().astype("datetime64[D]").astype(np.int64)
    ones = np.ones(rows)
    return Bars(days, high, low, close, source.uniform(1e3, 1e4, rows), ones, ones.copy())


def cut(bars: Bars, rows: int) -> Bars:
    return Bars(**{each.name: getattr(bars, each.name)[:rows] for each in fields(Bars)})


def framed(bars: Bars) -> pd.DataFrame:
    columns = {name: getattr(bars, name) for name in ("high", "low", "close", "volume")}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(bars.days.astype("datetime64[D]").astype("datetime64[ns]")))


def agree(found, wanted, names):
    for name in names:
        mine, theirs = found[name], wanted[name].to_numpy()
        assert (np.isnan(mine) == np.isnan(theirs)).all(), name
        known = ~np.isnan(mine)
        scale = np.maximum(np.abs(theirs[known]), 1e-3)
        assert known.any(), name
        assert (np.abs(mine[known] - theirs[known]) / scale).max() < 1e-8, name


def test_every_column_is_what_pandas_says():
    bars = walk()
    found, frame = compute(bars), framed(bars)
    wanted = oracle.columns(frame)
    agree(found, wanted, wanted.columns)
    rated = oracle.ratings(frame, pd.DataFrame({name: found[name] for name in NAMES}, index=frame.index))
    agree(found, rated, rated.columns)
    assert set(wanted.columns) | set(rated.columns) == set(NAMES)
    assert list(found) == list(NAMES)


@pytest.mark.skipif(not WIKI.is_file(), reason="no recorded prices (NEXUS_REALDATA)")
def test_on_recorded_prices_every_column_is_what_pandas_says():
    whole = pd.read_csv(WIKI, parse_dates=["Date"])
    frame = whole[whole["Ticker"] == "AAPL"].set_index("Date").rename(columns=str.lower)
    days = frame.index.to_numpy().astype("datetime64[D]").astype(np.int64)
    # the file's own adjusted close, anchored at its first row: both sides then see one comparable series
    factor = (frame["adj close"] / frame["close"]).to_numpy()
    factor = factor / factor[0]
    raw = {name: frame[name].to_numpy(float) for name in ("high", "low", "close", "volume")}
    found = compute(Bars(days, **raw, factor=factor, volume_factor=np.ones(len(days))))
    comparable = pd.DataFrame({name: raw[name] * factor for name in ("high", "low", "close")}, index=frame.index)
    wanted = oracle.columns(comparable.assign(volume=raw["volume"]))
    levels = [name for name, unit, _ in technicals.feature_tables.TECHNICALS if unit == "quote"]
    in_raw_prices = wanted.assign(**{name: wanted[name] / factor for name in levels})
    agree(found, in_raw_prices, wanted.columns)
    assert len(frame) > 3000
    assert np.nanmax(np.abs(found["recommend_all"])) <= 1


@pytest.mark.parametrize("rows", [1, 2, 19, 20, 57, 200, 201, 333, 640])
def test_what_comes_later_changes_no_bit_of_a_row(rows):
    bars = walk()
    whole, part = compute(bars), compute(cut(bars, rows))
    for name in NAMES:
        assert part[name].tobytes() == whole[name][:rows].tobytes(), name


def test_nothing_is_said_before_it_can_be_known():
    found = compute(walk())
    first = {name: int(np.flatnonzero(~np.isnan(found[name]))[0]) for name in NAMES}
    assert first["sma_10"] == first["ema_10"] == 9
    assert first["rsi"] == 14
    assert first["adx"] == 27
    assert first["macd"] == 25
    assert first["macd_signal"] == first["ao"] == 33
    assert first["recommend_other"] == 49
    assert first["recommend_ma"] == first["recommend_all"] == technicals.WARM_UP - 1
    assert first["perf_week"] == 5
    assert np.isnan(compute(cut(walk(), 199))["recommend_all"]).all()


def test_every_rule_votes_both_ways_in_a_long_enough_walk(monkeypatch):
    cast = {}
    real = technicals.rating._mean

    def heard(votes, first):
        cast[first] = [set(each[~np.isnan(each)]) for each in votes]
        return real(votes, first)

    monkeypatch.setattr(technicals.rating, "_mean", heard)
    compute(walk(6000))
    assert [len(each) for each in cast.values()] == [15, 11]
    assert all(voted >= {1.0, -1.0} for each in cast.values() for voted in each)


def test_a_split_changes_no_ratio_and_shows_averages_in_the_days_own_prices():
    bars = walk()
    split = 400
    after = np.arange(len(bars.days)) >= split
    raw = {name: np.where(after, getattr(bars, name) / 4, getattr(bars, name)) for name in ("high", "low", "close")}
    volume = np.where(after, bars.volume * 4, bars.volume)
    shares = replace(
        bars, **raw, volume=volume, factor=np.where(after, 4.0, 1.0), volume_factor=np.where(after, 0.25, 1.0)
    )
    whole, found = compute(bars), compute(shares)
    for name in ("rsi", "adx", "recommend_all", "perf_year", "volatility"):
        assert np.array_equal(whole[name], found[name], equal_nan=True), name
    for name in ("sma_200", "ema_50", "macd", "vwma_20"):
        assert np.array_equal(np.where(after, whole[name] / 4, whole[name]), found[name], equal_nan=True), name


def test_without_volume_the_average_by_volume_is_left_out_of_the_vote():
    bars = walk()
    silent = compute(replace(bars, volume=np.full(len(bars.days), np.nan)))
    assert np.isnan(silent["vwma_20"]).all()
    rated = silent["recommend_ma"][technicals.WARM_UP :]
    assert not np.isnan(rated).any()
    assert np.allclose(rated * 14, np.round(rated * 14))


def test_a_price_that_never_moves_breaks_nothing():
    bars = walk(300)
    flat = replace(bars, high=np.full(300, 5.0), low=np.full(300, 5.0), close=np.full(300, 5.0))
    found = compute(flat)
    assert np.isnan(found["rsi"]).all()
    assert set(found["adx"][30:]) == {0.0}
    assert set(found["recommend_all"][200:]) == {0.0}
    assert not any(np.isinf(found[name]).any() for name in NAMES)


def test_a_base_of_zero_or_below_has_no_performance():
    days = np.arange(20_000, 20_020)
    close = np.linspace(-5, 14, 20)
    found = technicals.performance(days, close)["perf_week"]
    assert np.isnan(found[7:13]).all()
    assert not np.isnan(found[13:]).any()


def test_a_close_of_long_ago_does_not_stand_for_a_date():
    days = np.concatenate([np.arange(20_000, 20_010), np.arange(20_100, 20_110)])
    found = technicals.performance(days, np.full(20, 7.0))
    assert np.isnan(found["perf_week"][10:17]).all()
    assert found["perf_week"][17] == 0
    assert np.isnan(found["perf_month"]).all()


def test_the_month_before_the_31st_ends_with_its_last_day():
    dates = ["2023-02-28", "2023-03-01", "2023-03-31"]
    days = np.array(dates, dtype="datetime64[D]").astype(np.int64)
    assert technicals.performance(days, np.array([100.0, 200.0, 150.0]))["perf_month"][2] == 0.5
