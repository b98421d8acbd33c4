"""A file is known by its first bytes; real files are mapped rightly, with only the questions that are really open."""

import bz2
import gzip
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from datasets.formats import mapping, readers, sniff
from datasets.formats.errors import (
    DateOrderAmbiguous,
    FeatherV1Unsupported,
    FileEmpty,
    FormatUnsupported,
    HtmlNotData,
    MappingIncomplete,
    StillPacked,
    TimezoneRequired,
)

TRADES_MAPPING = {"ts_event": "timestamp", "price": "price", "size": "amount", "trade_id": "id", "side": "side"}
BARS_MAPPING = {name: name for name in ("open", "high", "low", "close", "volume")}
XRP = "pairs/binance_xrpeth_2019-10-11/"
WS = "feeds/binance_ws/derived_spot_btcusdt_"
REAL = {
    XRP + "XRP_ETH-trades.feather": ("feather", "trades", TRADES_MAPPING, "XRP/ETH", "ms", 12_477),
    XRP + "XRP_ETH-trades.json.gz": (
        "json",
        "trades",
        {"ts_event": "0", "trade_id": "1", "side": "3", "price": "4", "size": "5"},
        "XRP/ETH",
        "ms",
        12_477,
    ),
    XRP + "XRP_ETH-trades-ccxt-shape.json.gz": (
        "json",
        "trades",
        {**TRADES_MAPPING, "symbol": "symbol"},
        None,
        "ms",
        12_477,
    ),
    XRP + "XRP_ETH-1m.feather": ("feather", "bars", {**BARS_MAPPING, "ts_event": "date"}, "XRP/ETH", "ns", 2_469),
    "trades/bitstamp_btcusd_2011_noheader.csv": (
        "csv",
        "trades",
        {"ts_event": "0", "price": "1", "size": "2"},
        "BTCUSD",
        "s",
        9_999,
    ),
    "trades/kraken_bcheur_2023.csv": (
        "csv",
        "trades",
        {"ts_event": "0", "price": "1", "size": "2"},
        "BCHEUR",
        "s",
        148,
    ),
    "trades/mtgox_btcusd_2013-01-01.csv": (
        "csv",
        "trades",
        {"ts_event": "id", "trade_id": "id", "price": "price", "size": "amount"},
        "BTCUSD",
        "us",
        2_331,
    ),
    "trades/binance_perp_trades_2023-02-02.csv": ("csv", "trades", TRADES_MAPPING, None, "ms", 1_000),
    WS + "trades.csv": (
        "csv",
        "trades",
        {
            "ts_event": "exchange_ms",
            "price": "price",
            "size": "quantity",
            "trade_id": "trade_id",
            "buyer_is_maker": "buyer_is_maker",
        },
        "BTCUSDT",
        "ms",
        19_904,
    ),
    WS + "bbo.csv.gz": (
        "csv",
        "quotes",
        {
            "ts_event": "local_ns",
            "sequence": "update_id",
            "bid": "bid",
            "bid_size": "bid_qty",
            "ask": "ask",
            "ask_size": "ask_qty",
        },
        "BTCUSDT",
        "ns",
        73_174,
    ),
    "bars/us_equity_daily/wiki_stocks_aapl_fb_goog_ibm_msft.csv.gz": (
        "csv",
        "bars",
        {**{name: name.title() for name in BARS_MAPPING}, "ts_event": "Date", "symbol": "Ticker"},
        None,
        None,
        12_154,
    ),
    "pairs/coinbase_ethusd/ETH-USD-4h.json.gz": (
        "json",
        "bars",
        {**BARS_MAPPING, "ts_event": "start"},
        "ETH/USD",
        "s",
        20_675,
    ),
    "pairs/coinbase_ethusd/ETH-USD-1d.json.gz": (
        "json",
        "bars",
        {**BARS_MAPPING, "ts_event": "start"},
        "ETH/USD",
        "s",
        3_450,
    ),
    "pairs/wiki_adjusted_daily/WIKI-AIG-2009-quandl.csv": (
        "csv",
        "bars",
        {**{name: name.title() for name in BARS_MAPPING}, "ts_event": "Date"},
        "AIG",
        None,
        252,
    ),
    "bars/crypto_freqtrade/TRX_BTC-5m.feather": (
        "feather",
        "bars",
        {**BARS_MAPPING, "ts_event": "date"},
        "TRX/BTC",
        "ns",
        5_754,
    ),
}
INTERVALS = {"XRP_ETH-1m": "1m", "TRX_BTC-5m": "5m", "ETH-USD-4h": "4h", "ETH-USD-1d": "1d", "WIKI": "1d", "wiki": "1d"}


