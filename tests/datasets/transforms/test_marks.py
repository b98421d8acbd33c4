"""Duplicates are found whatever the order, by exact values, also when the keys do not fit into memory."""

import numpy as np
import pyarrow as pa
import pytest

from datasets.transforms import marks
from datasets.transforms.marks import Duplicates, Marks


def test_marked_rows_are_told_and_rows_beyond_them_are_not():
    found = Marks()
    found.add(np.array([3, 7]))
    found.add(np.array([], np.int64))
    assert found.of(np.array([0, 3, 7, 8, 1000])).tolist() == [False, True, True, False, False]


def pushed(tmp_path, keep, tables):
    found, at = Duplicates(["ts_event", "trade_id"], keep, tmp_path), 0
    for times, texts, symbols in tables:
        table = pa.table({"ts_event": pa.array(times, pa.int64()), "trade_id": pa.array(texts, pa.string())})
        found.push(table, pa.array(symbols, pa.string()), np.arange(at, at + len(times)))
        at += len(times)
    return np.flatnonzero(found.marks().of(np.arange(at))).tolist()


@pytest.mark.parametrize(("keep", "gone"), [("first", [2, 4]), ("last", [0, 2])])
@pytest.mark.parametrize("held", [1, 1000])
def test_rows_with_one_key_leave_one_of_them(tmp_path, monkeypatch, keep, gone, held):
    monkeypatch.setattr(marks, "HELD_ENTRIES", held)
    tables = [([1, 1, 1], ["a", "b", "a"], ["X", "X", "X"]), ([1, 1, 1], ["a", "a", None], ["Y", "X", "X"])]
    assert pushed(tmp_path, keep, tables) == gone
    assert list(tmp_path.iterdir()) == []


def test_plus_and_minus_zero_are_one_value_and_nothing_is_not_zero(tmp_path):
    found = Duplicates(["price"], "first", tmp_path)
    values = pa.array([0.0, -0.0, None, float("nan"), 1.0])
    found.push(pa.table({"price": values}), pa.array(["X"] * 5), np.arange(5))
    assert np.flatnonzero(found.marks().of(np.arange(5))).tolist() == [1]
