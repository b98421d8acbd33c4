"""Ranges worth a call: close gaps together, none lost, none twice, none longer than allowed."""

from hypothesis import given
from hypothesis import strategies as st

from backfill.gaps import asks
from backfill.gaps.kinds import MISSING, Gap

GAPS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 300)), max_size=30)


def gaps_of(drawn):
    at, found = 0, []
    for pause, length in drawn:
        found.append(Gap(at + pause, at + pause + length, length, MISSING))
        at += pause + length
    return found


@given(GAPS, st.integers(0, 50), st.integers(1, 500))
def test_every_missing_row_is_in_exactly_one_range(drawn, close, most):
    gaps = gaps_of(drawn)
    joined = asks.join(gaps, close, 1, most)
    told = [at for ask in joined for gap in ask.gaps for at in range(gap.start_ns, gap.end_ns)]
    assert told == [at for gap in gaps for at in range(gap.start_ns, gap.end_ns)]
    assert sum(ask.count for ask in joined) == len(told)
    assert all(ask.end_ns - ask.start_ns <= most or (len(ask.gaps) == 1 and ask.count == 1) for ask in joined)


def test_gaps_are_together_when_they_are_close():
    gaps = [Gap(0, 10, 10, MISSING), Gap(15, 20, 5, MISSING), Gap(40, 50, 10, MISSING)]
    joined = asks.join(gaps, 5, 1, 1_000)
    assert [(ask.start_ns, ask.end_ns, ask.count) for ask in joined] == [(0, 20, 15), (40, 50, 10)]


def test_only_what_was_answered_whole_is_not_asked_for_again():
    gaps = [Gap(0, 10, 10, MISSING), Gap(15, 20, 5, MISSING), Gap(40, 50, 10, MISSING)]
    assert asks.unanswered(gaps, [(0, 12), (12, 18), (39, 50)]) == [gaps[1]]
    assert asks.unanswered(gaps, []) == gaps
