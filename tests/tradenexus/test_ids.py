"""Typed ids: ordered by time, of one form, and nothing else is taken for one."""

import time
import uuid

import pytest

from tradenexus import ids


def test_ids_are_version_7_and_unique():
    made = [ids.uuid7() for _ in range(10_000)]
    assert len(set(made)) == len(made)
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}


def test_later_milliseconds_sort_later(monkeypatch):
    made = []
    for at in (0, 1, 1_700_000_000_000, 1_700_000_000_001, (1 << 48) - 1):
        monkeypatch.setattr(time, "time_ns", lambda at=at: at * 1_000_000)
        one = ids.uuid7()
        assert one.int >> 80 == at
        made.append(one)
    assert made == sorted(made)
    assert sorted(ids.encode("ds", one) for one in made) == [ids.encode("ds", one) for one in made]


def test_an_id_reads_back():
    one = ids.uuid7()
    assert ids.decode("ds", ids.encode("ds", one)) == one


ONE = "ds_" + "0" * 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ds_",
        "0" * 32,
        "ds_" + "0" * 31,
        ONE + "0",
        "job_" + "0" * 32,
        "DS_" + "0" * 32,
        "ds_" + "A" * 32,
        "ds_" + "g" * 32,
        "ds-" + "0" * 32,
        ONE + "\n",
        " " + ONE,
        ONE + "\0",
        "ds_00000000-0000-0000-0000-000000000000",
        "ds_" + "٠" * 32,
        "ds_../../etc/passwd",
        ONE + "/../x",
        "x" * 10_000,
    ],
)
def test_anything_else_is_no_id(text):
    with pytest.raises(ValueError, match="not an id") as refused:
        ids.decode("ds", text)
    assert len(str(refused.value)) < 400
