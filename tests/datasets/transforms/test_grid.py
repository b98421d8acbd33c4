"""Buckets are numbered without gaps and named by their open time, on plain time, calendars and zones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.market import intervals
from datasets.market.intervals import DAY, HOUR
from datasets.transforms import grid

START = int(np.datetime64("2024-10-01", "ns").astype(np.int64))
WORDS = ["1s", "7m", "1h", "4h", "1d", "3d", "1w", "1M"]


def days_of(session):
    return grid.days(session, START, START + 60 * DAY)


@given(
    word=st.sampled_from(WORDS),
    session=st.sampled_from([None, "XNYS", "Europe/Berlin"]),
    ts=st.lists(st.integers(START, START + 60 * DAY), min_size=1),
)
def test_a_bucket_opens_not_after_its_rows_and_its_number_leads_back_to_it(word, session, ts):
    days = days_of(session)
    buckets = grid.Grid(intervals.parse(word), days)
    stamps = np.sort(np.array(ts, np.int64))
    if buckets.days is not None:
        stamps = stamps[days.hold(stamps)]
    labels = buckets.label(stamps)
    assert (labels <= stamps).all()
    assert (np.diff(labels) >= 0).all()
    np.testing.assert_array_equal(buckets.at(buckets.position(labels)), labels)


def test_no_session_falls_on_a_holiday_and_weeks_are_named_by_their_first():
    days = days_of("XNYS")
    label = grid.Grid(intervals.parse("1w"), days).label(days.opens)
    monday = int(np.datetime64("2024-11-25", "ns").astype(np.int64))
    assert ((label == monday).sum(), (days.labels == monday + 3 * DAY).sum()) == (4, 0)


def test_zone_days_are_23_and_25_hours_long():
    edges = np.diff(grid.days("Europe/Berlin", START, START + 60 * DAY).opens)
    assert sorted(set(edges.tolist())) == [24 * HOUR, 25 * HOUR]


def test_round_the_clock_needs_no_days():
    assert grid.days("24/7", 0, DAY) is None
    assert grid.days(None, 0, DAY) is None


def test_unknown_zones_are_refused():
    for name in ("Moon/Base", "../etc/passwd", "a/" + "b" * 300):
        with pytest.raises(grid.SessionUnknown):
            grid.days(name, 0, DAY)
