"""Two samples: the same, moved, too few; figures against a slow calculation and known values."""

import numpy as np
import pytest

from datasets.maintenance import drift


def slow_ks(one, other):
    return max(abs((one <= x).mean() - (other <= x).mean()) for x in [*one, *other])


@pytest.mark.parametrize("seed", range(5))
def test_the_distance_is_the_largest_of_all(seed):
    some = np.random.default_rng(seed)
    one, other = some.normal(size=70).round(1), some.normal(0.3, size=40).round(1)  # with ties
    assert drift.ks(one, other) == pytest.approx(slow_ks(one, other))


def test_the_chance_has_its_known_values():
    # Kolmogorov's distribution: Q(1.36) is about 0.05, Q(1.63) about 0.01
    def chance(scaled):
        root = np.sqrt(10_000 * 10_000 / 20_000)
        return drift.ks_chance(scaled / (root + 0.12 + 0.11 / root), 10_000, 10_000)

    assert chance(1.3581) == pytest.approx(0.05, abs=1e-4)
    assert chance(1.6276) == pytest.approx(0.01, abs=1e-4)
    assert chance(0) == chance(0.1) == 1


def test_false_alarms_are_rare_and_moves_are_found():
    some = np.random.default_rng(7)
    alarms = sum(drift.compare(some.normal(size=500), some.normal(size=60))["drifted"] for _ in range(300))
    assert alarms <= 2
    found = [drift.compare(some.normal(size=500), some.normal(0, 3, size=60))["drifted"] for _ in range(100)]
    assert sum(found) >= 90


def test_psi_is_nothing_for_the_same_and_large_for_another():
    values = np.arange(1_000.0)
    assert drift.psi(values, values) == pytest.approx(0, abs=1e-9)
    assert drift.psi(values, values + 900) > 1


def test_a_constant_history_has_one_bin_and_no_fault():
    found = drift.compare(np.zeros(200), np.zeros(30))
    assert (found["ks"], found["drifted"]) == (0, False)


def test_too_few_are_not_compared_and_what_is_no_number_does_not_count():
    assert drift.compare(np.zeros(99), np.zeros(30)) is None
    assert drift.compare(np.zeros(200), np.append(np.zeros(19), np.nan)) is None
