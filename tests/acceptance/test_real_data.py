"""Real files, through the API and the queue, against what is known of them."""

import csv
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from datasets.models import DatasetVersion, VersionFile
from datasets.storage import blobs
from tests.kit import raw
from tests.lona.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


def validated(person, path, **declared):
    version = raw.uploaded(person, path, path.name, **declared)
    answer = person.api.post(f"/v1/datasets/{version.dataset.ref}/validate", {}, format="json")
    assert answer.status_code == 202
    work()
    version.refresh_from_db()
    return version


def candles(person, source, frequency):
    body = {"frequency": frequency, "version": source.number}
    answer = person.api.post(f"/v1/datasets/{source.dataset.ref}/transform/candles", body, format="json")
    assert answer.status_code == 202, answer.data
    work()
    return DatasetVersion.of(person.tenant.id).get(dataset=source.dataset, number=answer.data["outputVersion"])


def table(version):
    file = VersionFile.objects.get(version=version)
    with blobs.local(file.key) as path:
        return pq.read_table(path)


def test_xrpeth_trades_give_exactly_the_published_candles(owner, realdata):
    folder = realdata / "pairs" / "binance_xrpeth_2019-10-11"
    source = validated(owner, folder / "XRP_ETH-trades.feather", symbol="XRP/ETH", venue="BINANCE")
    assert (source.status, source.row_count) == ("validated", 12_477)
    for frequency, count in (("1m", 2_469), ("5m", 706)):
        ours = table(candles(owner, source, frequency))
        given = feather.read_table(folder / f"XRP_ETH-{frequency}.feather")
        assert (ours.num_rows, given.num_rows) == (count, count)
        opened = given["date"].cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
        assert ours["ts_event"].cast(pa.int64()).equals(opened)
        for name in ("open", "high", "low", "close", "volume"):
            pairs = zip(ours[name].to_pylist(), given[name].to_pylist(), strict=True)
            assert all(abs(a - b) < 1e-9 for a, b in pairs), name


def test_the_websocket_trades_and_quotes_validate_and_convert(owner, realdata):
    folder = realdata / "feeds" / "binance_ws"
    trades = validated(owner, folder / "derived_spot_btcusdt_trades.csv", symbol="BTCUSDT")
    assert (trades.status, trades.kind, trades.row_count) == ("validated", "trades", 19_904)
    minutes = table(candles(owner, trades, "1m"))
    with (folder / "derived_spot_btcusdt_trades.csv").open() as file:
        rows = list(csv.DictReader(file))
    counted = Counter(
        int(row["exchange_ms"]) // 60_000 for row in rows
    )  # ten full minutes and the two they lie between
    opened = [at // 60_000_000_000 for at in minutes["ts_event"].cast(pa.int64()).to_pylist()]
    assert dict(zip(opened, minutes["trades"].to_pylist(), strict=True)) == dict(counted)
    assert len(counted) == 12
    quotes = validated(owner, folder / "derived_spot_btcusdt_bbo.csv.gz", symbol="BTCUSDT")
    assert (quotes.status, quotes.kind, quotes.row_count) == ("validated", "quotes", 73_174)
    for price in ("bid", "ask", "mid"):
        body = {"frequency": "1m", "price": price}
        answer = owner.api.post(f"/v1/datasets/{quotes.dataset.ref}/transform/candles", body, format="json")
        assert answer.status_code == 202
    work()
    made = DatasetVersion.of(owner.tenant.id).filter(dataset=quotes.dataset, operation="candles")
    assert {row.status for row in made} == {"ready"}
    assert len({row.content_digest for row in made}) == 3


@pytest.mark.parametrize(
    ("path", "rows", "status"),
    [
        ("trades/bitstamp_btcusd_2011_noheader.csv", 9_999, "validated"),
        ("trades/mtgox_btcusd_2013-01-01.csv", 2_331, "validated"),
        ("trades/kraken_bcheur_2023.csv", 148, "validated"),
    ],
)
def test_headless_and_odd_trade_files_are_read_without_a_question(owner, realdata, path, rows, status):
    version = validated(owner, realdata / path, symbol="BTC-USD")
    assert (version.status, version.row_count) == (status, rows)


def test_apple_shows_both_splits_and_the_true_fall_as_findings(owner, realdata):
    version = validated(owner, realdata / "bars" / "us_equity_daily" / "wiki_stocks_aapl_fb_goog_ibm_msft.csv.gz")
    assert (version.status, version.interval, version.row_count) == ("ready", "1d", 12_154)
    report = owner.api.get(f"/v1/datasets/{version.dataset.ref}/quality-report").data["qualityReport"]
    checks = {check["id"]: check for check in report["checks"]}
    days = {name: {one["ts"][:10] for one in checks[name]["samples"] if one["instrument"] == "AAPL"} for name in checks}
    assert {"2000-06-21", "2005-02-28"} <= days["moves.split"]
    assert "2000-09-29" in days["moves.large"]
    assert "2000-09-29" not in days["moves.split"]


def test_a_flash_crash_and_a_negative_price_are_kept_and_flagged(owner, realdata):
    version = validated(owner, realdata / "pairs" / "coinbase_ethusd" / "ETH-USD-1d.json.gz", symbol="ETH-USD")
    assert version.status == "ready"
    assert min(table(version)["low"].to_pylist()) == 0.1
    report = owner.api.get(f"/v1/datasets/{version.dataset.ref}/quality-report").data["qualityReport"]
    flagged = {one["ts"][:10] for check in report["checks"] for one in check["samples"] if one.get("ts")}
    assert "2017-06-21" in flagged
