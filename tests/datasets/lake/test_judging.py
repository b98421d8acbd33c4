"""Verdicts on sessions from their rows alone: each code by the rows that provoke it, and true outliers that stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.lake import judging, rules
from datasets.market import tables
from tests.kit import lake

DAILY = tables.find("equities_bars")
RULES = rules.Rules()


def codes(rows, table=DAILY, splits=None, signed=False, limits=RULES):
    days = rows["ts_event"].cast(pa.int64()).to_numpy() // lake.DAY
    found = judging.sessions(days)
    judging.check_values(table, rows, found, signed=signed)
    judging.judge(table, rows, found, limits, judging.Before(), splits or {})
    return [each.codes for each in found]


def changed(rows, column, at, value):
    values = rows[column].to_pylist()
    values[at] = value
    return rows.set_column(rows.column_names.index(column), column, pa.array(values, pa.float64()))


@pytest.mark.parametrize(
    ("closes", "wanted"),
    [
        ([100, 600], []),
        ([100, 600.01], ["TOXIC"]),
        ([600, 100], []),
        ([600.01, 100], ["TOXIC"]),
    ],
)
def test_more_than_the_limit_is_toxic_either_way_and_the_limit_is_not(closes, wanted):
    told = codes(lake.daily(closes))[1]
    assert [code for code in told if code == "TOXIC"] == wanted


def test_what_follows_a_bad_session_is_judged_by_the_good_one_before_it():
    assert codes(lake.daily([100, 5000, 101])) == [[], ["TOXIC"], []]
    assert codes(lake.daily([100, 5000, 5001, 5002, 102])) == [[], ["TOXIC"], ["TOXIC"], ["TOXIC"], []]


def test_a_wrong_open_is_as_toxic_as_a_wrong_close():
    rows = changed(changed(lake.daily([100, 101, 102]), "open", 1, 9000.0), "high", 1, 9000.0)
    assert codes(rows) == [[], ["TOXIC"], []]


def test_a_flash_crash_is_kept_and_flagged():
    rows = changed(lake.daily([325, 325, 326]), "low", 1, 0.10)
    assert codes(rows) == [[], ["RET_OUTLIER"], []]


def test_a_price_below_zero_is_kept_where_it_can_be():
    closes = [18.31, -36.98, 8.91, 13.64]
    assert codes(lake.daily(closes), signed=True)[1] == ["RET_OUTLIER"]
    assert codes(lake.daily(closes))[1] == ["BAD_VALUES"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("close", None),
        ("close", float("nan")),
        ("high", float("inf")),
        ("low", 101.5),
        ("high", 99.0),
        ("volume", -1.0),
        ("open", 0.0),
        ("close", -5.0),
    ],
)
def test_values_that_cannot_be_are_named(column, value):
    assert codes(changed(lake.daily([100, 101, 102]), column, 1, value))[1] == ["BAD_VALUES"]


def test_a_null_volume_is_only_unknown():
    assert codes(changed(lake.daily([100, 101]), "volume", 1, None)) == [[], []]


def test_an_unannounced_split_is_a_suspicion_and_an_announced_one_nothing():
    quiet = lake.daily([100] * 20 + [50, 50])
    assert codes(quiet)[20] == ["SPLIT_SUSPECT", "RET_OUTLIER"]
    assert codes(quiet, splits={lake.MONDAY + 20: 2.0})[20] == []


def test_a_fall_with_a_burst_of_volume_is_no_split():
    volume = np.array([10.0] * 20 + [400.0, 10])
    told = codes(lake.daily([100] * 20 + [50, 50], volume=volume))[20]
    assert "SPLIT_SUSPECT" not in told
    assert "RET_OUTLIER" in told


def test_a_spike_of_volume_is_flagged():
    volume = np.array([10.0] * 15 + [201.0])
    assert codes(lake.daily([100.0] * 16, volume=volume))[15] == ["VOL_SPIKE"]
    assert codes(lake.daily([100.0] * 16, volume=np.append(volume[:-1], 200.0)))[15] == []


def test_a_price_that_stands_still_without_trades_is_flagged_from_the_limit_on():
    told = codes(lake.daily([100.0] * 6, volume=0.0))
    assert [each == ["STALLED"] for each in told] == [False] * 4 + [True] * 2
    assert codes(lake.daily([100.0] * 6, volume=1.0)) == [[]] * 6


def test_limits_are_settings():
    strict = replace(RULES, toxic_up_pct=50)
    assert codes(lake.daily([100, 151]), limits=strict)[1] == ["TOXIC"]


def test_scores_follow_the_formula():
    assert rules.score([], 390, 390) == 100
    assert rules.score(["MISSING_ROWS"], 195, 390) == 50
    assert rules.score(["MISSING_ROWS", "VOL_SPIKE"], 195, 390) == 40
    assert rules.score(["RET_OUTLIER", "VOL_SPIKE"], 5, -1) == 80
    assert rules.score(["TOXIC"], 390, 390) == 0
    assert rules.gravest(["MISSING_ROWS", "TOXIC", "VOL_SPIKE"]) == ["TOXIC", "VOL_SPIKE", "MISSING_ROWS"]
    assert rules.gravest([]) == ["OK"]


@given(
    st.lists(st.floats(1, 1e6), min_size=2, max_size=60),
    st.integers(1, 59),
)
def test_where_a_history_is_cut_changes_no_verdict(closes, cut):
    """Two commits judge as one does: the second is told what came before."""
    cut = min(cut, len(closes) - 1)
    whole = codes(lake.daily(closes))
    days = lake.MONDAY + np.arange(len(closes))
    rows = lake.daily(closes)
    before = judging.Before()
    first, second = judging.sessions(days[:cut]), judging.sessions(days[cut:])
    judging.judge(DAILY, rows.slice(0, cut), first, RULES, before, {})
    judging.judge(DAILY, rows.slice(cut), second, RULES, before, {})
    assert [each.codes for each in [*first, *second]] == whole
