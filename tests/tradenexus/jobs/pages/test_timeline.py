"""The timeline's geometry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tradenexus import ids
from tradenexus.jobs.pages import timeline

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def cell(state="succeeded", began=12.0, took=1.0, kind="a"):
    at = NOW - timedelta(hours=began)
    return ids.uuid7(), kind, state, at, at, at + timedelta(hours=took)


def drawn(*cells):
    return timeline.draw(cells, NOW - DAY, NOW)


def test_a_job_stands_where_it_began_and_is_as_wide_as_it_was_long():
    [lane] = drawn(cell(began=12, took=6)).lanes
    [bar] = lane.bars
    assert (bar.x, bar.width) == (47.0, 23.5)


def test_what_waits_stands_right_of_now():
    key, kind, _, at, _, _ = cell()
    [lane] = drawn((key, kind, "queued", at, None, None)).lanes
    assert lane.bars[0].x > timeline.NOW_AT


def test_jobs_of_one_spot_are_one_bar_in_the_worst_state():
    [lane] = drawn(cell(took=0.01), cell("failed", took=0.01), cell(took=0.01)).lanes
    [bar] = lane.bars
    assert (bar.jobs, bar.state, bar.words) == (3, "failed", "3 jobs, at least one failed")
    assert (lane.jobs, lane.bad) == (3, 1)


def test_a_job_that_began_before_is_cut_at_the_edge():
    [lane] = drawn(cell(began=30, took=10)).lanes
    assert lane.bars[0].x == 0


def test_lanes_are_in_the_order_of_their_names_and_ticks_are_round_hours():
    found = drawn(cell(kind="b"), cell(kind="a"))
    assert [lane.kind for lane in found.lanes] == ["a", "b"]
    assert [tick.text for tick in found.ticks] == ["16:00", "20:00", "00:00", "04:00", "08:00"]


def test_what_has_just_ended_does_not_reach_beyond_now():
    [lane] = drawn(cell(began=0.001, took=0.001)).lanes
    assert lane.bars[0].x + lane.bars[0].width <= timeline.NOW_AT
