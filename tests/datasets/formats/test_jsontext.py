"""JSON and JSON lines: records by name, by number, by dotted name; bad lines rejected, numbers exact."""

import pytest

from datasets.formats.errors import ColumnMissing, JsonInvalid, RecordsElsewhere, RecordsNotFound, TruncatedFile
from tests.datasets.formats.writing import batches, rejects, rows

JSON = {"format": "json", "columnMapping": {"ts_event": "t", "price": "p"}}
LINES = {**JSON, "format": "jsonl"}


def test_objects_by_name_and_inside_others(tmp_path):
    text = '[{"t": 1700000000, "p": 1.5, "i": {"q": "2.5"}}]'
    assert rows(tmp_path, text, **JSON) == ([1.5], [])
    assert rows(tmp_path, text, **JSON | {"columnMapping": {"ts_event": "t", "price": "i.q"}}) == ([2.5], [])


@pytest.mark.parametrize("number", [1, "1"])
def test_arrays_by_number(tmp_path, number):
    mapping = {"ts_event": "0", "price": number}
    assert rows(tmp_path, "[[1700000000, 1.5], [1700000000, 2]]", **JSON | {"columnMapping": mapping}) == (
        [1.5, 2.0],
        [],
    )


def test_bad_values_are_rejected_by_row_and_line(tmp_path):
    lines = ['{"t": 1700000000, "p": 1}', '{"t": 1700000000, "p": "x"}', '{"t": null, "p": 1}', "5"]
    text = "[\n" + ",\n".join([*lines, '{"t": 1700000000, "p": [1]}']) + "]"
    values, bad = rows(tmp_path, text, **JSON)
    assert values == [1.0]
    assert [(each[0], each[1], each[4]) for each in bad] == [
        (1, 3, "NUMBER_INVALID"),
        (2, 4, "NULL_VALUE"),
        (3, 5, "NOT_A_RECORD"),
        (4, 6, "NUMBER_INVALID"),
    ]


def test_numbers_are_exact(tmp_path):
    mapping = {"ts_event": "t", "price": "p", "trade_id": "i"}
    text = '[{"t": 1700000000123456789, "p": 0.1, "i": 9223372036854775807}]'
    [batch] = batches(tmp_path, text, **JSON | {"columnMapping": mapping})
    assert batch.table.column("ts_event").cast("int64").to_pylist() == [1700000000123456789]
    assert batch.table.column("sequence").to_pylist() == [9223372036854775807]
    text = text.replace("9223372036854775807", "99999999999999999999")
    [batch] = batches(tmp_path, text, **JSON | {"columnMapping": mapping})
    assert batch.table.column("trade_id").to_pylist() == ["99999999999999999999"]


def test_the_key_of_an_array_can_be_the_symbol(tmp_path):
    text = '{"bars": {"A": [{"t": 1700000000, "p": 1}], "B": [{"t": 1700000000, "p": 2}]}, "x": [[1]]}'
    plan = {**JSON, "recordsPath": ["bars", "*"], "columnMapping": {**JSON["columnMapping"], "symbol": "@key"}}
    assert rows(tmp_path, text, "symbol", **plan) == (["A", "B"], [])


def test_records_that_the_place_leaves_out_are_not_lost_in_silence(tmp_path):
    text = '{"A": {"bars": [{"t": 1700000000, "p": 1}]},\n"B": {"bars": [{"t": 1700000000, "p": 2}]}, "x": [{"q": 1}]}'
    with pytest.raises(RecordsElsewhere) as caught:
        batches(tmp_path, text, **JSON | {"recordsPath": ["A", "bars"]})
    assert (caught.value.details["other"], caught.value.details["line"]) == (["B", "bars"], 2)


def test_lines_that_are_no_json_are_rejected_and_the_others_kept(tmp_path):
    text = '{"t": 1700000000, "p": 1}\n{"t": 1700000000, "p":\n\n7\n{"t": 1700000001, "p": "2.50"}\n'
    [batch] = batches(tmp_path, text, **LINES)
    assert batch.table.column("price").to_pylist() == [1.0, 2.5]
    assert [(each[0], each[1], each[4]) for each in rejects([batch])] == [
        (1, 2, "JSON_INVALID"),
        (2, 4, "NOT_A_RECORD"),
    ]
    assert batch.line.tolist() == [1, 5]


def test_two_records_on_one_line_are_no_json_line(tmp_path):
    text = '{"t": 1700000000, "p": 1},{"t": 1700000000, "p": 2}\n{"t": 1700000000, "p": 3}\n'
    values, bad = rows(tmp_path, text, **LINES)
    assert values == [3.0]
    assert bad[0][4] == "JSON_INVALID"


def test_small_blocks_of_lines_read_the_same(tmp_path):
    text = "".join(f'{{"t": {1700000000 + n}, "p": {n}}}\n' for n in range(50))
    found = batches(tmp_path, text, block_bytes=64, **LINES)
    assert [row for batch in found for row in batch.row.tolist()] == list(range(50))
    assert [line for batch in found for line in batch.line.tolist()] == list(range(1, 51))


def test_no_records_a_missing_column_and_an_early_end_are_named(tmp_path):
    with pytest.raises(RecordsNotFound):
        batches(tmp_path, '{"a": 1}', **JSON)
    with pytest.raises(ColumnMissing):
        batches(tmp_path, '[{"t": 1700000000}]', **JSON)
    with pytest.raises(TruncatedFile):
        batches(tmp_path, '[{"t": 1700000000, "p": 1},{"t"', **JSON)
    with pytest.raises(JsonInvalid):
        batches(tmp_path, '[{"t": 1700000000, "p": 1}{"t"', **JSON)


TWICE = '{"t": 1700000001, "p": 2, "p": 3}'
ONCE = ['{"t": 1700000000, "p": 1}', '{"t": 1700000002, "p": 4, "note": "a \\"p\\": 5"}', '{"t":1700000003,"p" : 5}']


def test_a_record_with_a_name_twice_is_rejected_by_line(tmp_path):
    lines = [ONCE[0], TWICE, *ONCE[1:]]
    wanted = ([1.0, 4.0, 5.0], [(1, 2, "p", "stands twice in the record", "NAME_REPEATED")])
    assert rows(tmp_path, "\n".join(lines) + "\n", **LINES) == wanted
    assert rows(tmp_path, "[" + ",\n".join(lines) + "]", **JSON) == wanted
    values, bad = rows(tmp_path, "[" + ",\n".join(reversed(lines[:2])) + "]", **JSON)
    assert (values, bad[0][:3]) == ([1.0], (0, 1, "p"))


@pytest.mark.parametrize("plan", [JSON, LINES])
def test_names_are_counted_in_objects_inside_too_and_once_in_each(tmp_path, plan):
    fine = '{"t": 1700000000, "p": 1, "info": {"p": 2, "legs": [{"p": 3}, {"p": 4}]}}'
    wrong = fine.replace('{"p": 4}', '{"p": 4, "p": 5}')
    text = f"{fine}\n{wrong}\n" if plan is LINES else f"[{fine},\n{wrong}]"
    values, bad = rows(tmp_path, text, **plan)
    assert (values, [(each[1], each[2], each[4]) for each in bad]) == ([1.0], [(2, "p", "NAME_REPEATED")])
