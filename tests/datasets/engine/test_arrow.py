"""A child that reads with pyarrow does not load pandas by the way; one that asks for pandas has it."""

from datasets.engine import children


def test_a_conversion_to_numpy_brings_no_pandas():
    assert children.run("tests.kit.childtasks:convert", {}) == {"values": [1, 2], "pandas": False}


def test_pandas_itself_works_whoever_comes_first():
    for first in ("pandas", "pyarrow"):
        assert children.run("tests.kit.childtasks:frame", {"first": first}) == {"sum": 6}


def test_pandas_is_there_for_those_who_want_it():
    said = children.run("tests.kit.childtasks:sessions", {})
    assert said["first"] == "2024-03-04"
    assert said["sessions"] == 5
