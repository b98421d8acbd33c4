"""Bars become coarser bars only where none of them reaches over a border."""

import numpy as np
import pytest

from datasets.market import calendars, intervals
from datasets.market.intervals import DAY, HOUR, MINUTE
from datasets.transforms.columns import BarsCrossBorder
from tests.datasets.transforms import tape
from tests.datasets.transforms.test_candles import REAL, bars, build, real

PRICES = ("open", "high", "low", "close", "volume")


def at(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


def gather(tmp_path, ts, interval, frequency, **asked):
    columns = {name: np.ones(len(ts)) for name in PRICES} | {"ts_event": np.asarray(ts)}
    source = tape.write(tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet", "bars", columns, interval=interval)
    return bars(build(tmp_path, [source], kind="bars", frequency=frequency, **asked))


def test_bars_that_reach_over_a_border_are_refused_by_name(tmp_path):
    ts = at("2024-03-01T00:02") + np.arange(12) * 5 * MINUTE
    with pytest.raises(BarsCrossBorder) as refused:
        gather(tmp_path, ts, "5m", "15m")
    assert refused.value.status == 422
    assert refused.value.details == {
        "instrument": "X", "ts": "2024-03-01T00:12:00.000000000Z", "interval": "5m", "frequency": "15m",
    }  # fmt: skip
    assert gather(tmp_path, at("2024-03-01") + np.arange(12) * 5 * MINUTE, "5m", "15m")["volume"] == [3.0] * 4


def test_shifted_bars_that_keep_every_border_asked_for_are_gathered(tmp_path):
    ts = at("2024-03-01T13:30") + np.arange(7) * HOUR
    assert gather(tmp_path, ts, "1h", "1d")["volume"] == [7.0]
    with pytest.raises(BarsCrossBorder):
        gather(tmp_path, ts, "1h", "4h")


def test_stamps_some_milliseconds_late_are_gathered_and_early_ones_refused(tmp_path):
    ts = at("2024-03-01") + np.arange(9) * 8 * HOUR
    late = ts + np.arange(9) * 2_000_000
    assert gather(tmp_path, late, "8h", "1d")["volume"] == [3.0] * 3
    with pytest.raises(BarsCrossBorder):
        gather(tmp_path, ts - 1_000_000, "8h", "1d")


def test_hours_begun_before_the_open_are_not_part_of_a_session(tmp_path):
    held = calendars.sessions("XNYS", at("2024-03-07"), at("2024-03-13"))  # summer time begins on the 10th
    pairs = list(zip(held.open_ns, held.close_ns, strict=True))
    own = np.concatenate([np.arange(start, end, HOUR) for start, end in pairs])
    assert gather(tmp_path, own, "1h", "1d", session="XNYS")["volume"] == [7.0] * len(held)
    full = np.concatenate([np.arange(start - start % HOUR, end, HOUR) for start, end in pairs])
    with pytest.raises(BarsCrossBorder):
        gather(tmp_path, full, "1h", "1d", session="XNYS")


def test_days_of_a_zone_refuse_bars_that_its_midnight_cuts(tmp_path):
    ts = at("2024-03-01") + np.arange(24) * 4 * HOUR
    with pytest.raises(BarsCrossBorder):
        gather(tmp_path, ts, "4h", "1d", session="Europe/Berlin")
    hours = at("2024-02-29T23:00") + np.arange(48) * HOUR
    assert gather(tmp_path, hours, "1h", "1d", session="Europe/Berlin")["volume"] == [24.0, 24.0]


@pytest.mark.parametrize("hour", [0, 4, 5, 13.5, 14.5])
@pytest.mark.parametrize(("frequency", "sums"), [("1w", [7.0, 7.0]), ("1M", [4.0, 10.0])])
def test_days_that_begin_at_an_american_midnight_or_open_are_gathered_by_their_date(tmp_path, hour, frequency, sums):
    first = "2024-03-04" if frequency == "1w" else "2024-02-26"
    ts = at(first) + np.arange(14) * DAY + int(hour * HOUR)
    assert gather(tmp_path, ts, "1d", frequency)["volume"] == sums


def test_days_that_begin_the_evening_before_need_their_zone_named(tmp_path):
    held = at("2024-03-24T23:00") + np.arange(14) * DAY
    ts = np.where(np.arange(14) > 6, held - HOUR, held)  # Berlin's midnight; summer time begins on Sunday the 31st
    with pytest.raises(BarsCrossBorder) as refused:
        gather(tmp_path, ts, "1d", "1w")
    assert refused.value.details["ts"].startswith("2024-03-24T23:00")
    weeks = gather(tmp_path, ts, "1d", "1w", session="Europe/Berlin")
    assert (weeks["volume"], weeks["ts"]) == ([7.0, 7.0], [at("2024-03-24T23:00"), at("2024-03-31T22:00")])


def test_bars_of_several_days_keep_the_borders_too(tmp_path):
    assert gather(tmp_path, np.arange(4) * 2 * DAY, "2d", "4d")["volume"] == [2.0, 2.0]
    with pytest.raises(BarsCrossBorder):
        gather(tmp_path, DAY + np.arange(4) * 2 * DAY, "2d", "4d")


@real
@pytest.mark.parametrize(("name", "days"), [("mark", 31), ("funding_rate", 31)])
def test_real_eight_hour_bars_make_days_though_their_stamps_are_late(tmp_path, name, days):
    import pyarrow as pa
    from pyarrow import feather

    table = feather.read_table(REAL / f"bars/crypto_freqtrade/XRP_USDT_USDT-8h-{name}.feather")
    ts = table.column("date").cast(pa.timestamp("ns", "UTC")).cast("int64").to_numpy()
    columns = {each: table.column(each).to_numpy() for each in PRICES} | {"ts_event": ts}
    source = tape.write(tmp_path / "in.parquet", "bars", columns, interval="8h")
    got = bars(build(tmp_path, [source], kind="bars", frequency="1d"))
    assert len(got["ts"]) == days
    assert got["open"][0] == columns["open"][0]
    assert intervals.parse("1d").floor(np.array(got["ts"])).tolist() == got["ts"]
