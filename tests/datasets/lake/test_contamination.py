"""Whose are the bars that two instruments share: of whom they do not fit, of both where neither tells."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.lake import contamination, judging
from datasets.lake.contamination import LEVEL, Side
from datasets.market import tables
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY

DAILY = tables.find("equities_bars")


def days(seed: int, level: float, count: int = 60) -> pa.Table:
    rng = np.random.default_rng(seed)
    closes = level * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    rows = lake.daily(closes, volume=rng.uniform(1e3, 1e4, count), table=DAILY.name)
    return rows.set_column(2, "high", pa.array(closes * 1.01))


def side(name: str, rows: pa.Table, **more) -> Side:
    found = judging.sessions(rows["ts_event"].cast("int64").to_numpy() // DAY)
    return Side(name, DAILY, rows, found, **more)


def noted(one: Side) -> set[int]:
    return {each.day for each in one.sessions if "CONTAMINATED" in each.codes}


@given(st.integers(0, 40), st.integers(1, 20), st.integers(0, 10_000))
def test_a_copied_stretch_is_named_in_whom_it_does_not_fit(at, length, seed):
    source, clean = days(seed, 100), days(seed + 1, 25)
    planted = pa.concat_tables([clean.slice(0, at), source.slice(at, length), clean.slice(at + length)])
    one, other = side("X:COPY", planted), side("X:SOURCE", source)
    contamination.check([one, other])
    assert noted(one) == set(range(MONDAY + at, MONDAY + at + length))
    assert noted(other) == set()
    assert all(each.notes == ["1 bar(s) are those of X:SOURCE"] for each in one.sessions if each.codes)


@given(st.integers(0, 10_000))
def test_rows_of_their_own_are_never_named(seed):
    one, other = side("X:A", days(seed, 100)), side("X:B", days(seed + 1, 100))
    contamination.check([one, other])
    assert contamination.against(one, other) == []
    assert not noted(one) | noted(other)


def test_where_neither_tells_both_are_suspected():
    rows = days(1, 100)
    one, other = side("X:A", rows), side("X:B", rows)
    contamination.check([one, other])
    assert noted(one) == noted(other) == set(range(MONDAY, MONDAY + 60))


def test_the_last_good_close_tells_whose_a_whole_copy_is():
    rows = days(1, 100)
    (found, *_) = contamination.against(side("X:A", rows, before=lambda: 20.0), side("X:B", rows, before=lambda: 100.0))
    assert (found.mine_foreign, found.theirs_foreign) == (True, False)
    (found, *_) = contamination.against(side("X:A", rows, before=lambda: 100.0), side("X:B", rows, before=lambda: 20.0))
    assert (found.mine_foreign, found.theirs_foreign) == (False, True)


def test_what_stands_already_is_suspected_and_not_refused():
    rows = days(1, 100)
    one, other = side("X:A", rows, around=lambda: [rows], before=lambda: 20.0), side("X:B", rows, before=lambda: 100.0)
    contamination.check([one, other])
    assert {code for each in one.sessions for code in each.codes} == {"FOREIGN_SUSPECT"}
    assert not noted(other)


def test_the_same_bar_again_and_again_is_no_block():
    minute = tables.find("crypto_bars_1m")
    stamps = MONDAY * DAY + np.arange(300, dtype=np.int64) * 60_000_000_000
    rows = lake.bars(stamps, np.full(300, 0.01), 100.0, minute.name)
    found = judging.sessions(np.full(300, MONDAY))
    assert list(contamination.compare(Side("X:A", minute, rows, found), Side("X:B", minute, rows, found))) == []


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        (2.0, 0.0, (True, False)),
        (0.0, 2.0, (False, True)),
        (0.0, 0.0, (True, True)),
        (None, 0.0, (True, False)),
        (0.0, None, (False, True)),
        (None, None, (True, True)),
        (None, 2.0, (True, True)),
        (2.0, None, (True, True)),
        (LEVEL, 0.0, (True, True)),
    ],
)
def test_the_verdict_by_how_far_rows_lie_from_each_ones_own(left, right, told):
    assert contamination.blamed(left, right) == told
