"""Intervals: one spelling each, buckets half-open from their open time, weeks from Monday, months by calendar."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.market.intervals import DAY, LISTED, MINUTE, SECOND, FrequencyUnsupported, from_ns, parse

instant = st.integers(-(10**18), 4 * 10**18)
text = st.one_of(
    st.sampled_from([*LISTED, "1w", "1M"]),
    st.tuples(st.integers(1, 300), st.sampled_from("smhd")).map(lambda pair: f"{pair[0]}{pair[1]}"),
)


def ns(when):
    return int(np.datetime64(when, "ns").astype(np.int64))


@given(text, instant)
def test_an_instant_lies_in_its_bucket(name, at):
    interval = parse(name)
    opened = interval.floor(at)
    assert opened <= at < interval.following(opened)
    assert interval.floor(opened) == opened
    assert interval.floor(interval.following(opened)) == interval.following(opened)
    assert interval.floor(interval.following(opened) - 1) == opened


@given(text, st.lists(instant, min_size=1, max_size=20))
def test_arrays_and_single_instants_agree(name, times):
    interval = parse(name)
    array = np.array(times, dtype=np.int64)
    assert interval.floor(array).tolist() == [interval.floor(at) for at in times]
    assert interval.following(interval.floor(array)).tolist() == [
        interval.following(interval.floor(at)) for at in times
    ]


@given(st.integers(1, 10**6))
def test_a_length_has_one_name(seconds):
    if seconds * SECOND > 366 * DAY:
        return
    assert parse(from_ns(seconds * SECOND).text).duration_ns == seconds * SECOND


@pytest.mark.parametrize(
    ("said", "name"), [("60m", "1h"), ("3600s", "1h"), ("24h", "1d"), ("90s", "90s"), ("7d", "7d")]
)
def test_the_largest_whole_unit_names_it(said, name):
    assert str(parse(said)) == name


@pytest.mark.parametrize(
    "said", ["", "m", "0m", "-1m", "1.5h", "1 m", "1y", "2w", "2M", "01m", "1m ", "١m", "999999d", None, 5]
)
def test_other_words_are_refused(said):
    with pytest.raises(FrequencyUnsupported) as caught:
        parse(said)
    assert caught.value.code == "DATASET_TRANSFORM_FREQUENCY_UNSUPPORTED"


@pytest.mark.parametrize("length", [0, -1, SECOND // 2, SECOND + 1])
def test_lengths_that_are_no_whole_seconds_are_refused(length):
    with pytest.raises(FrequencyUnsupported):
        from_ns(length)


@pytest.mark.parametrize(
    ("name", "at", "opened", "after"),
    [
        ("1w", "2024-02-29T12:00", "2024-02-26", "2024-03-04"),
        ("1w", "2024-02-26T00:00", "2024-02-26", "2024-03-04"),
        ("1w", "1969-12-30T00:00", "1969-12-29", "1970-01-05"),
        ("1M", "2024-02-29T23:59", "2024-02-01", "2024-03-01"),
        ("1M", "2023-12-31T23:59", "2023-12-01", "2024-01-01"),
        ("4h", "2024-01-01T07:59", "2024-01-01T04:00", "2024-01-01T08:00"),
    ],
)
def test_weeks_begin_on_monday_and_months_by_calendar(name, at, opened, after):
    interval = parse(name)
    assert interval.floor(ns(at)) == ns(opened)
    assert interval.following(ns(opened)) == ns(after)


def test_seven_days_are_not_a_week():
    assert parse("7d").floor(ns("1970-01-07")) == 0
    assert parse("7d").duration_ns == parse("1w").duration_ns
    assert parse("7d") != parse("1w")


def test_what_divides_what():
    assert parse("1m").divides(parse("1h"))
    assert not parse("7m").divides(parse("1h"))
    assert parse("1d").divides(parse("1w"))
    assert parse("4h").divides(parse("1M"))
    assert not parse("1w").divides(parse("1M"))
    assert not parse("5h").divides(parse("1w"))
    assert parse("1m").duration_ns == MINUTE
