import random

from hypothesis import given
from hypothesis import strategies as some

from tradenexus.jobs import retry


def test_delays_double_up_to_the_cap():
    low = type("Low", (random.Random,), {"random": lambda self: 0.0})()
    assert [retry.delay_s(n, low) for n in range(1, 12)] == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150]


def test_same_seed_gives_the_same_delays():
    first, second = random.Random(7), random.Random(7)
    assert [retry.delay_s(n, first) for n in range(1, 6)] == [retry.delay_s(n, second) for n in range(1, 6)]


@given(some.integers(1, 10_000), some.integers())
def test_delay_lies_between_half_and_all_of_its_ceiling(attempt, seed):
    delay = retry.delay_s(attempt, random.Random(seed))
    ceiling = min(retry.CAP_S, retry.BASE_S * 2 ** min(attempt - 1, 20))
    assert ceiling / 2 <= delay <= ceiling


def test_last_attempt_is_not_repeated():
    assert not retry.decide(5, 5, random.Random(1)).again
    assert retry.decide(4, 5, random.Random(1)).again


def test_what_the_other_side_asked_for_is_never_cut_short():
    assert retry.decide(1, 5, random.Random(1), after_s=900).delay_s == 900
