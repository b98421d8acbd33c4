"""Gaps: exact counts against the calendar, half-days and holidays included."""

import numpy as np
import pytest

from datasets.market import calendars, intervals
from datasets.market.intervals import DAY, HOUR, MINUTE, SECOND
from datasets.quality.checks import rhythm
from tests.datasets.quality.checks import feed


def at(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


def minutes(*days):
    held = [calendars.sessions("XNYS", at(day), at(day) + DAY) for day in days]
    return np.concatenate([np.arange(each.open_ns[0], each.close_ns[0], MINUTE) for each in held])


def gaps(ts, **more):
    found = feed.look("bars", feed.bars(np.full(len(ts), 100.0), ts), **more)
    return found.get("gaps.bars", (0, [], {}))


def test_a_half_day_of_210_minutes_is_complete():
    ts = minutes("2024-11-27", "2024-11-29", "2024-12-02")
    assert len(ts) == 390 + 210 + 390
    assert gaps(ts, calendar="XNYS", interval="1m")[0] == 0


def test_half_of_a_full_session_is_no_half_day():
    assert gaps(minutes("2024-12-02")[:195], calendar="XNYS", interval="1m")[0] == 195
    assert gaps(minutes("2024-12-02")[195:], calendar="XNYS", interval="1m")[0] == 195


@pytest.mark.parametrize("cut", [1, 100, 389, 390, 391, 600])
def test_missing_minutes_are_exact_wherever_the_rows_are_cut(cut):
    ts = np.delete(minutes("2024-11-27", "2024-11-29", "2024-12-02"), [5, 6, 7, 389, 390, 700])
    whole = feed.bars(np.full(len(ts), 100.0), ts)
    count, _, figures = feed.look("bars", whole, [cut], calendar="XNYS", interval="1m")["gaps.bars"]
    assert (count, figures["runs"], figures["longest"]) == (6, 3, 3)


def test_every_missing_session_counts_and_holidays_do_not():
    held = calendars.sessions("XNYS", at("2024-01-01"), at("2024-12-31"))
    assert gaps(held.label_ns, calendar="XNYS")[0] == 0
    assert gaps(np.delete(held.label_ns, [3, 4, 100]), calendar="XNYS")[0] == 3


def test_a_round_the_clock_day_has_no_weekend():
    days = np.delete(np.arange(at("2024-01-01"), at("2024-02-01"), DAY), [5, 6, 12, 13])
    count, _, figures = gaps(days, calendar="24/7")
    assert (count, figures["runs"]) == (4, 2)


def test_a_duplicate_does_not_mask_a_missing_bar():
    assert gaps(np.array([0, 1, 1, 3, 4, 5, 6]) * MINUTE, calendar="24/7", interval="1m")[0] == 1


def test_months_and_weeks_have_gaps_too():
    months = np.array(["2024-01", "2024-02", "2024-04", "2024-05"], "datetime64[M]").astype("datetime64[ns]")
    assert gaps(months.astype(np.int64), calendar="24/7")[0] == 1
    weeks = at("2024-01-01") + np.array([0, 1, 2, 4, 5]) * 7 * DAY
    assert gaps(weeks, calendar="24/7")[0] == 1


@pytest.mark.parametrize(
    ("ts", "word"),
    [
        (np.arange(10) * MINUTE, "1m"),
        (np.arange(10) * 4 * HOUR, "4h"),
        (np.arange(10) * 8 * HOUR + np.arange(10) * 1_000_000, "8h"),
        (np.arange(10) * 7 * DAY, "1w"),
        (np.array(["2024-01", "2024-02", "2024-03"], "datetime64[M]").astype("datetime64[ns]").astype(np.int64), "1M"),
        (np.array([0, 100, 103, 340, 551, 1200, 1207]) * SECOND, None),
        (np.array([7]), None),
    ],
)
def test_the_interval_is_the_mode_of_the_steps(ts, word):
    found = rhythm.interval_of(ts)
    assert (found.text if found else None) == word


def test_the_calendar_is_inferred_only_where_the_stamps_show_it():
    week = np.arange(at("2024-01-01"), at("2024-03-01"), DAY)
    sessions = calendars.sessions("XNYS", at("2024-01-01"), at("2024-06-01"))
    assert rhythm.read(week, None, None).calendar == "24/7"
    assert rhythm.read(sessions.label_ns, None, None).calendar == "XNYS"
    assert rhythm.read(week[(week // DAY + 3) % 7 < 5], None, None).calendar == "weekdays"
    hours = np.arange(at("2024-01-01"), at("2024-03-01"), HOUR)
    assert rhythm.read(hours[(hours // DAY + 3) % 7 < 5], None, None).calendar == "unknown"
    assert gaps(hours[(hours // DAY + 3) % 7 < 5])[0] == 0


def ticks(stamps, **more):
    rows = len(stamps)
    whole = feed.block({"price": np.ones(rows), "size": np.ones(rows), "side": np.ones(rows)}, stamps)
    return feed.look("trades", whole, **more)


def test_silence_is_strictly_longer_than_its_limit():
    assert "gaps.silence" not in ticks([0, 3600 * SECOND])
    assert ticks([0, 3600 * SECOND + 1])["gaps.silence"][0] == 1


def test_a_closed_night_is_no_silence_but_a_quiet_afternoon_is():
    close, open_ = at("2024-12-02T20:50"), at("2024-12-03T14:40")
    assert "gaps.silence" not in ticks([close, open_], calendar="XNYS")
    found = ticks([at("2024-12-02T19:30"), at("2024-12-03T14:40")], calendar="XNYS")
    assert found["gaps.silence"][1][0][2] == 100 * 60
    assert ticks([at("2024-12-02T03:00")], calendar="XNYS")["sessions.outside"][0] == 1


def test_daily_bars_may_move_by_the_hour_of_summer_time():
    ts = at("2024-03-01T05:00") + np.arange(40) * DAY
    ts[12:] -= HOUR
    found = feed.look("bars", feed.bars(np.full(40, 1.0), ts), calendar="24/7")
    assert "interval.regular" not in found
    assert "gaps.bars" not in found


def off(ts, **more):
    return feed.look("bars", feed.bars(np.full(len(ts), 1.0), ts), **more).get("interval.regular", (0, [], {}))


@pytest.mark.parametrize("cut", [[], [1], [50, 60]])
def test_bars_off_the_grid_of_their_interval_are_counted_with_their_offset(cut):
    ts = at("2024-03-01T00:02") + np.arange(100) * 5 * MINUTE
    found = feed.look("bars", feed.bars(np.full(100, 1.0), ts), cut, calendar="24/7")
    count, samples, figures = found["interval.regular"]
    assert (count, figures, len(samples)) == (100, {"off by +120 s": 100}, 20)
    assert samples[0] == (0, ts[0], 120.0)
    assert "gaps.bars" not in found


def test_stamps_of_the_close_and_stray_stamps_are_off_the_grid():
    ts = at("2024-03-01") + np.arange(100) * 5 * MINUTE
    assert off(ts)[0] == 0
    assert off(ts - 1_000_000)[2] == {"off by -0.001 s": 100}
    stray = ts.copy()
    stray[7] += 3_000_000
    count, samples, figures = off(stray)
    assert (count, samples[0][2], figures) == (1, 0.003, {})
    assert off(at("2024-03-01T00:02") + np.arange(40) * DAY)[2] == {"off by +120 s": 40}


@pytest.mark.parametrize("interval", ["1h", "4h", "30m"])
@pytest.mark.parametrize("calendar", ["XNYS", None])
def test_bars_counted_from_the_open_of_a_session_stand_on_the_grid_across_summer_time(interval, calendar):
    step = intervals.parse(interval).duration_ns
    held = calendars.sessions("XNYS", at("2024-02-01"), at("2024-05-01"))
    pairs = zip(held.open_ns, held.close_ns, strict=True)
    ts = np.concatenate([np.arange(start, end, step) for start, end in pairs])
    assert off(ts, calendar=calendar, interval=interval)[0] == 0
    assert off(ts + MINUTE, calendar=calendar, interval=interval)[0] == len(ts)


@pytest.mark.parametrize("hour", ["00:00", "05:00", "13:30", "18:30", "22:00", "05:45"])
@pytest.mark.parametrize("step", [DAY, 7 * DAY])
def test_days_and_weeks_may_begin_at_midnight_of_any_zone_or_at_an_open(hour, step):
    assert off(at(f"2024-03-03T{hour}") + np.arange(40) * step)[0] == 0


def test_months_stand_on_no_grid_of_equal_steps():
    months = np.arange(np.datetime64("2020-01"), np.datetime64("2024-01")).astype("datetime64[ns]").astype(np.int64)
    assert off(months)[0] == off(months + 5 * HOUR)[0] == 0
