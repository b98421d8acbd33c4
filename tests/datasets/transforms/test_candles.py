"""Candles from files: equal to the truth, the same bytes however the input is cut, and refusals by name."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.market import schemas
from datasets.market.intervals import DAY, HOUR, MINUTE, SECOND, FrequencyUnsupported
from datasets.transforms import candles, parts, registry
from tests.datasets.transforms import tape
from tradenexus.errors import BadRequest

REAL = Path(os.environ.get("NEXUS_REALDATA", Path(__file__).parents[4] / "shared/data"))
real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data at {REAL} (NEXUS_REALDATA)")


def build(tmp_path, inputs, kind="trades", frequency="1m", **asked):
    out = tmp_path / f"out-{frequency}-{len(list(tmp_path.iterdir()))}"
    out.mkdir()
    messages = []
    params = {"inputs": inputs, "kind": kind, "frequency": frequency, "out_dir": str(out), **asked}
    answer = candles.build(params, messages.append)
    assert messages[-1]["phase"] == "candles"
    return answer


def bars(answer, number=0):
    table = pq.read_table(answer["files"][number]["path"])
    columns = {name: table.column(name).to_pylist() for name in table.schema.names if name != "ts_event"}
    return {"ts": table.column("ts_event").cast("int64").to_pylist(), **columns}


def random_tape(seed, rows=3000):
    random = np.random.default_rng(seed)
    ts = np.sort(random.integers(0, 4 * HOUR, rows)) // SECOND * SECOND  # many ties
    return ts, random.normal(100, 1, rows).round(2), random.random(rows)


@real
@pytest.mark.parametrize(("frequency", "count"), [("1m", 2469), ("5m", 706)])
def test_real_trades_make_the_published_candles(tmp_path, frequency, count):
    folder = REAL / "pairs/binance_xrpeth_2019-10-11"
    trades = pyarrow.feather.read_table(folder / "XRP_ETH-trades.feather")
    ids = np.array(trades.column("id").to_pylist(), np.int64)
    columns = {
        "ts_event": trades.column("timestamp").to_numpy() * 1_000_000,
        "sequence": ids,
        "price": trades.column("price").to_numpy(),
        "size": trades.column("amount").to_numpy(),
    }
    got = bars(build(tmp_path, [tape.write(tmp_path / "in.parquet", "trades", columns)], frequency=frequency))
    truth = pyarrow.feather.read_table(folder / f"XRP_ETH-{frequency}.feather")
    assert got["ts"] == truth.column("date").cast("int64").to_pylist()
    assert len(got["ts"]) == count
    for name in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(got[name], truth.column(name).to_numpy(), rtol=0, atol=1e-9)


@real
def test_real_four_hour_bars_make_the_published_days(tmp_path):
    folder = REAL / "pairs/coinbase_ethusd"
    four, days = (
        json.loads(gzip.decompress((folder / f"ETH-USD-{word}.json.gz").read_bytes()))["candles"]
        for word in ("4h", "1d")
    )
    columns = {name: [float(bar[name]) for bar in four] for name in ("open", "high", "low", "close", "volume")}
    columns["ts_event"] = [int(bar["start"]) * SECOND for bar in four]
    source = tape.write(tmp_path / "in.parquet", "bars", columns, interval="4h")
    answer = build(tmp_path, [source], kind="bars", frequency="1d")
    got = bars(answer)
    at = {ts: number for number, ts in enumerate(got["ts"])}
    full = {ts for ts, count in _per_day(columns["ts_event"]).items() if count == 6}
    assert answer["policy"]["counts"]["incomplete"] == len(got["ts"]) - len(full)
    equal = dict.fromkeys(("high", "low", "open", "close", "volume"), 0)
    for day in (day for day in days if int(day["start"]) * SECOND in full):
        number = at[int(day["start"]) * SECOND]
        for name in equal:
            tolerance = 1e-6 if name == "volume" else 0
            equal[name] += abs(got[name][number] - float(day[name])) <= tolerance * float(day[name])
    assert len(full & {int(day["start"]) * SECOND for day in days}) == 3441
    assert equal == {"high": 3441, "low": 3441, "open": 3423, "close": 3424, "volume": 3330}


def _per_day(stamps):
    values, counts = np.unique(np.array(stamps) // DAY * DAY, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), group_rows=st.integers(1, 500), frequency=st.sampled_from(["7s", "1m", "5m", "1h"]))
def test_candles_have_the_same_bytes_however_the_input_is_cut(tmp_path, monkeypatch, seed, group_rows, frequency):
    ts, price, size = random_tape(seed, 700)
    columns = {"ts_event": ts, "sequence": np.arange(len(ts)), "price": price, "size": size}
    with monkeypatch.context() as patch:
        cut = tape.write(tmp_path / "cut.parquet", "trades", columns, group_rows=group_rows, monkeypatch=patch)
    whole = tape.write(tmp_path / "whole.parquet", "trades", columns)
    for empty in ("omit", "fill"):
        one = build(tmp_path, [cut], frequency=frequency, emptyBars=empty)
        two = build(tmp_path, [whole], frequency=frequency, emptyBars=empty)
        assert one["files"][0]["sha256"] == two["files"][0]["sha256"]


@pytest.mark.parametrize("seed", range(3))
def test_minute_candles_equal_a_plain_loop_over_the_trades(tmp_path, seed):
    ts, price, size = random_tape(seed)
    source = tape.write(tmp_path / "in.parquet", "trades", {"ts_event": ts, "price": price, "size": size})
    got = bars(build(tmp_path, [source]))
    truth = tape.candles(ts, price, size, MINUTE)
    assert got["ts"] == list(truth)
    rows = zip(*(got[name] for name in ("open", "high", "low", "close", "volume", "trades")), strict=True)
    assert [list(row) for row in rows] == list(truth.values())


@pytest.mark.parametrize("word", ["5m", "1h", "4h", "1d", "1w", "1M"])
def test_coarser_candles_equal_minutes_gathered(tmp_path, word):
    ts, price, size = random_tape(7)
    source = tape.write(tmp_path / "in.parquet", "trades", {"ts_event": ts, "price": price, "size": size})
    minutes = build(tmp_path, [source])
    direct = build(tmp_path, [source], frequency=word)
    again = build(tmp_path, minutes["files"], kind="bars", frequency=word)
    assert direct["files"][0]["sha256"] == again["files"][0]["sha256"]
    assert direct["policy"]["path"] == f"trades -> 1m -> {word}"


EVERY = ["1s", "7s", "1m", "5m", "1h", "1d", "1w", "1M"]


@pytest.mark.parametrize("session", [None, "Europe/Berlin", "XNYS"])
@pytest.mark.parametrize("empty", ["omit", "fill"])
def test_frequencies_made_in_one_pass_have_the_bytes_of_each_alone(tmp_path, session, empty):
    ts, price, size = random_tape(11)
    ts += np.datetime64("2024-03-28T13:00", "ns").astype(np.int64)
    inputs = [
        tape.write(tmp_path / f"{name}.parquet", "trades", {"ts_event": ts, "price": price, "size": size * (name + 1)})
        for name in range(2)
    ]
    asked = {"kind": "trades", "session": session, "emptyBars": empty}
    together = tmp_path / "together"
    together.mkdir()
    params = {"inputs": inputs, "frequencies": EVERY, "out_dir": str(together), **asked}
    made = parts.gather([candles.build_many(params, lambda said: None)])
    for one in made:
        alone = build(tmp_path, inputs, frequency=one["frequency"], **asked)
        assert [file["sha256"] for file in one["files"]] == [file["sha256"] for file in alone["files"]]
        assert (one["policy"], one["rows"]) == (alone["policy"], alone["rows"])


@pytest.mark.parametrize("kind", ["quotes", "bars"])
def test_frequencies_of_quotes_and_bars_made_in_one_pass_have_the_bytes_of_each_alone(tmp_path, kind):
    random = np.random.default_rng(3)
    ts = np.arange(0, 3 * DAY, MINUTE)
    price = random.normal(100, 1, len(ts)).round(1)
    columns = dict.fromkeys(("open", "high", "low", "close"), price) | {"volume": random.random(len(ts))}
    columns |= {"bid": price, "ask": price + 1, "ts_event": ts + (SECOND if kind == "quotes" else 0)}
    source = tape.write(tmp_path / "in.parquet", kind, columns, interval="1m" if kind == "bars" else "")
    params = {"inputs": [source], "kind": kind, "frequencies": ["5m", "7m", "1h", "1d"], "out_dir": str(tmp_path)}
    for one in parts.gather([candles.build_many(params, lambda said: None)]):
        alone = build(tmp_path, [source], kind=kind, frequency=one["frequency"])
        assert one["files"][0]["sha256"] == alone["files"][0]["sha256"]
        assert one["policy"] == alone["policy"]


def test_ties_follow_file_order(tmp_path):
    columns = {"ts_event": [5, 5, 5], "price": [2.0, 9.0, 4.0], "size": [1.0, 1.0, 1.0]}
    got = bars(build(tmp_path, [tape.write(tmp_path / "in.parquet", "trades", columns)]))
    assert (got["open"], got["high"], got["low"], got["close"]) == ([2.0], [9.0], [2.0], [4.0])


def test_empty_minutes_are_absent_or_filled_flat_and_marked(tmp_path):
    columns = {"ts_event": [0, 3 * MINUTE], "price": [2.0, 3.0], "size": [1.0, 1.0]}
    source = tape.write(tmp_path / "in.parquet", "trades", columns)
    assert bars(build(tmp_path, [source]))["ts"] == [0, 3 * MINUTE]
    answer = build(tmp_path, [source], emptyBars="fill")
    got = bars(answer)
    assert got["ts"] == [0, MINUTE, 2 * MINUTE, 3 * MINUTE]
    assert got["close"] == [2.0, 2.0, 2.0, 3.0]
    assert got["volume"] == [1.0, 0.0, 0.0, 1.0]
    assert got["trades"] == [1, 0, 0, 1]
    assert got["filled"] == [False, True, True, False]
    assert answer["policy"]["counts"]["filled"] == 2


def test_filling_without_end_is_refused(tmp_path):
    columns = {"ts_event": [0, 200 * 365 * DAY], "price": [2.0, 3.0], "size": [1.0, 1.0]}
    source = tape.write(tmp_path / "in.parquet", "trades", columns)
    with pytest.raises(BaseException, match="more than") as caught:
        build(tmp_path, [source], frequency="1s", emptyBars="fill")
    assert caught.value.code == "DATASET_TRANSFORM_TOO_MANY_BARS"


def test_weeks_start_on_monday_and_months_on_the_first(tmp_path):
    stamps = np.array(["2024-03-31T23:00", "2024-04-01T01:00"], "datetime64[ns]").astype(np.int64)
    columns = {"ts_event": stamps, "price": [1.0, 2.0], "size": [1.0, 1.0]}
    source = tape.write(tmp_path / "in.parquet", "trades", columns)
    for word, opens in (("1w", ["2024-03-25", "2024-04-01"]), ("1M", ["2024-03-01", "2024-04-01"])):
        got = bars(build(tmp_path, [source], frequency=word))["ts"]
        assert got == np.array(opens, "datetime64[ns]").astype(np.int64).tolist()


def test_days_of_a_zone_have_23_and_25_hours_when_the_clocks_change(tmp_path):
    start = np.datetime64("2024-03-30T23:00", "ns").astype(np.int64)  # midnight in Berlin
    stamps = start + np.arange(0, 48 * HOUR, HOUR)
    columns = {"ts_event": stamps, "price": np.ones(48), "size": np.ones(48)}
    source = tape.write(tmp_path / "in.parquet", "trades", columns)
    got = bars(build(tmp_path, [source], frequency="1d", session="Europe/Berlin"))
    assert got["volume"][:2] == [23.0, 24.0]
    assert got["ts"][1] - got["ts"][0] == 23 * HOUR
    autumn = np.datetime64("2024-10-26T22:00", "ns").astype(np.int64)
    columns["ts_event"] = autumn + np.arange(0, 48 * HOUR, HOUR)
    source = tape.write(tmp_path / "in2.parquet", "trades", columns)
    assert bars(build(tmp_path, [source], frequency="1d", session="Europe/Berlin"))["volume"][0] == 25.0


@pytest.mark.parametrize(
    ("session", "frequency", "opens"),
    [
        ("Europe/Berlin", "1w", "2024-03-24T23:00"),
        ("Europe/Berlin", "1M", "2024-02-29T23:00"),
        ("XNYS", "1w", "2024-03-25"),
        ("XNYS", "1M", "2024-03-01"),
        ("XNYS", "1d", "2024-03-28"),
    ],
)
def test_a_bar_is_named_by_its_first_day_also_when_the_data_begins_later(tmp_path, session, frequency, opens):
    stamp = np.datetime64("2024-03-28T15:00", "ns").astype(np.int64)  # a Thursday
    columns = {"ts_event": [stamp], "price": [1.0], "size": [1.0]}
    source = tape.write(tmp_path / "in.parquet", "trades", columns)
    got = bars(build(tmp_path, [source], frequency=frequency, session=session))
    assert got["ts"] == [np.datetime64(opens, "ns").astype(np.int64)]


def test_days_of_a_calendar_are_its_sessions_half_days_included(tmp_path):
    # 2024-11-28 is Thanksgiving; the 29th closes at 13:00 New York, 18:00 UTC
    start = np.datetime64("2024-11-27T00:00", "ns").astype(np.int64)
    stamps = start + np.arange(0, 3 * DAY, MINUTE)
    columns = {"ts_event": stamps, "price": np.ones(len(stamps)), "size": np.ones(len(stamps))}
    source = tape.write(tmp_path / "in.parquet", "trades", columns)
    answer = build(tmp_path, [source], frequency="1d", session="XNYS")
    got = bars(answer)
    assert got["ts"] == np.array(["2024-11-27", "2024-11-29"], "datetime64[ns]").astype(np.int64).tolist()
    assert got["volume"] == [390.0, 210.0]
    assert answer["policy"]["counts"]["excluded"] == {"outsideSession": len(stamps) - 600}


def test_a_quote_stands_until_replaced(tmp_path):
    columns = {
        "ts_event": [10 * SECOND, 50 * SECOND, 3 * MINUTE + SECOND],
        "bid": [1.0, 2.0, 5.0],
        "ask": [3.0, 4.0, 7.0],
    }
    source = tape.write(tmp_path / "in.parquet", "quotes", columns)
    got = bars(build(tmp_path, [source], kind="quotes", emptyBars="fill"))
    assert got["ts"] == [0, MINUTE, 2 * MINUTE, 3 * MINUTE]
    assert (got["open"], got["close"]) == ([2.0, 3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 6.0])
    assert got["filled"] == [False, True, True, False]
    assert got["volume"] == [None] * 4
    assert bars(build(tmp_path, [source], kind="quotes", price="bid"))["close"] == [2.0, 5.0]
    assert bars(build(tmp_path, [source], kind="quotes", price="ask"))["high"] == [4.0, 7.0]


def test_a_withdrawn_quote_is_not_filled_and_a_crossed_one_is_no_price(tmp_path):
    columns = {
        "ts_event": [0, SECOND, 2 * SECOND, 3 * MINUTE],
        "bid": [1.0, 9.0, None, 5.0],
        "ask": [3.0, 4.0, 4.0, 7.0],
    }
    source = tape.write(tmp_path / "in.parquet", "quotes", columns)
    answer = build(tmp_path, [source], kind="quotes", emptyBars="fill")
    got = bars(answer)
    assert (got["ts"], got["open"], got["close"]) == ([0, 3 * MINUTE], [2.0, 6.0], [2.0, 6.0])
    assert answer["policy"]["counts"]["excluded"] == {"crossed": 1}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), group_rows=st.integers(1, 40), frequency=st.sampled_from(["10s", "1m", "5m"]))
def test_quote_bars_have_the_same_bytes_however_the_input_is_cut(tmp_path, monkeypatch, seed, group_rows, frequency):
    random = np.random.default_rng(seed)
    ts = np.sort(random.integers(0, HOUR, 150)) // SECOND * SECOND
    bid = np.where(random.random(150) < 0.1, np.nan, random.normal(100, 1, 150).round(1))
    columns = {"ts_event": ts, "bid": bid, "ask": bid + random.integers(-1, 5, 150)}
    with monkeypatch.context() as patch:
        cut = tape.write(tmp_path / "cut.parquet", "quotes", columns, group_rows=group_rows, monkeypatch=patch)
    whole = tape.write(tmp_path / "whole.parquet", "quotes", columns)
    asked = {"kind": "quotes", "frequency": frequency, "emptyBars": "fill"}
    digests = {build(tmp_path, [source], **asked)["files"][0]["sha256"] for source in (cut, whole)}
    assert len(digests) == 1


def test_trades_without_size_are_left_out_and_counted(tmp_path):
    columns = {"ts_event": [0, 1, 2], "price": [1.0, 50.0, 2.0], "size": [1.0, 0.0, None]}
    answer = build(tmp_path, [tape.write(tmp_path / "in.parquet", "trades", columns)])
    assert bars(answer)["high"] == [2.0]
    counts = answer["policy"]["counts"]
    assert (counts["read"], counts["used"], counts["excluded"]) == (3, 2, {"sizeNotPositive": 1})


def test_several_instruments_make_one_file_each(tmp_path):
    columns = {"ts_event": [0], "price": [1.0], "size": [1.0]}
    inputs = [tape.write(tmp_path / f"{name}.parquet", "trades", columns, instrument=name) for name in "AB"]
    answer = build(tmp_path, inputs)
    assert [file["instrument"] for file in answer["files"]] == ["A", "B"]
    metadata = pq.read_metadata(answer["files"][1]["path"]).metadata
    assert (metadata[b"nexus.instrument"], metadata[b"nexus.interval"]) == (b"B", b"1m")
    assert schemas.BAR.names == pq.read_schema(answer["files"][0]["path"]).names


def test_nothing_usable_is_refused_with_the_counts(tmp_path):
    columns = {"ts_event": [0], "price": [1.0], "size": [0.0]}
    with pytest.raises(parts.NothingToConvert) as caught:
        build(tmp_path, [tape.write(tmp_path / "in.parquet", "trades", columns)])
    assert caught.value.details["excluded"] == {"sizeNotPositive": 1}


@pytest.mark.parametrize("word", ["2m", "1x", "0m", "", None, "400d", "1m ", "2w", "3M"])
def test_unknown_or_finer_frequencies_are_refused(tmp_path, word):
    columns = {"ts_event": [0], "open": [1.0], "high": [1.0], "low": [1.0], "close": [1.0]}
    source = tape.write(tmp_path / "in.parquet", "bars", columns, interval="5m")
    with pytest.raises(FrequencyUnsupported):
        build(tmp_path, [source], kind="bars", frequency=word)


@pytest.mark.parametrize(
    "asked", [{"emptyBars": "maybe"}, {"session": 5}, {"session": "Moon/Base"}, {"session": "XXXX"}]
)
def test_unknown_options_are_refused(tmp_path, asked):
    source = tape.write(tmp_path / "in.parquet", "trades", {"ts_event": [0], "price": [1.0], "size": [1.0]})
    with pytest.raises(BadRequest):
        build(tmp_path, [source], **asked)


def test_a_price_the_kind_has_not_is_refused():
    with pytest.raises(registry.PriceUnsupported):
        registry.check_candles("trades", None, {"frequency": "1m", "price": "mid"})


@pytest.mark.parametrize(
    ("frequency", "session", "filled"), [("1d", "XNYS", 2), ("1d", None, 5), ("1w", "XNYS", 0), ("1M", None, 0)]
)
def test_only_buckets_that_exist_are_filled(tmp_path, frequency, session, filled):
    # Wednesday 2024-11-27 and Tuesday 2024-12-03, 15:00 UTC: Thanksgiving and a weekend lie between
    stamps = np.array(["2024-11-27T15", "2024-12-03T15"], "datetime64[ns]").astype(np.int64)
    columns = {"ts_event": stamps, "price": [1.0, 2.0], "size": [1.0, 1.0]}
    source = tape.write(tmp_path / "in.parquet", "trades", columns)
    answer = build(tmp_path, [source], frequency=frequency, session=session, emptyBars="fill")
    assert answer["policy"]["counts"]["filled"] == filled


def test_daily_bars_are_gathered_by_date_whatever_session_is_named(tmp_path):
    days = np.arange(np.datetime64("2024-11-25"), np.datetime64("2024-12-07")).astype("datetime64[ns]").astype(np.int64)
    columns = {name: np.ones(len(days)) for name in ("open", "high", "low", "close", "volume")} | {"ts_event": days}
    source = tape.write(tmp_path / "in.parquet", "bars", columns, interval="1d")
    got = bars(build(tmp_path, [source], kind="bars", frequency="1w", session="XNYS"))
    assert got["volume"] == [7.0, 5.0]
