"""Records come out of JSON one by one, the same however the text is cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.formats.errors import JsonInvalid, RecordTooLong, TruncatedFile
from datasets.formats.jsonscan import Record, Scanner

leaf = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
record = st.dictionaries(st.text(max_size=5), leaf | st.lists(leaf, max_size=3), max_size=4) | st.lists(
    leaf, max_size=4
)


def scan(text, piece=1 << 20, **more):
    data = text.encode() if isinstance(text, str) else text
    return list(Scanner([data[at : at + piece] for at in range(0, len(data), piece)], **more).records())


@given(st.lists(record, max_size=8), st.integers(1, 50), st.sampled_from([None, 1]), st.booleans())
def test_any_cut_gives_the_same_records(records, piece, indent, ascii_only):
    text = json.dumps({"meta": {"n": 12345, "ok": True}, "rows": records}, indent=indent, ensure_ascii=ascii_only)
    found = scan(text, piece)
    assert [each.value for each in found] == records
    assert all(each.path == ("rows",) for each in found)
    lines = text.split("\n")
    assert all(lines[each.line - 1].lstrip(' "rows:')[:1] in ("{", "[") for each in found)


@given(st.lists(leaf, max_size=8), st.integers(1, 9))
def test_single_values_are_yielded_too_so_that_none_is_lost(values, piece):
    assert [each.value for each in scan(json.dumps(values), piece)] == values


def test_the_place_of_nested_arrays_is_their_keys():
    found = scan('{"bars": {"AAPL": [{"t": 1}], "MSFT": [{"t": 2}]}, "next": null}')
    assert found == [Record(("bars", "AAPL"), {"t": 1}, 1), Record(("bars", "MSFT"), {"t": 2}, 1)]


@pytest.mark.parametrize("text", ["[1, 2", '[{"a": 1}', '{"a": [', '[{"a": "x', '{"a"', "[{", '[{"a": tr'])
def test_an_early_end_is_named(text):
    with pytest.raises(TruncatedFile):
        scan(text, 3)


@pytest.mark.parametrize(
    "text", ["[1 2]", "[1] x", "{1: 2}", '{"a" 1}', "[{'a': 1}]", "nonsense", "[1,]", '[{"a": 01}]']
)
def test_broken_json_is_named(text):
    with pytest.raises(JsonInvalid):
        scan(text, 4)


def test_the_line_of_broken_json_is_named():
    with pytest.raises(JsonInvalid) as caught:
        scan('[\n{"a": 1},\n{"a": nope}\n]')
    assert caught.value.details == {"line": 3}


@pytest.mark.parametrize("opened", ["[", '{"a":'])
def test_endless_nesting_is_refused(opened):
    with pytest.raises((JsonInvalid, TruncatedFile)):
        scan(opened * 200_000, 1 << 12)


def test_an_endless_record_is_refused():
    with pytest.raises(RecordTooLong):
        scan('["' + "x" * 100_000, 1000, record_chars=10_000)


def test_text_cut_anywhere_is_truncated_and_never_wrong():
    text = r'[{"a": 1.25e-7, "b": [true, false, null], "c\u00e9\"": "x\u20ac\\", "d": -0.5E+3}, [10, -2], {}]'
    for stop in range(1, len(text) - 1):
        with pytest.raises(TruncatedFile):
            list(Scanner([text[:stop].encode()]).records())
