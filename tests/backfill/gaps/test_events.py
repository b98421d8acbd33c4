"""Holes of event tables: payments that the beat expects, business days, and what nobody can say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.gaps import events, holes
from backfill.gaps.holes import Window
from backfill.gaps.kinds import MISSING, MISSING_ROWS, UNSCHEDULED
from datasets.market import tables
from datasets.market.intervals import DAY, HOUR
from tests.kit.lake import MONDAY, ns

START = MONDAY * DAY
FUNDING, TREASURY, SERIES = (tables.find(name) for name in ("funding", "macro_treasury", "macro_series"))


def found(table, calendar, times, start, end, **more):
    times = np.array(sorted(times), dtype=np.int64)
    return holes.find(table, calendar, times, Window(start, end, more.pop("now_ns", START + 999 * DAY), **more))


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(15, 75), max_size=6), st.sampled_from([1, 4, 8]), st.integers(-5_000_000, 5_000_000))
def test_payments_that_are_missing_are_those_of_the_beat_less_those_there(lacking, hours, jitter):
    slots = [START + number * hours * HOUR for number in range(90)]
    rows = [at + jitter * (number % 2) for number, at in enumerate(slots) if number not in lacking]
    gaps = found(FUNDING, "24/7", rows, START, slots[-1] + 1)
    assert sum(gap.missing for gap in gaps) == len(lacking)
    for number in lacking:
        assert any(gap.start_ns < slots[number] < gap.end_ns for gap in gaps)
    assert not any(gap.start_ns <= at < gap.end_ns for gap in gaps for at in rows)


def test_a_day_without_any_payment_is_missing_whole():
    rows = [START + number * 8 * HOUR for number in range(60) if number not in (30, 31, 32, 40)]
    day, one = found(FUNDING, "", rows, START, START + 20 * DAY)
    assert (day.kind, day.missing, day.day) == (MISSING, 3, MONDAY + 10)
    assert (one.kind, one.missing, one.day) == (MISSING_ROWS, 1, None)
    assert found(FUNDING, "", rows, START, START + 20 * DAY, excused=frozenset({MONDAY + 10})) == [one]


def test_where_payments_begin_to_come_more_often_none_is_missing():
    rows = [START + number * 8 * HOUR for number in range(30)]
    rows += [rows[-1] + number * 4 * HOUR for number in range(1, 30)]
    assert found(FUNDING, "", rows, START, rows[-1] + 1) == []


def test_payments_before_the_first_and_after_the_last_row_of_the_window_are_missing_once_they_are_due():
    rows = [START + number * 8 * HOUR for number in range(30)]
    early = found(FUNDING, "", rows, START - 16 * HOUR, rows[-1] + 1)
    assert sum(gap.missing for gap in early) == 2
    late = {"now_ns": rows[-1] + 17 * HOUR}
    assert sum(gap.missing for gap in found(FUNDING, "", rows, START, rows[-1] + 5 * DAY, **late)) == 1


def test_a_business_day_without_a_yield_curve_is_a_hole_and_a_holiday_is_none():
    listed = events.days(TREASURY, "", ns("2024-11-04"), ns("2024-12-02")).label_ns.tolist()
    assert ns("2024-11-11") not in listed  # Veterans Day
    assert ns("2024-11-28") not in listed  # Thanksgiving
    assert ns("2024-11-16") not in listed  # a Saturday
    rows = [at for at in listed if at != ns("2024-11-13")]
    (gap,) = found(TREASURY, "", rows, ns("2024-11-04"), ns("2024-12-02"))
    assert (gap.start_ns, gap.kind, gap.missing) == (ns("2024-11-13"), MISSING, 1)
    assert gap.day == ns("2024-11-13") // DAY


def test_a_daily_series_has_the_sessions_of_its_calendar_and_without_one_wide_gaps_only():
    listed = events.days(SERIES, "XNYS", ns("2024-11-04"), ns("2024-12-02")).label_ns
    rows = np.delete(listed, [5, 11, 12, 13, 14, 15])
    window = int(listed[0]), int(listed[-1]) + DAY
    assert [gap.start_ns for gap in found(SERIES, "XNYS", rows, *window)] == listed[[5, 11, 12, 13, 14, 15]].tolist()
    assert [gap.kind for gap in found(SERIES, "", rows, *window)] == ["GAP"]
    assert "no calendar is known" in holes.undecided(SERIES, "", rows, 5 * DAY)
    assert holes.undecided(SERIES, "XNYS", rows, 5 * DAY) == ""


@pytest.mark.parametrize(
    ("table", "rows", "why"),
    [
        (SERIES, [START + number * 30 * DAY for number in range(20)], "its dates are not daily"),
        (FUNDING, [START, START + 8 * HOUR], "2 row(s) tell no rhythm"),
        (FUNDING, [START + number**3 * HOUR for number in range(40)], "its rows come at no steady beat"),
        *((tables.find(name), [START], why) for name, why in UNSCHEDULED.items()),
    ],
)
def test_what_nobody_can_say_is_said_by_name_and_no_hole_is_found(table, rows, why):
    assert found(table, "24/7", rows, START, START + 900 * DAY) == []
    assert holes.undecided(table, "24/7", np.array(rows), 5 * DAY) == why


def test_every_event_table_has_a_rule_or_a_reason():
    from backfill.gaps.kinds import SCHEDULED

    named = {name for name, table in tables.TABLES.items() if table.family == tables.EVENTS}
    assert named == {*SCHEDULED, *UNSCHEDULED}