def head(data, name="file.csv", **overrides):
    data = data.encode() if isinstance(data, str) else data
    return sniff.sniff(data, None, name, len(data), overrides)


def mapped(found):
    return {target: each["column"] for target, each in found["mapping"].items()}


def ids(found):
    return [question["id"] for question in found["questions"]]


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_is_known_and_read_whole(realdata, name):
    form, kind, wanted, symbol, unit, rows = REAL[name]
    found = sniff.sniff_file(str(realdata / name), name.rsplit("/", 1)[1])
    assert json.loads(json.dumps(found)) == found
    assert (found["format"], found["kind"], mapped(found), found["symbol"]) == (form, kind, wanted, symbol)
    assert found["timestamp"]["unit"] == unit
    assert abs(found["rowsEstimate"] - rows) < 0.1 * rows
    assert not any(question["required"] for question in found["questions"])
    interval = next((text for start, text in INTERVALS.items() if name.rsplit("/", 1)[1].startswith(start)), None)
    assert found["interval"] == interval
    batches = list(readers.open_batches(str(realdata / name), mapping.plan_from(found)))
    assert sum(batch.table.num_rows for batch in batches) == rows
    assert not any(batch.rejects for batch in batches)


@pytest.mark.parametrize(
    "name", ["brent_daily", "fx_monthly", "us10y_monthly", "us_treasury_curves_1990_2017", "wti_daily"]
)
def test_series_of_values_are_a_question_of_kind(realdata, name):
    found = sniff.sniff_file(str(realdata / "macro" / f"{name}.csv"), f"{name}.csv")
    assert found["kind"] is None
    assert ids(found)[0] == "kind"
    with pytest.raises(MappingIncomplete):
        mapping.plan_from(found)


def test_mtgox_asks_whose_side_is_meant_and_can_be_told(realdata):
    path = realdata / "trades/mtgox_btcusd_2013-01-01.csv"
    found = sniff.sniff_file(str(path), path.name)
    assert ids(found) == ["side"]
    assert found["timestamp"]["first"] == "2013-01-01T00:04:19.486096Z"
    sides = {}
    for rule in ("taker", "maker", None):
        plan = mapping.plan_from(found, {"answers": {"side": rule}} if rule else {})
        [batch] = readers.open_batches(str(path), plan)
        sides[rule] = batch.table.column("side").slice(0, 2).to_pylist()
    assert sides == {"taker": [-1, 1], "maker": [1, -1], None: [None, None]}


def test_the_time_of_the_exchange_is_preferred_with_a_reason(realdata):
    found = sniff.sniff_file(str(realdata / (WS + "trades.csv")), "x.csv")
    assert "local_ns" in found["timestamp"]["reason"]
    assert found["timestamp"]["first"] == "2024-08-08T23:54:15.342Z"
    [batch, *_] = readers.open_batches(str(realdata / (WS + "trades.csv")), mapping.plan_from(found))
    assert batch.table.column("side")[0].as_py() == -1


@pytest.mark.parametrize("name", [XRP + "XRP_ETH-trades.feather", "bars/crypto_freqtrade/TRX_BTC-5m.feather"])
def test_head_and_tail_of_a_columnar_file_tell_its_columns(realdata, name):
    data = (realdata / name).read_bytes()
    found = sniff.sniff(data[: 64 << 10], data[-8192:], name, len(data))
    assert found["columns"][0]["name"] in REAL[name][2].values()
    assert found["format"] == "feather"


def test_a_parquet_head_and_tail_tell_names_types_and_rows():
    out = io.BytesIO()
    times = pa.array(np.arange(300_000) * 10**9, pa.timestamp("ns", tz="UTC"))
    prices = np.random.default_rng(1).normal(size=300_000)
    pq.write_table(pa.table({"time": times, "price": prices, "size": prices}), out)
    data = out.getvalue()
    found = sniff.sniff(data[:1000], data[-8192:], "x.parquet", len(data))
    assert (found["kind"], found["rowsEstimate"]) == ("trades", 300_000)
    assert mapped(found) == {"ts_event": "time", "price": "price", "size": "size"}
    assert sniff.sniff(data, None, "x.parquet", len(data))["timestamp"]["first"] == "1970-01-01T00:00:00Z"


