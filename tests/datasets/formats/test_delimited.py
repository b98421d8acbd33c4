"""Delimited text: every record is either mapped or rejected by row, line, column, value and reason."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.formats.delimited import Delimited
from datasets.formats.errors import (
    ColumnMissing,
    FileEmpty,
    HtmlNotData,
    QuoteUnbalanced,
    RecordTooLong,
    TooManyColumns,
)
from tests.datasets.formats.writing import CSV, batches, rejects, rows

GOOD = "t,p,s\n1700000000,1.5,2\n1700000001,1.6,\n"
BAD = """t,p,s
1700000000,1.5,2
1700000001,x,2

1700000002,1.7
1700000003,,
t,p,s
1700000004,1,2,3
1700000005,"1.5",
"""
BAD_REJECTS = [
    (1, 3, "p", "x", "NUMBER_INVALID"),
    (2, 5, None, "1700000002,1.7", "RAGGED_ROW"),
    (3, 6, "p", "", "NULL_VALUE"),
    (4, 7, None, "t,p,s", "HEADER_REPEATED"),
    (5, 8, None, "1700000004,1,2,3", "RAGGED_ROW"),
]


def test_a_clean_file_is_mapped(tmp_path):
    [batch] = batches(tmp_path, GOOD)
    assert batch.table.column("price").to_pylist() == [1.5, 1.6]
    assert batch.table.column("size").to_pylist() == [2.0, None]
    assert batch.row.tolist() == [0, 1]
    assert batch.line.tolist() == [2, 3]
    assert batch.bytes_read == len(GOOD)


def test_each_bad_record_is_named(tmp_path):
    [batch] = batches(tmp_path, BAD)
    assert rejects([batch]) == BAD_REJECTS
    assert batch.row.tolist() == [0, 6]
    assert batch.line.tolist() == [2, 9]


@pytest.mark.parametrize("block", [16, 40, 64, 100])
def test_small_blocks_find_the_same(tmp_path, block):
    found = batches(tmp_path, BAD, block_bytes=block)
    assert rejects(found) == BAD_REJECTS
    assert [row for batch in found for row in batch.row.tolist()] == [0, 6]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends_count_the_same(tmp_path, end):
    assert rows(tmp_path, BAD.replace("\n", end)) == ([1.5, 1.5], BAD_REJECTS)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_read_the_same(tmp_path, encoding):
    declared = encoding if encoding in ("utf-16-le", "utf-16-be") else None
    assert rows(tmp_path, BAD.encode(encoding), encoding=declared) == ([1.5, 1.5], BAD_REJECTS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
def test_any_delimiter(tmp_path, delimiter):
    assert rows(tmp_path, GOOD.replace(",", delimiter), delimiter=delimiter) == ([1.5, 1.6], [])


def test_runs_of_blanks_are_one_delimiter(tmp_path):
    assert rows(tmp_path, "t   p  s\n1700000000     2.5 1\n", delimiter=" ") == ([2.5], [])


def test_decimal_comma(tmp_path):
    values, bad = rows(tmp_path, "t;p;s\n1700000000;1,5;2\n1700000000;1,5,5;2\n", delimiter=";", decimal=",")
    assert values == [1.5]
    assert bad == [(1, 3, "p", "1,5,5", "NUMBER_INVALID")]


def test_quotes_hold_newlines_and_lines_are_counted_through_them(tmp_path):
    text = 'q,t,p,s\n"a\nb",1700000000,1,2\n"a""\nb",1700000000,x,2\n,1700000000,3,4\n'
    values, bad = rows(tmp_path, text)
    assert values == [1.0, 3.0]
    assert bad == [(1, 4, "p", "x", "NUMBER_INVALID")]


def test_an_open_quote_is_named_by_its_line(tmp_path):
    with pytest.raises(QuoteUnbalanced) as caught:
        batches(tmp_path, 't,p,s\n1700000000,1,2\n1700000000,1,"a\n1700000000,1,2\n')
    assert caught.value.details == {"line": 3}


def test_without_quotes_a_mark_is_a_character(tmp_path):
    text = 't,p,s,y\n1700000000,1,2,5" pipe\n'
    mapping = {**CSV["columnMapping"], "symbol": "y"}
    assert rows(tmp_path, text, "symbol", quote="", columnMapping=mapping) == (['5" pipe'], [])


def test_symbols_stay_text(tmp_path):
    names = ["1E5", "0001", "TRUE", "NA", "NULL", "nan", "1.0", "Infinity", "-"]
    text = "t,p,s,y\n" + "".join(f"1700000000,1,2,{name}\n" for name in names)
    mapping = {**CSV["columnMapping"], "symbol": "y"}
    assert rows(tmp_path, text, "symbol", columnMapping=mapping) == (names, [])


def test_an_empty_symbol_is_rejected(tmp_path):
    mapping = {**CSV["columnMapping"], "symbol": "y"}
    values, bad = rows(tmp_path, "t,p,s,y\n1700000000,1,2,A\n1700000000,1,2,\n", "symbol", columnMapping=mapping)
    assert values == ["A"]
    assert bad == [(1, 3, "y", "", "SYMBOL_EMPTY")]


def test_zero_bytes_and_foreign_bytes_are_named_by_cell(tmp_path):
    data = b"t,p,s,y\n1700000000,1,2,a\0b\n1700000000,1\0,2,a\n1700000000,1,2,\xff\n1700000000,5,2,ok\n"
    values, bad = rows(tmp_path, data, columnMapping={**CSV["columnMapping"], "symbol": "y"})
    assert values == [5.0]
    assert [(each[1], each[2], each[4]) for each in bad] == [
        (2, "y", "NUL_BYTE"),
        (3, "p", "NUL_BYTE"),
        (4, "y", "ENCODING_INVALID"),
    ]


def test_foreign_bytes_in_a_column_that_is_not_mapped_do_no_harm(tmp_path):
    assert rows(tmp_path, b"t,p,s,note\n1700000000,1,2,\xff\xfe\n") == ([1.0], [])


def test_infinite_and_missing_numbers_are_kept_for_the_checks(tmp_path):
    values, bad = rows(tmp_path, "t,p,s\n1700000000,inf,1\n1700000000,-1,NA\n1700000000,nan,1\n")
    assert values[:2] == [float("inf"), -1.0]
    assert values[2] != values[2]
    assert bad == []


@pytest.mark.parametrize("text", ["1_000", "0x10", "1,000.5", "12abc", "--1", "1e", "."])
def test_what_is_no_number_is_rejected(tmp_path, text):
    _, bad = rows(tmp_path, f't,p,s\n1700000000,"{text}",1\n')
    assert [each[3] for each in bad] == ["" if text == "." else text] or bad[0][4] == "NULL_VALUE"


def test_a_symbol_longer_than_a_name_can_be_is_rejected_by_row(tmp_path):
    text = f"t,p,s,y\n1700000000,1,2,{'A' * 128}\n1700000000,1,2,{'B' * 129}\n1700000000,1,2,{'C' * 10_000}\n"
    values, bad = rows(tmp_path, text, "symbol", columnMapping={**CSV["columnMapping"], "symbol": "y"})
    assert values == ["A" * 128]
    assert [(each[0], each[1], each[4]) for each in bad] == [(1, 3, "SYMBOL_TOO_LONG"), (2, 4, "SYMBOL_TOO_LONG")]


def test_very_many_bad_records_are_counted_in_bounded_batches(tmp_path):
    found = batches(tmp_path, "t,p,s\n" + "x\n" * 300_000)
    assert sum(len(batch.rejects) for batch in found) == 300_000
    assert max(len(batch.rejects) for batch in found) <= 131_072
    assert found[-1].rejects[-1].line == 300_001
    [batch] = batches(tmp_path, "t,p,s\n1700000000,1,2\n" + "\n" * 3_000_000 + "1700000000,2,2\n", block_bytes=4 << 20)
    assert batch.line.tolist() == [2, 3_000_003]


def test_sides_and_makers(tmp_path):
    side = {**CSV["columnMapping"], "side": "x"}
    text = "t,p,s,x\n" + "".join(f"1700000000,1,2,{word}\n" for word in ("buy", "SELL", "b", "s", "", "maybe"))
    values, bad = rows(tmp_path, text, "side", columnMapping=side)
    assert values == [1, -1, 1, -1, None]
    assert bad == [(5, 7, "x", "maybe", "SIDE_UNKNOWN")]
    maker = {**CSV["columnMapping"], "buyer_is_maker": "x"}
    text = "t,p,s,x\n" + "".join(f"1700000000,1,2,{word}\n" for word in ("true", "False", "1", "0"))
    assert rows(tmp_path, text, "side", columnMapping=maker) == ([-1, 1, -1, 1], [])
    assert rows(tmp_path, text.replace("true", "bid"), "side", columnMapping=side, sideRule="maker")[0][0] == -1


def test_integer_ids_become_the_sequence_and_others_stay_text(tmp_path):
    mapping = {**CSV["columnMapping"], "trade_id": "i"}
    text = "t,p,s,i\n1700000000,1,2,17\n1700000000,1,2,18\n"
    [batch] = batches(tmp_path, text, columnMapping=mapping)
    assert batch.table.column("sequence").to_pylist() == [17, 18]
    assert batch.table.column("trade_id").null_count == 2
    [batch] = batches(tmp_path, text.replace("18", "a-18"), columnMapping=mapping)
    assert batch.table.column("sequence").null_count == 2
    assert batch.table.column("trade_id").to_pylist() == ["17", "a-18"]


def test_two_columns_of_one_name_are_told_apart_by_number(tmp_path):
    mapping = {"ts_event": 0, "price": 2, "size": 1}
    assert rows(tmp_path, "t,x,x\n1700000000,1,2\n", columnMapping=mapping) == ([2.0], [])


def test_no_header_and_lines_to_skip(tmp_path):
    mapping = {"ts_event": "0", "price": "1"}
    found = batches(tmp_path, "# made by x\n1700000000,1\n", header=False, skipRows=1, columnMapping=mapping)
    assert found[0].line.tolist() == [2]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"t,p,s\n", b"\xef\xbb\xbf"])
def test_no_records_is_an_error(tmp_path, data):
    with pytest.raises(FileEmpty):
        batches(tmp_path, data)


@pytest.mark.parametrize("page", ["<!DOCTYPE html><html>", "\n <HTML><body>", "<?xml version='1.0'?><html>"])
def test_a_web_page_is_refused_by_name(tmp_path, page):
    with pytest.raises(HtmlNotData):
        batches(tmp_path, page)


def test_a_missing_column_is_named_with_those_there_are(tmp_path):
    with pytest.raises(ColumnMissing) as caught:
        batches(tmp_path, "t,p\n1,1\n")
    assert caught.value.details == {"column": "s", "columns": ["t", "p"]}


def test_too_many_columns_are_refused(tmp_path):
    with pytest.raises(TooManyColumns):
        batches(tmp_path, ",".join(f"c{number}" for number in range(20_000)) + "\n1\n")


def test_a_line_without_end_is_refused(tmp_path):
    with pytest.raises(RecordTooLong):
        batches(tmp_path, b"t,p,s\n" + b"1" * (17 << 20), block_bytes=1 << 16)


cell = st.text(alphabet=st.sampled_from('ab1 .,"\n;é'), max_size=6)


@given(st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=20), st.integers(1, 60), st.integers(1, 90))
def test_any_cut_gives_the_records_that_were_written(records, piece, block):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["t", "p", "y"])
    for record in records:
        writer.writerow(record)
    data = out.getvalue().encode()
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    plan = {**CSV, "columnMapping": {"ts_event": "t", "price": "p", "symbol": "y"}, "timestampFormat": None}
    plan["decimal"] = ","  # read as text
    found = list(Delimited(pieces, plan, block))
    again = [
        tuple(batch.columns[target][at].as_py() for target in ("ts_event", "price", "symbol"))
        for batch in found
        for at in range(len(batch.row))
    ]
    assert again == records
    assert [row for batch in found for row in batch.row.tolist()] == list(range(len(records)))
    spans = [sum(text.count("\n") for text in record) + 1 for record in records]
    assert [line for batch in found for line in batch.line.tolist()] == [
        2 + sum(spans[:at]) for at in range(len(spans))
    ]
