"""The factors that make bars comparable depend on the past alone."""

from __future__ import annotations

import numpy as np

from datasets.features import building

STEPS = {"days": [12, 15, 18], "prices": [0.5, 1 / 1.02, 0.1], "volumes": [2.0, 1.0, 10.0]}


def test_without_actions_bars_are_what_they_are():
    prices, volumes = building.comparable(np.arange(10, 20), None)
    assert prices.tolist() == volumes.tolist() == [1.0] * 10


def test_a_price_is_divided_by_every_step_from_its_date_on():
    prices, volumes = building.comparable(np.arange(10, 20), STEPS)
    assert prices[:2].tolist() == [1.0, 1.0]
    assert prices[2:5].tolist() == [2.0] * 3
    assert np.allclose(prices[5:8], 2.04)
    assert np.allclose(prices[8:], 20.4)
    assert np.allclose(volumes, [1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.05, 0.05])


def test_an_action_that_is_added_changes_no_factor_before_it():
    days = np.arange(10, 20)
    fewer = {name: values[:2] for name, values in STEPS.items()}
    for before, after in zip(building.comparable(days, fewer), building.comparable(days, STEPS), strict=True):
        assert before[:8].tobytes() == after[:8].tobytes()
