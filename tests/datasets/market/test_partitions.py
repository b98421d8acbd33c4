"""Which session a row belongs to, how many rows it should have, and when the next are due."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.market import dates, partitions, tables
from tests.kit.lake import DAY, ns

MINUTE, DAILY, CRYPTO = (tables.find(name) for name in ("equities_bars_minute", "equities_bars", "crypto_bars_1m"))


def days(table, calendar, *texts):
    return [
        str(dates.to_date(day)) for day in partitions.session_days(table, calendar, np.array([ns(t) for t in texts]))
    ]


def test_minutes_belong_to_the_session_that_holds_them():
    assert days(MINUTE, "XNYS", "2024-11-29T14:30", "2024-11-29T17:59") == ["2024-11-29"] * 2


def test_extended_hours_belong_to_the_date_at_the_venue():
    assert days(MINUTE, "XNYS", "2024-11-27T09:00", "2024-11-28T00:30") == ["2024-11-27"] * 2


def test_a_daily_bar_names_its_date_by_utc_midnight_or_by_the_venues():
    assert days(DAILY, "XNYS", "2024-07-01T00:00", "2024-07-01T04:00", "2024-12-02T05:00") == [
        "2024-07-01",
        "2024-07-01",
        "2024-12-02",
    ]


def test_a_half_day_is_complete_with_210_minutes():
    found = partitions.expected(MINUTE, "XNYS", ns("2024-11-25"), ns("2024-12-01"))
    told = {
        str(dates.to_date(day)): (rows, short)
        for day, rows, short in zip(found.days, found.rows.tolist(), found.short.tolist(), strict=True)
    }
    assert told == {
        "2024-11-25": (390, False),
        "2024-11-26": (390, False),
        "2024-11-27": (390, False),
        "2024-11-29": (210, True),
    }


def test_venues_that_never_close_have_no_weekend():
    found = partitions.expected(CRYPTO, "24/7", ns("2024-11-29"), ns("2024-12-03"))
    assert found.rows.tolist() == [1440] * 4
    assert partitions.expected(tables.find("crypto_bars_4h"), "24/7", 0, DAY).rows.tolist() == [6]


def test_without_a_calendar_nobody_expects_anything():
    assert len(partitions.expected(CRYPTO, "", 0, 10 * DAY).days) == 0


@pytest.mark.parametrize(
    ("table", "calendar", "last", "due"),
    [
        (CRYPTO, "24/7", "2024-11-29T10:00", "2024-11-29T10:02"),
        (DAILY, "XNYS", "2024-11-29", "2024-12-02T21:00"),
        (DAILY, "XNYS", "2024-11-27", "2024-11-29T18:00"),
    ],
)
def test_the_next_rows_are_due_at_the_close(table, calendar, last, due):
    assert partitions.next_due(table, calendar, ns(last)) == ns(due)


@pytest.mark.parametrize(("span", "end"), [("day", "2024-02-29"), ("month", "2024-03-01"), ("year", "2025-01-01")])
def test_spans_end_where_the_next_begins(span, end):
    start = dates.span_start_of(span, ns("2024-02-28T23:59:59.999999999"))
    assert dates.span_end(span, start) == ns(end)


@pytest.mark.parametrize("span", ["day", "month", "year"])
@given(st.lists(st.integers(-(2**62), 2**62), max_size=40), st.booleans())
def test_each_row_has_the_start_of_its_span_in_whatever_order_they_come(span, instants, in_order):
    rows = np.array(sorted(instants) if in_order else instants, dtype=np.int64)
    assert partitions.span_start(span, rows).tolist() == [dates.span_start_of(span, each) for each in rows.tolist()]


def test_every_recorded_session_is_expected():
    path = Path(os.environ.get("NEXUS_REALDATA", "../shared/data")) / "calendars/xnys.csv"
    if not path.exists():
        pytest.skip("the recorded calendar is not here (NEXUS_REALDATA)")
    recorded = pd.read_csv(path, index_col=0)
    labels = pd.to_datetime(recorded.get("session", recorded.index))
    wanted = labels.values.astype("datetime64[D]").astype(int)
    found = partitions.expected(DAILY, "XNYS", int(wanted[0]) * DAY, (int(wanted[-1]) + 1) * DAY)
    assert found.days.tolist() == wanted.tolist()
