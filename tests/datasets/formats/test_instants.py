"""Times: the unit by magnitude, zones honoured or asked for, impossible local times marked, never a guess."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.formats.errors import DateOrderAmbiguous, TimestampUnitsMixed, TimezoneRequired, TimezoneUnknown
from datasets.formats.instants import SCALE, UNITS, Clock

WHEN = 1_570_752_011_620_000_000


def convert(values, kind=None, **plan):
    array = pa.array(values, kind)
    found = Clock(plan).convert(array, np.arange(len(array)))
    return [
        found.reasons.get(at) or str(np.datetime64(int(ns), "ns")).rstrip("0").rstrip(".")
        for at, ns in enumerate(found.ns)
    ]


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_is_told_by_magnitude(unit):
    value = WHEN // SCALE[unit]
    found = Clock({}).convert(pa.array([value]), np.arange(1))
    assert found.ns.tolist() == [value * SCALE[unit]]
    assert Clock({}).convert(pa.array([str(value)]), np.arange(1)).ns.tolist() == found.ns.tolist()


@given(st.sampled_from(UNITS), st.lists(st.integers(1_000_000_000, 4_000_000_000), min_size=1))
def test_any_times_of_one_unit_are_read_in_it(unit, seconds):
    values = [second * (SCALE["s"] // SCALE[unit]) for second in seconds]
    assert Clock({}).convert(pa.array(values), np.arange(len(values))).ns.tolist() == [s * 10**9 for s in seconds]


def test_ticks_at_millisecond_steps_are_still_nanoseconds():
    assert convert([WHEN, WHEN + 10**6])[1].endswith(".621")


@pytest.mark.parametrize("values", [["202410080930", None, "202410080931"], [202410080930, None, 202410080931]])
def test_dates_and_times_in_digits_alone_are_no_count_of_milliseconds(values):
    assert convert(values, timezone="UTC") == ["2024-10-08T09:30:00", "NULL_VALUE", "2024-10-08T09:31:00"]
    with pytest.raises(TimezoneRequired):
        convert(values)
    assert convert(values[:1], timestampUnit="ms") == ["1976-05-31T17:01:20.93"]


def test_one_impossible_date_among_digits_is_marked():
    values = [f"2024100809300{second}" for second in range(10)] + ["20241308093010"]
    assert convert(values, timezone="UTC")[-2:] == ["2024-10-08T09:30:09", "TIMESTAMP_INVALID"]


def test_a_declared_pattern_is_obeyed_for_integers_too():
    assert convert([81020240930], timestampFormat="%d%m%Y%H%M", timezone="UTC") == ["TIMESTAMP_INVALID"]
    assert convert([18102024], timestampFormat="%d%m%Y") == ["2024-10-18T00:00:00"]


def test_mixed_units_are_refused_with_their_rows():
    clock = Clock({})
    clock.convert(pa.array([WHEN // 10**9] * 3), np.arange(3))
    with pytest.raises(TimestampUnitsMixed) as caught:
        clock.convert(pa.array([WHEN // 10**9, WHEN // 10**6]), np.array([3, 4]))
    assert caught.value.details["rows"] == [{"row": 4, "value": WHEN // 10**6, "unit": "ms"}]


def test_a_declared_unit_that_the_values_contradict_is_refused():
    with pytest.raises(TimestampUnitsMixed):
        convert([WHEN // 10**6], timestampUnit="s")


def test_zero_empty_and_impossible_epochs_are_marked():
    assert convert([0, None, 99_999_999_999]) == ["TIMESTAMP_ZERO", "NULL_VALUE", "TIMESTAMP_OUT_OF_RANGE"]


def test_fractions_of_seconds_keep_their_digits_in_text():
    assert convert(["1618677816.843429812", "1618677817"]) == ["2021-04-17T16:43:36.843429812", "2021-04-17T16:43:37"]


def test_fractions_in_decimals_keep_their_digits():
    seconds = Decimal("1618677816.843429812")
    assert convert([seconds, None], pa.decimal128(19, 9)) == ["2021-04-17T16:43:36.843429812", "NULL_VALUE"]


def test_fractions_in_doubles_are_read_to_the_microsecond():
    assert convert([1618677816.8434298]) == ["2021-04-17T16:43:36.84343"]


def test_offsets_in_the_text_are_honoured():
    texts = [
        "2024-01-01T00:00:00.123456789Z",
        "2024-01-01 00:00:00+02:00",
        "2024-01-01 00:00:00 UTC",
        "2024-01-01T05:30+0530",
    ]
    assert convert(texts, timezone="America/New_York") == [
        "2024-01-01T00:00:00.123456789",
        "2023-12-31T22:00:00",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00",
    ]


@pytest.mark.parametrize("value", ["2024-01-01 10:00:00", "2024-01-01T10:00", "2024/01/01 10:00:00.5"])
def test_naive_times_without_a_zone_are_a_question(value):
    with pytest.raises(TimezoneRequired):
        convert([value])


def test_naive_typed_times_without_a_zone_are_a_question():
    with pytest.raises(TimezoneRequired):
        convert([dt.datetime(2024, 1, 1)], pa.timestamp("us"))
    assert convert([dt.datetime(2024, 1, 1)], pa.timestamp("us"), timezone="Asia/Tokyo") == ["2023-12-31T15:00:00"]


def test_local_times_that_never_were_or_were_twice_are_marked():
    texts = ["2024-03-10 01:59:59", "2024-03-10 02:30:00", "2024-11-03 01:30:00", "2024-11-03 02:00:00"]
    assert convert(texts, timezone="America/New_York") == [
        "2024-03-10T06:59:59",
        "LOCAL_TIME_NONEXISTENT",
        "LOCAL_TIME_AMBIGUOUS",
        "2024-11-03T07:00:00",
    ]


def test_an_unknown_zone_is_named():
    with pytest.raises(TimezoneUnknown):
        convert(["2024-01-01 10:00:00"], timezone="Mars/Olympus")


def test_dates_are_labels_of_sessions_and_need_no_zone():
    texts = ["2024-01-05", "2024/01/05", "20240105"]
    assert convert(texts) == ["2024-01-05T00:00:00"] * 3
    assert convert([20240105], timestampFormat="date") == ["2024-01-05T00:00:00"]
    assert convert([dt.date(2024, 1, 5)]) == ["2024-01-05T00:00:00"]
    assert convert(["2024-01-05 00:00:00"], timestampFormat="date") == ["2024-01-05T00:00:00"]


def test_day_and_month_in_doubt_are_a_question():
    with pytest.raises(DateOrderAmbiguous):
        convert(["01/02/2024"])
    assert convert(["01/02/2024"], dateOrder="dmy") == ["2024-02-01T00:00:00"]
    assert convert(["1/2/2024"], dateOrder="mdy") == ["2024-01-02T00:00:00"]
    assert convert(["01.02.24 10:00:00.123456789"], dateOrder="dmy", timezone="UTC") == [
        "2024-02-01T10:00:00.123456789"
    ]
    assert convert(["1/2/2024 1:05 PM"], dateOrder="mdy", timezone="UTC") == ["2024-01-02T13:05:00"]


@pytest.mark.parametrize("text", ["2024-02-30", "2024-13-01", "2024-01-01T25:00:00Z", "yesterday", "12:30", "1", "-"])
def test_what_is_no_time_is_marked(text):
    assert convert(["2024-01-01", text], timezone="UTC")[1] == "TIMESTAMP_INVALID"


def test_impossible_dates_in_a_declared_pattern_are_marked():
    texts = ["31/02/2024 10:00", "28/02/2024 10:00", "28/02/2024 24:30"]
    found = convert(texts, timestampFormat="%d/%m/%Y %H:%M", timezone="UTC")
    assert found == ["TIMESTAMP_INVALID", "2024-02-28T10:00:00", "TIMESTAMP_INVALID"]


def test_times_beyond_nanoseconds_are_marked():
    assert convert([dt.date(9999, 1, 1)]) == ["TIMESTAMP_INVALID"]
    assert convert(["9999-01-01"]) == ["TIMESTAMP_INVALID"]
