"""Repeated ids are found wherever they stand, texts of any length included."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.quality import identity
from tests.datasets.transforms import tape

texts = st.lists(st.one_of(st.none(), st.text("ab\0é", max_size=3), st.sampled_from(["x" * 600, "x" * 599 + "y"])))


@pytest.mark.parametrize("bucket", [3, 1000])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=texts)
def test_later_copies_are_marked_and_nothing_else(tmp_path, monkeypatch, bucket, ids):
    monkeypatch.setattr(identity, "BUCKET_ROWS", bucket)
    monkeypatch.setattr(identity, "CELLS", 5)
    rows = len(ids)
    if not rows:
        return
    path = tmp_path / "ids.parquet"
    tape.write(path, "trades", {"ts_event": np.arange(rows), "price": np.ones(rows), "trade_id": ids})
    seen: set = set()
    expected = []
    for each in ids:
        expected.append(each is not None and each in seen)
        seen.add(each)
    marks = identity.repeats(path, "trade_id", tmp_path)
    assert (marks.tolist() if marks is not None else [False] * rows) == expected


def test_marks_of_a_large_file_stay_out_of_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "MARKS_IN_MEMORY", 2)
    path = tmp_path / "ids.parquet"
    tape.write(path, "trades", {"ts_event": range(4), "price": np.ones(4), "sequence": [5, 6, 5, 5]})
    assert identity.repeats(path, "sequence", tmp_path).tolist() == [False, False, True, True]
    assert [each.name for each in tmp_path.iterdir()] == ["ids.parquet"]
