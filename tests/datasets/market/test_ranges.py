"""Half-open ranges: what is missing and what is covered make the window, and no bar is lost off the grid."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.market import ranges
from datasets.market.ranges import RangeReversed

one = st.tuples(st.integers(-50, 50), st.integers(1, 30)).map(lambda pair: (pair[0], pair[0] + pair[1]))
some = st.lists(one, max_size=6)


def points(found):
    return {at for start, end in found for at in range(start, end)}


@given(some)
def test_a_union_is_sorted_disjoint_and_holds_the_same(each):
    merged = ranges.union(each)
    assert points(merged) == points(each)
    assert all(left[1] < right[0] for left, right in pairwise(merged))


@given(some, some)
def test_intersection_and_difference_are_those_of_the_points(left, right):
    assert points(ranges.intersect(left, right)) == points(left) & points(right)
    assert points(ranges.subtract(left, right)) == points(left) - points(right)


@given(one, some)
def test_missing_and_covered_make_the_window(window, covered):
    hole = ranges.missing(window, covered)
    assert points(hole) | (points([window]) & points(covered)) == points([window])
    assert not points(hole) & points(covered)


@given(one, some, st.integers(1, 12))
def test_no_bar_is_lost_off_the_grid(window, covered, step):
    needed = points(ranges.missing_bars(window, covered, step))
    for bar in range(-100, 100, step):
        at = bar - bar % step
        if window[0] <= at < window[1] and at not in points(covered):
            assert at in needed
    assert all(start % step == 0 and end % step == 0 for start, end in ranges.missing_bars(window, covered, step))


def test_the_bar_before_off_grid_cover_is_still_needed():
    assert 90 in points(ranges.missing_bars((0, 200), [(95, 105)], 10))


@given(one, st.integers(1, 40))
def test_chunks_share_nothing_and_miss_nothing(window, length):
    pieces = ranges.chunks(window, length)
    assert sum(end - start for start, end in pieces) == window[1] - window[0]
    assert ranges.union(pieces) == [window]
    assert all(0 < end - start <= length for start, end in pieces)


@pytest.mark.parametrize("wrong", [(5, 5), (6, 5)])
def test_reversed_and_empty_ranges_are_refused(wrong):
    for call in (
        lambda: ranges.check(*wrong),
        lambda: ranges.union([wrong]),
        lambda: ranges.missing(wrong, []),
        lambda: ranges.chunks(wrong, 1),
    ):
        with pytest.raises(RangeReversed):
            call()


@pytest.mark.parametrize("step", [0, -1])
def test_steps_go_forward(step):
    with pytest.raises(ValueError):
        ranges.missing_bars((0, 10), [], step)
    with pytest.raises(ValueError):
        ranges.chunks((0, 10), step)
