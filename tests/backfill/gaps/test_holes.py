"""Gaps are what is expected less what is there, exactly: for any rows, in any window."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfill.gaps import holes
from backfill.gaps.holes import Window
from backfill.gaps.kinds import GAP, MISSING, MISSING_ROWS, Gap
from datasets.market import calendars, tables
from datasets.market.intervals import DAY, HOUR, MINUTE
from tests.kit.lake import MONDAY, ns

HOURLY, MINUTES, DAILY = (tables.find(name) for name in ("crypto_bars_1h", "equities_bars_minute", "equities_bars"))
START = MONDAY * DAY
LATE = START + 400 * DAY


def found(table, calendar, times, start, end, **more):
    times = np.array(sorted(times), dtype=np.int64)
    return holes.find(table, calendar, times, Window(start, end, more.pop("now_ns", LATE), **more))


def bars_of(gaps, step):
    return [at for gap in gaps for at in range(gap.start_ns, gap.end_ns, step)]


@settings(max_examples=200, deadline=None)
@given(st.sets(st.integers(0, 71)), st.lists(st.integers(0, 72 * 3_600 - 1), max_size=5), st.integers(0, 72), st.data())
def test_hours_that_are_missing_are_those_expected_less_those_there(present, stray, first, data):
    """Rows off the grid and rows that stand twice change nothing."""
    after = data.draw(st.integers(first, 72))
    rows = [START + hour * HOUR for hour in present]
    off = [START + second * 10**9 for second in stray if second % 3_600]
    gaps = found(HOURLY, "24/7", [*rows, *rows, *off], START + first * HOUR, START + after * HOUR)
    wanted = [START + hour * HOUR for hour in range(first, after) if hour not in present]
    assert bars_of(gaps, HOUR) == wanted
    assert sum(gap.missing for gap in gaps) == len(wanted)
    assert all(one.end_ns <= two.start_ns for one, two in pairwise(gaps))


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(0, 5 * 390 - 1)))
def test_minutes_of_an_exchange_are_those_of_its_sessions(lacking):
    held = calendars.sessions("XNYS", ns("2024-10-07"), ns("2024-10-12"))
    stamps = np.concatenate([np.arange(a, b, MINUTE) for a, b in zip(held.open_ns, held.close_ns, strict=True)])
    there = np.delete(stamps, sorted(lacking))
    gaps = found(MINUTES, "XNYS", there, ns("2024-10-07"), ns("2024-10-12"))
    assert bars_of(gaps, MINUTE) == stamps[sorted(lacking)].tolist()


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(0, 62)), st.sampled_from([0, 5 * HOUR, 14 * HOUR + 30 * MINUTE]))
def test_days_that_are_missing_are_sessions_without_a_bar(present, offset):
    held = calendars.sessions("XNYS", ns("2024-10-01"), ns("2024-12-31"))
    sessions = held.label_ns.tolist()
    rows = [sessions[at] + offset for at in present]
    gaps = found(DAILY, "XNYS", rows, ns("2024-10-01"), ns("2024-12-31"), now_ns=ns("2025-06-01"))
    wanted = [day for at, day in enumerate(sessions) if at not in present]
    shift = offset if rows else 0
    assert [gap.start_ns - shift for gap in gaps] == wanted
    assert {(gap.end_ns - gap.start_ns, gap.missing, gap.kind) for gap in gaps} <= {(DAY, 1, MISSING)}


def test_a_day_without_any_bar_is_a_session_and_one_with_some_is_not():
    rows = [START + hour * HOUR for hour in range(20)]
    gaps = found(HOURLY, "24/7", rows, START, START + 2 * DAY)
    assert gaps == [
        Gap(START + 20 * HOUR, START + DAY, 4, MISSING_ROWS),
        Gap(START + DAY, START + 2 * DAY, 24, MISSING, MONDAY + 1),
    ]


def test_holidays_and_weekends_are_no_gaps_and_a_short_day_has_short_bars():
    day = ns("2024-11-28")  # Thanksgiving, then a day that closes at 13:00
    gaps = found(MINUTES, "XNYS", [], day, day + 4 * DAY)
    assert [(gap.missing, gap.kind) for gap in gaps] == [(210, MISSING)]
    assert found(DAILY, "XNYS", [], day, day + DAY) == []


def test_what_somebody_excused_is_no_gap():
    assert found(HOURLY, "24/7", [], START, START + DAY, excused=frozenset({MONDAY})) == []
    days = [START, START + 2 * DAY]
    assert found(DAILY, "XNYS", days, START, START + 3 * DAY, excused=frozenset({MONDAY + 1})) == []


def test_what_is_not_over_is_not_missing():
    gaps = found(HOURLY, "24/7", [], START, START + DAY, now_ns=START + 3 * HOUR + 1)
    assert bars_of(gaps, HOUR) == [START, START + HOUR, START + 2 * HOUR]
    assert found(DAILY, "XNYS", [], START, START + DAY, now_ns=START + 15 * HOUR) == []


def test_a_first_bar_may_carry_the_hour_or_the_opening():
    opened = ns("2024-10-07T13:30")
    later = [ns("2024-10-07T14:00") + hour * HOUR for hour in range(6)]
    for first in (opened, ns("2024-10-07T13:00")):
        assert found(HOURLY, "XNYS", [first, *later], START, START + DAY) == []
    gaps = found(HOURLY, "XNYS", later, START, START + DAY)
    assert gaps == [Gap(ns("2024-10-07T13:00"), ns("2024-10-07T14:00"), 1, MISSING_ROWS)]


def test_daily_bars_stamped_in_local_time_make_no_gap_where_clocks_change():
    held = calendars.sessions("XNYS", ns("2024-10-28"), ns("2024-11-09"))
    stamps = [label + (4 if label < ns("2024-11-03") else 5) * HOUR for label in held.label_ns.tolist()]
    assert found(DAILY, "XNYS", stamps, stamps[0], stamps[-1] + DAY) == []
    (gap,) = found(DAILY, "XNYS", stamps[:3] + stamps[4:], stamps[0], stamps[-1] + DAY)
    assert gap.start_ns <= stamps[3] < gap.end_ns <= stamps[4]


def test_without_a_calendar_rows_far_apart_have_a_gap_between_them():
    rows = [START, START + DAY, START + 9 * DAY]
    assert found(DAILY, "", rows, START, START + 10 * DAY) == [Gap(START + 2 * DAY, START + 9 * DAY, 1, GAP)]
    assert found(DAILY, "", rows, START, START + 10 * DAY, hole_ns=9 * DAY) == []


def test_of_ticks_only_a_session_without_any_is_missing():
    trades = tables.find("trades")
    rows = [START + HOUR, START + 2 * DAY]
    gap = Gap(START + DAY, START + 2 * DAY, 1, MISSING, MONDAY + 1)
    assert found(trades, "24/7", rows, START, START + 3 * DAY) == [gap]


@pytest.mark.parametrize("name", ["trades", "crypto_bars_1h", "crypto_bars_1d"])
def test_only_a_session_that_lies_in_the_window_whole_is_named_by_its_day(name):
    table = tables.find(name)
    whole = found(table, "24/7", [], START, START + 2 * DAY)
    assert [gap.day for gap in whole] == [MONDAY, MONDAY + 1]
    if table.interval != "1d":
        assert [gap.day for gap in found(table, "24/7", [], START, START + 12 * HOUR)] == [None]


def test_a_daily_session_has_its_own_date_whatever_the_clock_of_its_stamps():
    held = calendars.sessions("XNYS", ns("2024-10-28"), ns("2024-11-09"))
    stamps = [label + (4 if label < ns("2024-11-03") else 5) * HOUR for label in held.label_ns.tolist()]
    (gap,) = found(DAILY, "XNYS", stamps[:7] + stamps[8:], stamps[0], stamps[-1] + DAY)
    assert gap.day == held.label_ns[7] // DAY


def test_bars_without_a_calendar_that_never_rest_show_their_holes_themselves():
    rows = [START + hour * HOUR for hour in range(20 * 24) if hour not in (50, 51)]
    assert found(HOURLY, "", rows, START, START + 20 * DAY) == [
        Gap(START + 50 * HOUR, START + 52 * HOUR, 2, MISSING_ROWS)
    ]
    assert holes.undecided(HOURLY, "", np.array(rows), 5 * DAY) == ""


def test_bars_that_rest_at_week_ends_or_are_few_need_a_calendar():
    held = calendars.sessions("XNYS", ns("2024-10-01"), ns("2024-12-31")).label_ns
    few = START + np.arange(5) * DAY
    for rows in (held, few):
        assert not holes.never_closes(DAILY, rows)
        assert "no calendar is known" in holes.undecided(DAILY, "", rows, 5 * DAY)
    assert found(DAILY, "", held, int(held[0]), int(held[-1]) + DAY) == []
