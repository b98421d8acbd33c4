"""Real files come out of the pass with exactly the findings they are known to have."""

import pytest

from tests.datasets.quality import probe
from tests.datasets.quality.probe import CSV, REAL, check, found, real, run

pytestmark = real
BARS = {name: name for name in ("open", "high", "low", "close", "volume")}
FEATHER = {"format": "feather", "kind": "bars", "symbol": "X", "columnMapping": {"ts_event": "date", **BARS}}


def samples(answer, name):
    return [(sample["ts"][:10], sample["value"]) for sample in check(answer, name)["samples"]]


def test_stocks_show_both_apple_splits_and_the_true_fall_that_is_none(tmp_path):
    plan = {**CSV, "compression": "gzip", "kind": "bars"}
    names = {"ts_event": "Date", "symbol": "Ticker", **{name: name.title() for name in BARS}}
    raw = REAL / "bars/us_equity_daily/wiki_stocks_aapl_fb_goog_ibm_msft.csv.gz"
    answer = run(raw, tmp_path / "out", {**plan, "symbol": None, "columnMapping": names})
    assert answer["report"]["grade"] == "AMBER"
    assert [file["instrument"] for file in answer["files"]] == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    assert answer["report"]["calendars"] == ["XNYS (inferred)"]
    assert found(answer) == {"moves.large": 4, "moves.split": 3}
    moves = dict(samples(answer, "moves.large"))
    assert "-51.87 %" in moves["2000-09-29"]
    splits = dict(samples(answer, "moves.split"))
    assert set(splits) == {"2000-06-21", "2005-02-28", "2003-02-18"}  # the last is Microsoft's, true as well
    assert all(text.startswith("2:1 suspected") for text in splits.values())
    assert set(splits) < set(moves)
    assert answer["interval"] == "1d"


@pytest.mark.parametrize(
    ("name", "interval", "expected"),
    [
        ("UNITTEST_BTC-1m", "1m", {"gaps.bars": 717}),
        ("TRX_BTC-5m", "5m", {"gaps.bars": 6}),
        ("ADA_BTC-5m", "5m", {"gaps.bars": 40}),
        ("XRP_USDT_USDT-8h-mark", "8h", {}),
    ],
)
def test_missing_bars_are_counted_exactly(tmp_path, name, interval, expected):
    answer = run(REAL / f"bars/crypto_freqtrade/{name}.feather", tmp_path / "out", FEATHER)
    assert (answer["interval"], found(answer)) == (interval, expected)


def test_gap_runs_are_counted_too(tmp_path):
    answer = run(REAL / "bars/crypto_freqtrade/UNITTEST_BTC-1m.feather", tmp_path / "out", FEATHER)
    assert check(answer, "gaps.bars")["figures"] == {"bars": 13681, "runs": 538, "longest": 7}
    assert len(check(answer, "gaps.bars")["samples"]) == 20


def test_funding_rates_stand_off_the_grid(tmp_path):
    answer = run(REAL / "bars/crypto_freqtrade/XRP_USDT_USDT-8h-funding_rate.feather", tmp_path / "out", FEATHER)
    assert check(answer, "interval.regular")["count"] == 59
    assert answer["interval"] == "8h"
    assert answer["rows"]["accepted"] == 91


def test_coinbase_gaps_and_the_true_flash_crash_are_kept_and_named(tmp_path):
    plan = {"format": "json", "compression": "gzip", "kind": "bars", "recordsPath": ["candles"], "symbol": "ETH-USD"}
    plan |= {"timestampUnit": "s", "columnMapping": {"ts_event": "start", **BARS}}
    four = run(REAL / "pairs/coinbase_ethusd/ETH-USD-4h.json.gz", tmp_path / "four", plan)
    assert found(four) == {"gaps.bars": 26, "outliers.wick": 1}
    assert samples(four, "outliers.wick") == [("2017-06-21", 0.1)]
    assert min(probe.column(four, "low")) == 0.1
    assert four["report"]["grade"] == "AMBER"
    days = run(REAL / "pairs/coinbase_ethusd/ETH-USD-1d.json.gz", tmp_path / "days", plan)
    # newest first; one hole, of the two days 2016-05-21 and 22
    assert check(days, "order.monotonic")["count"] == 3449
    assert check(days, "gaps.bars")["figures"] == {"bars": 3450, "runs": 1, "longest": 2}
    assert probe.column(days, "ts_event") == sorted(probe.column(days, "ts_event"))


def test_equal_trades_without_id_are_counted_and_kept(tmp_path):
    plan = {**CSV, "header": False, "kind": "trades", "timestampUnit": "s"}
    plan["columnMapping"] = {"ts_event": 0, "price": 1, "size": 2}
    answer = run(REAL / "trades/bitstamp_btcusd_2011_noheader.csv", tmp_path / "out", plan)
    assert check(answer, "duplicates.rows")["count"] == 1695
    assert check(answer, "volume.zero")["count"] == 1
    assert check(answer, "gaps.silence")["figures"]["longest_s"] // 3600 == 91
    assert answer["rows"]["accepted"] == 9999
    assert answer["report"]["grade"] == "AMBER"


def test_negative_oil_is_kept_and_named(tmp_path):
    prices = dict.fromkeys(("open", "high", "low", "close"), "Price")
    plan = {**CSV, "kind": "bars", "columnMapping": {"ts_event": "Date", **prices}}
    answer = run(REAL / "macro/wti_daily.csv", tmp_path / "out", plan)
    assert samples(answer, "values.negative_price") == [("2020-04-20", -36.98)]
    assert check(answer, "values.negative_price")["grade"] == "AMBER"
    assert min(probe.column(answer, "close")) == -36.98
    strict = run(REAL / "macro/wti_daily.csv", tmp_path / "strict", plan, profile="strict")
    assert check(strict, "values.negative_price")["grade"] == "RED"


def test_binance_feeds_are_clean(tmp_path):
    trades = {**CSV, "kind": "trades", "timestampUnit": "ms", "columnMapping": {"ts_event": "exchange_ms"}}
    trades["columnMapping"] |= {"price": "price", "size": "quantity", "trade_id": "trade_id"}
    answer = run(REAL / "feeds/binance_ws/derived_spot_btcusdt_trades.csv", tmp_path / "trades", trades)
    assert (found(answer), answer["rows"]["accepted"], answer["report"]["score"]) == ({}, 19904, 100)
    quotes = {**CSV, "kind": "quotes", "compression": "gzip", "timestampUnit": "ns"}
    quotes["columnMapping"] = {"ts_event": "local_ns", "bid": "bid", "ask": "ask", "sequence": "update_id"}
    answer = run(REAL / "feeds/binance_ws/derived_spot_btcusdt_bbo.csv.gz", tmp_path / "quotes", quotes)
    assert (found(answer), answer["rows"]["accepted"]) == ({}, 73174)


def test_monthly_yields_stand_on_no_grid_that_they_could_miss(tmp_path):
    prices = dict.fromkeys(("open", "high", "low", "close"), "Rate")
    answer = run(
        REAL / "macro/us10y_monthly.csv",
        tmp_path / "out",
        {**CSV, "kind": "bars", "columnMapping": {"ts_event": "Date", **prices}},
    )
    assert (answer["interval"], check(answer, "interval.regular")["count"]) == ("1M", 0)
