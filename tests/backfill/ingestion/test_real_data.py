"""Real recorded data through the whole way, against what is known of it."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pyarrow as pa
import pytest

from datasets.lake import scan
from datasets.market import intervals
from datasets.models import LakePartition
from tests.kit.lake import DAY, ns

pytestmark = pytest.mark.django_db(transaction=True)


def entry(person, table, name):
    return scan.entry_of(person.actor.tenant_id, table, name)


def rows(person, table, name):
    return pa.concat_tables(scan.tables_of(scan.locate(entry(person, table, name))))


def verdicts(person, table, name, code=None):
    found = LakePartition.objects.filter(entry=entry(person, table, name)).order_by("session")
    return {str(each.session): each for each in found if code is None or code in each.codes}


def test_the_thin_pair_lacks_717_minutes(owner, recorded, hand_in):
    name = "FREQTRADE:UNITTEST_BTC"
    item = hand_in(owner, [name])[f"crypto_bars_1m/{name}"]
    assert (item["outcome"], item["rows"]) == ("committed", 13_681)
    ledger = verdicts(owner, "crypto_bars_1m", name)
    assert sum(each.rows for each in ledger.values()) == 13_681
    assert {each.expected for each in ledger.values()} == {1440}
    held = entry(owner, "crypto_bars_1m", name)
    minute = intervals.MINUTE
    edges = (held.first_ns % DAY) // minute + (DAY - minute - held.last_ns % DAY) // minute
    assert sum(each.expected - each.rows for each in ledger.values()) - edges == 717
    assert {each.status for each in ledger.values()} == {"GREEN", "AMBER"}


def test_ether_in_four_hours_and_days(owner, recorded, hand_in):
    name = "COINBASE:ETH-USD"
    items = hand_in(owner, [name])
    assert {key: (each["outcome"], each["rows"]) for key, each in items.items()} == {
        f"crypto_bars_1d/{name}": ("committed", 3_450),
        f"crypto_bars_4h/{name}": ("committed", 20_675),
    }
    fine, coarse = rows(owner, "crypto_bars_4h", name), rows(owner, "crypto_bars_1d", name)
    ledger = verdicts(owner, "crypto_bars_4h", name)
    held = entry(owner, "crypto_bars_4h", name)
    four = 4 * intervals.HOUR
    edges = (held.first_ns % DAY) // four + (DAY - four - held.last_ns % DAY) // four
    assert sum(each.expected - each.rows for each in ledger.values()) - edges == 26
    missing = [day for day, each in verdicts(owner, "crypto_bars_1d", name).items() if each.code == "MISSING"]
    assert missing == ["2016-05-21", "2016-05-22"]  # one hole, two days wide
    assert min(coarse["low"].to_pylist()) == 0.1  # the flash crash is true
    assert verdicts(owner, "crypto_bars_1d", name)["2017-06-21"].status == "AMBER"
    assert "RET_OUTLIER" in verdicts(owner, "crypto_bars_4h", name)["2017-06-21"].codes
    _days_of(fine, coarse)


def _days_of(fine, coarse):
    """Of the days with all six bars: high and low are those of the day, exactly."""
    days = fine["ts_event"].cast(pa.int64()).to_numpy() // DAY
    found, first, count = np.unique(days, return_index=True, return_counts=True)
    high = np.maximum.reduceat(fine["high"].to_numpy(), first)[count == 6]
    low = np.minimum.reduceat(fine["low"].to_numpy(), first)[count == 6]
    whole = found[count == 6]
    daily = coarse["ts_event"].cast(pa.int64()).to_numpy() // DAY
    shared, at, where = np.intersect1d(whole, daily, return_indices=True)
    assert len(shared) == 3_441
    assert (high[at] == coarse["high"].to_numpy()[where]).all()
    assert (low[at] == coarse["low"].to_numpy()[where]).all()


def test_apple_carries_two_suspected_splits_and_a_true_fall(owner, recorded, hand_in):
    item = hand_in(owner, ["XNAS:AAPL"])["equities_bars/XNAS:AAPL"]
    assert item["outcome"] == "committed"
    suspects = set(verdicts(owner, "equities_bars", "XNAS:AAPL", "SPLIT_SUSPECT"))
    assert {"2000-06-21", "2005-02-28"} <= suspects
    fall = verdicts(owner, "equities_bars", "XNAS:AAPL")["2000-09-29"]
    assert fall.rows == 1
    assert "SPLIT_SUSPECT" not in fall.codes
    assert "RET_OUTLIER" in fall.codes
    found = {each["code"]: each for each in item["findings"]}
    assert found["GAP"]["start"].startswith("2001-09-10")  # the exchange was shut for a week
    assert found["GAP"]["missingSessions"] == 0
    assert "MISSING" not in found


def test_five_shares_are_raw_and_complete(owner, recorded, hand_in, realdata):
    names = {"AAPL": "XNAS:AAPL", "FB": "XNAS:FB", "GOOG": "XNAS:GOOG", "IBM": "XNYS:IBM", "MSFT": "XNAS:MSFT"}
    hand_in(owner, [{"instrument": name, "table": "equities_bars"} for name in names.values()])
    total = 0
    with gzip.open(realdata / "bars/us_equity_daily/wiki_stocks_aapl_fb_goog_ibm_msft.csv.gz", "rt") as stream:
        lines = list(csv.DictReader(stream))
    for ticker, name in names.items():
        lake = rows(owner, "equities_bars", name)
        close = dict(zip(lake["ts_event"].cast(pa.int64()).to_pylist(), lake["close"].to_pylist(), strict=True))
        mine = [line for line in lines if line["Ticker"] == ticker]
        total += len(mine)
        assert all(close[ns(line["Date"])] == float(line["Close"]) for line in mine)
        assert not verdicts(owner, "equities_bars", name, "TOXIC")
        assert not verdicts(owner, "equities_bars", name, "CONTAMINATED")
    assert total == 12_154


def test_a_reverse_split_that_is_known_is_no_surprise_and_a_year_without_a_file_is_a_gap(owner, recorded, hand_in):
    items = hand_in(owner, ["XNYS:AIG"])
    actions = rows(owner, "corporate_actions", "XNYS:AIG")
    told = list(zip(actions["action"].to_pylist(), actions["value"].to_pylist(), strict=True))
    assert ("split", 0.05) in told
    assert ("dividend", 8.275) in told
    day = verdicts(owner, "equities_bars", "XNYS:AIG")["2009-07-01"]
    assert day.rows == 1
    assert not {"TOXIC", "SPLIT_SUSPECT"} & set(day.codes)
    (gap,) = [each for each in items["equities_bars/XNYS:AIG"]["findings"] if each["code"] == "GAP"]
    assert (gap["start"][:10], gap["end"][:10], gap["missingSessions"]) == ("2009-12-31", "2011-01-03", 252)


def test_curves_keep_their_nulls_oil_its_negative_price_and_funding_its_stamps(owner, recorded, hand_in):
    items = hand_in(owner, ["UST:PAR-YIELDS", "EIA:WTI", "FREQTRADE:XRP_USDT"])
    assert {each["outcome"] for each in items.values()} == {"committed"}
    curve = rows(owner, "macro_treasury", "UST:PAR-YIELDS")
    assert curve.num_rows == 6_816
    assert [curve[f"y_{tenor}"].null_count for tenor in ("1month", "20year", "30year")] == [2_899, 939, 994]
    oil = rows(owner, "macro_series", "EIA:WTI")
    assert oil.num_rows == 10_226
    at = oil["ts_event"].cast(pa.int64()).to_pylist().index(ns("2020-04-20"))
    assert oil["value"][at].as_py() < 0
    funding = rows(owner, "funding", "FREQTRADE:XRP_USDT")
    stamps = funding["ts_event"].cast(pa.int64()).to_numpy()
    assert funding.num_rows == 91
    assert int((stamps % (8 * intervals.HOUR) != 0).sum()) == 59


def test_all_of_it_again_changes_nothing(owner, recorded, hand_in, settings):
    names = ["COINBASE:ETH-USD", "XNYS:AIG", "UST:PAR-YIELDS", "FREQTRADE:XRP_USDT", "EIA:WTI"]
    hand_in(owner, names)
    before = {
        (each.table, each.instrument): (each.revision, each.digest)
        for each in type(entry(owner, "funding", names[3])).of(owner.tenant.id)
    }
    again = hand_in(owner, names)
    assert {each["outcome"] for each in again.values()} == {"fresh"}
    forced = hand_in(owner, names, freshnessHours=0)
    assert {each["outcome"] for each in forced.values()} == {"committed"}
    whole = hand_in(owner, names, freshnessHours=0, full=True)
    assert {each["outcome"] for each in whole.values()} == {"committed"}
    after = {
        (each.table, each.instrument): (each.revision, each.digest)
        for each in type(entry(owner, "funding", names[3])).of(owner.tenant.id)
    }
    assert after == before
    assert {revision for revision, _ in after.values()} == {1}
