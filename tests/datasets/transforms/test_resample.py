"""The reducer gives the same bits however its rows are cut into pushes."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.transforms.resample import Reducer, Ticks, cut, join

rows = st.lists(
    st.tuples(st.integers(0, 3), st.floats(-1e9, 1e9), st.one_of(st.floats(0, 1e9), st.just(float("nan")))), min_size=1
)


def gather(ts, price, size, cuts):
    reducer = Reducer(lambda stamps: stamps // 10 * 10)
    edges = [0, *sorted(cuts), len(ts)]
    parts = [reducer.push(Ticks(ts[a:b], price[a:b], size[a:b])) for a, b in itertools.pairwise(edges)]
    return join([part for part in [*parts, reducer.finish()] if part is not None])


@given(rows=rows, data=st.data())
def test_split_anywhere_gives_the_same_bits(rows, data):
    ts = np.cumsum([step for step, _, _ in rows])
    price, size = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    cuts = data.draw(st.lists(st.integers(0, len(rows))))
    whole, cut = gather(ts, price, size, []), gather(ts, price, size, cuts)
    for name in ("ts", "open", "high", "low", "close", "volume", "trades"):
        assert getattr(whole, name).tobytes() == getattr(cut, name).tobytes()


def test_volumes_are_added_one_after_another():
    size = np.array([0.1] * 1000)
    whole = gather(np.zeros(1000, np.int64), np.ones(1000), size, [])
    total = 0.0
    for each in size:
        total += each
    assert whole.volume[0] == total
    assert whole.volume[0] != pytest.approx(0, abs=1e-9)


def test_a_bar_of_unknown_volumes_has_an_unknown_volume():
    whole = gather(np.array([0, 1, 10]), np.ones(3), np.array([np.nan, np.nan, 2.0]), [1])
    assert np.isnan(whole.volume[0])
    assert whole.volume[1] == 2.0


@given(lengths=st.lists(st.integers(1, 400), min_size=1, max_size=30), within=st.integers(0, 999))
def test_buckets_begin_where_a_row_is_named_otherwise_than_the_one_before(lengths, within):
    bucket = np.repeat(np.arange(len(lengths)), lengths)
    ts = bucket * 1000 + within
    starts, names = cut(lambda stamps: stamps // 1000 * 1000, ts)
    assert starts.tolist() == (np.cumsum(lengths) - lengths).tolist()
    assert names.tolist() == np.unique(bucket * 1000).tolist()


@given(seed=st.integers(0, 2**32), seconds=st.integers(1, 2000))
def test_volumes_of_long_bars_are_added_in_order_however_they_are_cut(seed, seconds):
    random = np.random.default_rng(seed)
    ts = np.sort(random.integers(0, seconds, 5000))
    size = random.lognormal(0, 3, 5000)
    cuts = random.integers(0, 5000, 7)
    whole, parts = (gather(ts, size, size, each) for each in ([], cuts))
    sums: dict[int, float] = {}
    for at, each in zip((ts // 10 * 10).tolist(), size.tolist(), strict=True):
        sums[at] = sums.get(at, 0.0) + each
    assert dict(zip(whole.ts.tolist(), whole.volume.tolist(), strict=True)) == sums
    assert whole.volume.tobytes() == parts.volume.tobytes()