def test_a_parquet_head_alone_says_that_its_columns_are_out_of_reach():
    out = io.BytesIO()
    pq.write_table(pa.table({"time": range(1000)}), out)
    for tail in (None, out.getvalue()[-20:]):
        found = sniff.sniff(out.getvalue()[:100], tail, "x.parquet", len(out.getvalue()))
        assert found["problems"][0]["code"] == "COLUMNS_OUT_OF_REACH"
        assert found["questions"] == []
        with pytest.raises(MappingIncomplete):
            mapping.plan_from(found)


@pytest.mark.parametrize("cut", [5000, 40_000])
def test_a_head_of_a_packed_file_is_enough(cut):
    text = "time,price,size\n" + "".join(f"{1_700_000_000 + n},{n % 97}.5,{n * 7 % 1009}\n" for n in range(50_000))
    data = gzip.compress(text.encode())
    found = sniff.sniff(data[:cut], None, "BTC-USD.csv.gz", len(data))
    assert (found["format"], found["compression"], found["kind"], found["symbol"]) == (
        "csv",
        "gzip",
        "trades",
        "BTC/USD",
    )
    assert abs(found["rowsEstimate"] - 50_000) < 15_000


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_delimiters_and_encodings_are_told(delimiter, encoding):
    text = "time,price,size\n1700000000,1.5,2\n1700000001,1.5,2\n".replace(",", delimiter)
    found = head(text.encode(encoding))
    assert (found["delimiter"], found["header"], found["kind"]) == (delimiter, True, "trades")


def test_a_decimal_comma_is_told():
    found = head("time;price;size\n1700000000;1,5;2,25\n1700000001;1,5;2\n")
    assert (found["delimiter"], found["decimal"], found["kind"]) == (";", ",", "trades")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"FEA1" + b"\0" * 40, FeatherV1Unsupported),
        (b"PK\x03\x04" + b"\0" * 40, FormatUnsupported),
        (b"%PDF-1.7 ...", FormatUnsupported),
        (b"DBN\x01" + b"\0" * 40, FormatUnsupported),
        (b"<!doctype html><html><body>Sign in</body></html>", HtmlNotData),
        (gzip.compress(b"<html><head>", mtime=0), HtmlNotData),
        (b"", FileEmpty),
        (b"\n \n", FileEmpty),
        (b"\0" * 100, FileEmpty),
    ],
)
def test_what_is_no_data_is_refused_by_name(data, error):
    with pytest.raises(error):
        head(data)


@pytest.mark.parametrize(("pack", "inner"), [(gzip.compress, "gzip"), (bz2.compress, "bz2")])
def test_a_file_packed_twice_is_said_to_be_still_compressed(pack, inner):
    with pytest.raises(StillPacked) as refused:
        head(gzip.compress(pack(b"time,price,size\n1700000000,1,2\n")))
    assert f"still compressed, with {inner}" in refused.value.message
    assert refused.value.details == {"compression": ["gzip", inner]}


def test_an_old_feather_file_is_refused_by_name():
    out = io.BytesIO()
    with pytest.warns(DeprecationWarning, match="Feather V1"):
        feather.write_feather(pa.table({"a": [1]}), out, version=1)
    with pytest.raises(FeatherV1Unsupported):
        head(out.getvalue())


def test_naive_times_ask_for_a_zone_and_an_answer_settles_it():
    found = head("time,price,size\n2024-01-02 10:00:00,1.5,2\n2024-01-02 10:00:01,1.5,2\n", "BTC-USD.csv")
    assert ids(found) == ["timezone"]
    with pytest.raises(TimezoneRequired):
        mapping.plan_from(found)
    assert mapping.plan_from(found, {"timezone": "Europe/Berlin"})["timezone"] == "Europe/Berlin"
    assert mapping.plan_from(found, {"answers": {"timezone": "UTC"}})["timezone"] == "UTC"
    with_said = head("time,price,size\n2024-01-02 10:00:00,1.5,2\n", "BTC-USD.csv", timezone="UTC")
    assert ids(with_said) == []


