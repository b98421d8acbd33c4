"""Joining rows: every policy, both units, and the algebra that makes a commit repeatable."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from datasets.lake import merging
from datasets.market import tables
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY

TABLE = tables.find("crypto_bars_1d")
DAYS = st.dictionaries(st.integers(0, 40), st.floats(1, 1000), min_size=1, max_size=30)


def rows(days):
    ordered = sorted(days)
    return lake.bars((MONDAY + np.array(ordered)) * DAY, [days[day] for day in ordered])


def closes(table):
    return dict(
        zip(
            ((table["ts_event"].cast(pa.int64()).to_numpy() // DAY) - MONDAY).tolist(),
            table["close"].to_pylist(),
            strict=True,
        )
    )


def joined(old, new, wins=True):
    made, changes = merging.by_key(TABLE, rows(old), rows(new), np.full(len(new), wins))
    return made, changes


@given(DAYS, DAYS)
def test_newer_wins_is_a_dictionary_update(old, new):
    made, changes = joined(old, new)
    assert closes(made) == {**old, **new}
    assert changes.added == len(set(new) - set(old))
    assert changes.replaced == sum(1 for day in set(old) & set(new) if old[day] != new[day])
    assert changes.unchanged == sum(1 for day in set(old) & set(new) if old[day] == new[day])


@given(DAYS, DAYS)
def test_who_does_not_win_only_fills(old, new):
    made, changes = joined(old, new, wins=False)
    assert closes(made) == {**new, **old}
    assert changes.replaced == 0


@given(DAYS, DAYS)
def test_the_same_rows_again_change_nothing(old, new):
    made, _ = joined(old, new)
    again, changes = merging.by_key(TABLE, made, rows(new), np.ones(len(new), dtype=bool))
    assert (changes.added, changes.replaced) == (0, 0)
    assert merging.digest(again) == merging.digest(made)


@given(DAYS, st.integers(1, 10))
def test_a_digest_does_not_know_how_rows_were_chunked(days, size):
    table = rows(days)
    pieces = pa.concat_tables([table.slice(at, size) for at in range(0, table.num_rows, size)])
    assert merging.digest(pieces) == merging.digest(table)


def test_a_digest_tells_null_from_zero_and_one_text_from_two():
    null, zero = rows({0: 1.0}), rows({0: 1.0})
    null = null.set_column(5, "volume", pa.array([None], pa.float64()))
    zero = zero.set_column(5, "volume", pa.array([0.0]))
    assert merging.digest(null) != merging.digest(zero)


def test_a_difference_is_told_exactly():
    _, changes = joined({0: 1.0, 1: 2.0}, {1: 2.5})
    assert changes.samples[0] == {"ts": (MONDAY + 1) * DAY, "column": "open", "old": 2.0, "new": 2.5}


def test_a_session_of_ticks_is_taken_whole():
    old = ticks([0, 0, 0, 1, 1], [1, 2, 3, 4, 5])
    new = ticks([1, 1, 1, 2], [6, 7, 8, 9])
    days_old, days_new = np.array([0, 0, 0, 1, 1]), np.array([1, 1, 1, 2])
    made, changes = merging.by_session(old, new, days_old, days_new, {1: True, 2: True})
    assert made["price"].to_pylist() == [1, 2, 3, 6, 7, 8, 9]
    assert (changes.added, changes.replaced) == (1, 3)
    made, changes = merging.by_session(old, new, days_old, days_new, {1: False, 2: False})
    assert made["price"].to_pylist() == [1, 2, 3, 4, 5, 9]
    assert (changes.added, changes.replaced) == (1, 0)


def test_repeated_fills_are_kept():
    twice = ticks([0, 0], [5, 5])
    made, _ = merging.by_session(ticks([], []), twice, np.array([]), np.array([0, 0]), {0: True})
    assert made["price"].to_pylist() == [5, 5]


def ticks(days, prices):
    stamps = (MONDAY + np.array(days, dtype=np.int64)) * DAY
    return lake.shaped({"ts_event": stamps.astype("datetime64[ns]"), "price": np.array(prices, dtype=float)}, "trades")
