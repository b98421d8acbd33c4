"""Whatever a file holds and however it is cut, the checks find the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.market.intervals import MINUTE
from tests.datasets.quality.checks import feed

prices = st.one_of(st.floats(50, 150), st.sampled_from([0.0, -1.0, 1e-9, 1e9, 100.0, 200.0, 600.0, 50.0, float("nan")]))


@settings(deadline=None)
@given(kind=st.sampled_from(["trades", "quotes", "bars"]), seed=st.integers(0, 2**32), data=st.data())
def test_split_anywhere_finds_the_same(kind, seed, data):
    random = np.random.default_rng(seed)
    rows = int(random.integers(2, 120))
    step = random.choice([1, 1, 1, 2, 5, 200], rows)
    names = {
        "trades": ("price", "size", "side"),
        "quotes": ("bid", "bid_size", "ask", "ask_size"),
        "bars": ("open", "high", "low", "close", "volume"),
    }[kind]
    strange = random.choice([0.0, -5.0, 1.0, 40.0, 200.0, 5000.0], (len(names), rows))
    usual = random.normal(100, 2, (len(names), rows)).round(1)
    values = np.where(random.random((len(names), rows)) < 0.1, strange, usual)
    whole = feed.block(dict(zip(names, values, strict=True)), np.cumsum(step) * MINUTE)
    cuts = data.draw(st.lists(st.integers(0, rows), max_size=6))
    assert feed.look(kind, whole, cuts) == feed.look(kind, whole)


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_jump_on_a_border_counts(cut):
    price = np.where(np.arange(60) < cut, 100.0, 1000.0)
    whole = feed.block({"price": price, "size": np.ones(60), "side": np.ones(60)})
    found = feed.counts(feed.look("trades", whole, [cut]))
    assert (found["moves.large"], found["moves.toxic"]) == (1, 1)


@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(["trades", "quotes", "bars"]), seed=st.integers(0, 2**32), data=st.data())
def test_long_quiet_stretches_between_rare_defects_find_what_single_rows_find(kind, seed, data):
    random = np.random.default_rng(seed)
    rows = 400
    names = {
        "trades": ("price", "size", "side"),
        "quotes": ("bid", "bid_size", "ask", "ask_size"),
        "bars": ("open", "high", "low", "close", "volume"),
    }[kind]
    values = random.normal(100, 0.01, (len(names), rows)).round(2)
    for _ in range(int(random.integers(0, 5))):
        at, length = int(random.integers(0, rows)), int(random.choice([1, 1, 30]))
        values[int(random.integers(0, len(names))), at : at + length] = random.choice([0, -5, 20, 700, np.nan])
    step = np.where(random.random(rows) < 0.005, 4000, 1)
    ts = 1_700_000_000_000_000_000 + np.cumsum(step) * MINUTE
    whole = feed.block(dict(zip(names, values, strict=True)), ts)
    cuts = data.draw(st.lists(st.integers(0, rows), max_size=4))
    assert feed.look(kind, whole, cuts) == feed.look(kind, whole, range(1, rows))
