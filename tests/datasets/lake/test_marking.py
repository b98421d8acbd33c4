"""Marks of bars: the same bars leave the same marks, a block in a row leaves one in every sketch, others none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.lake import judging, marking
from datasets.market import tables
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY

MINUTE = tables.find("crypto_bars_1m")
DAILY = tables.find("crypto_bars_1d")
STAMPS = MONDAY * DAY + np.arange(1440, dtype=np.int64) * 60_000_000_000


def minutes(seed: int):
    rng = np.random.default_rng(seed)
    return lake.bars(STAMPS, 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, 1440))), rng.uniform(1, 9, 1440), MINUTE.name)


def remembered(table, rows, standing=None):
    days = rows["ts_event"].cast("int64").to_numpy() // DAY
    found = judging.sessions(days)
    return marking.of_sessions(0, table, rows, found, rows.slice(0, 0) if standing is None else standing)


def sketch(rows) -> set[int]:
    (told,) = remembered(MINUTE, rows)
    return set(np.frombuffer(told["sketch"], "<u8").tolist())


@given(st.integers(0, 1435), st.integers(5, 60), st.integers(0, 1000))
def test_a_block_in_a_row_leaves_a_mark_in_both_sketches(at, length, seed):
    one, other = minutes(seed), minutes(seed + 5000)
    length = min(length, 1440 - at)
    planted = lake.pa.concat_tables([one.slice(0, at), other.slice(at, length), one.slice(at + length)])
    assert sketch(planted) & sketch(other)
    assert not sketch(one) & sketch(other)
    assert len(sketch(one)) == 288


@given(st.integers(5, 300), st.integers(0, 1000))
def test_a_thin_session_keeps_every_bar(count, seed):
    kept = np.sort(np.random.default_rng(seed).choice(1440, count, replace=False))
    assert len(sketch(minutes(seed).take(kept))) == count


def test_what_proves_nothing_has_no_mark():
    assert remembered(DAILY, lake.daily([100, 101, 102])) == []  # round numbers meet by chance
    quiet = lake.bars(STAMPS, np.arange(1440) + 1.0, 0.0, MINUTE.name)
    assert remembered(MINUTE, quiet) == []
    assert remembered(MINUTE, minutes(1).slice(0, 4)) == []


def moving(closes):
    rows = lake.daily(closes)
    return rows.set_column(2, "high", lake.pa.array(np.asarray(closes, dtype=float) * 1.01))


def test_a_day_that_moved_has_its_bars_mark_and_is_fresh_until_it_stands():
    rows = moving([100, 101])
    told = remembered(DAILY, rows)
    assert [each["day"] for each in told] == [MONDAY, MONDAY + 1]
    assert len({each["mark"] for each in told}) == 2
    assert [each["fresh"] for each in told] == [True, True]
    again = remembered(DAILY, rows, rows.slice(0, 1))
    assert [each["fresh"] for each in again] == [False, True]


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume", "ts_event"])
def test_any_other_value_is_another_mark(column):
    rows = moving([100.0])
    values = rows[column].cast("int64" if column == "ts_event" else "float64").to_numpy() + 1
    other = rows.set_column(
        rows.column_names.index(column), column, lake.pa.array(values).cast(rows.schema.field(column).type)
    )
    assert marking.bars(DAILY, rows)[0] != marking.bars(DAILY, other)[0]


def test_what_is_remembered_goes_through_a_file(tmp_path):
    told = remembered(MINUTE, minutes(3))
    assert marking.read(marking.write(tmp_path / "marks.parquet", told)) == told
    assert marking.read(marking.write(tmp_path / "none.parquet", [])) == []