def test_midnights_of_daily_bars_ask_nothing():
    text = "date,open,high,low,close\n2024-01-02 00:00:00,1,2,1,2\n2024-01-03 00:00:00,1,2,1,2\n"
    found = head(text, "AAPL.csv")
    assert ids(found) == []
    assert mapping.plan_from(found)["timestampFormat"] == "date"


def test_naive_midnights_of_a_saved_frame_are_session_dates(tmp_path):
    days = pa.array(np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[ns]"))
    columns = {"date": days, **{name: [1.0, 2.0] for name in ("open", "high", "low", "close")}}
    path = tmp_path / "AAPL.parquet"
    pq.write_table(pa.table(columns), path)
    found = sniff.sniff_file(str(path), path.name)
    assert (ids(found), found["interval"], found["symbol"]) == ([], "1d", "AAPL")
    [batch] = readers.open_batches(str(path), mapping.plan_from(found))
    assert batch.table.column("ts_event").cast("int64").to_pylist() == days.cast("int64").to_pylist()


def test_day_and_month_are_asked_only_when_no_value_decides():
    rows = "time,price,size\n{}/02/2024 10:00:00,1.5,2\n{}/02/2024 10:00:00,1.5,2\n"
    assert ids(head(rows.format("01", "03"), "BTC-USD.csv")) == ["dateOrder", "timezone"]
    assert ids(head(rows.format("01", "25"), "BTC-USD.csv")) == ["timezone"]
    dates = "date,open,high,low,close\n01/02/2024,1,2,1,2\n03/02/2024,1,2,1,2\n"
    found = head(dates, "AAPL.csv")
    with pytest.raises(DateOrderAmbiguous):
        mapping.plan_from(found)
    assert mapping.plan_from(found, {"dateOrder": "mdy"})["dateOrder"] == "mdy"


def test_a_date_and_a_time_of_day_are_read_together(tmp_path):
    text = "Date,Time,Open,High,Low,Close\n2024.01.02,10:00,1,2,1,2\n2024.01.02,10:01,1,2,1,2\n"
    text = text.replace("2024.01.02", "2024-01-02")
    found = head(text, "EURUSD.csv")
    assert mapped(found)["time_of_day"] == "Time"
    assert ids(found) == ["timezone"]
    path = tmp_path / "raw"
    path.write_text(text)
    [batch] = readers.open_batches(str(path), mapping.plan_from(found, {"timezone": "UTC"}))
    assert [str(value) for value in batch.table.column("ts_event").cast("timestamp[s]").to_numpy()] == [
        "2024-01-02T10:00:00",
        "2024-01-02T10:01:00",
    ]


def test_a_second_header_is_noted():
    found = head("time,price,size\ntime,price,size\n1700000000,1,2\n", "BTC-USD.csv")
    assert "HEADER_REPEATED" in [problem["code"] for problem in found["problems"]]


def test_a_preamble_is_skipped():
    found = head("# exported by x\ntime,price,size\n1700000000,1,2\n1700000001,1,2\n", "BTC-USD.csv")
    assert (found["skipRows"], found["header"], found["kind"]) == (1, True, "trades")


def test_json_lines_and_candles_without_names_are_known():
    lines = '{"time": 1700000000, "price": 1.5, "size": 2}\n{"time": 1700000001, "price": 1.5, "size": 2}\n'
    assert (head(lines, "BTC-USD.jsonl")["format"], head(lines)["kind"]) == ("jsonl", "trades")
    candles = json.dumps([[1700000000000 + n * 60_000, 10, 12 + n, 9, 11, 5] for n in range(5)])
    found = head(candles, "BTC-USD.json")
    assert (found["kind"], found["interval"]) == ("bars", "1m")
    assert mapped(found) == {"ts_event": "0", "open": "1", "high": "2", "low": "3", "close": "4", "volume": "5"}


def test_the_file_is_sniffed_the_same_by_path_and_by_task(tmp_path):
    path = tmp_path / "BTC-USD.csv"
    path.write_text("time,price,size\n1700000000,1,2\n")
    found = sniff.task({"path": str(path), "filename": path.name}, print)
    assert found == head(path.read_bytes(), path.name)
