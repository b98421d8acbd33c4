"""The check of price files, and reading them back."""

from __future__ import annotations

import json

import pytest

from lona.sandbox import tape
from lona.sandbox.tape import TapeRefused

MAPPING = {name: name for name in tape.FIELDS}
HEAD = "timestamp,open,high,low,close,volume\n"
ROW = "2024-01-{:02d} 00:00:00,1,2,0.5,1.5,10\n"
GOOD = HEAD + "".join(ROW.format(day) for day in range(1, 4))


def check(tmp_path, content, mapping=MAPPING, min_rows=1, equal=False):
    path = tmp_path / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tape.check(path, mapping, min_rows, equal)


def test_a_good_file_tells_its_extent(tmp_path):
    assert check(tmp_path, GOOD) == tape.Extent(3, "2024-01-01 00:00:00", "2024-01-03 00:00:00")


def test_crlf_quotes_and_missing_volume_are_accepted(tmp_path):
    assert check(tmp_path, GOOD.replace("\n", "\r\n")).rows == 3
    assert check(tmp_path, HEAD + '"2024-01-01 00:00:00","1","2","0.5","1.5",""\n').rows == 1
    prices = {name: name for name in tape.REQUIRED}
    assert check(tmp_path, "close,timestamp,open,high,low\n1.5,2024-01-01 00:00:00,1,2,0.5\n", prices).rows == 1


def test_columns_go_by_the_mapping(tmp_path):
    mapping = {"timestamp": "t", "open": "o", "high": "h", "low": "l", "close": "c"}
    assert check(tmp_path, "x,c,l,h,o,t\n9,1.5,0.5,2,1,2024-01-01 00:00:00\n", mapping).rows == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        (HEAD, "0 rows; at least 1"),
        ("2024-01-01 00:00:00,1,2,0.5,1.5,10\n", "no column timestamp"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "no column timestamp"),
        (GOOD.encode("utf-16"), "not UTF-8"),
        (HEAD.encode() + b"2024-01-01 00:00:00,1,2,0.5,1.5,\xff\n", "not UTF-8"),
        ("timestamp,open,open,high,low,close,volume\n", "there twice"),
        (HEAD + ROW.format(2) + ROW.format(1), "line 3: timestamp 2024-01-01 00:00:00 is not after"),
        (HEAD + ROW.format(2) + ROW.format(2), "line 3: timestamp 2024-01-02 00:00:00 is not after"),
        (HEAD + "2024-01-01T00:00:00,1,2,0.5,1.5,10\n", "line 2: timestamp"),
        (HEAD + "2024-02-30 00:00:00,1,2,0.5,1.5,10\n", "line 2: timestamp"),
        (HEAD + "2024-01-01 00:00:00,1,2,0.5\n", "line 2: 4 cells where the header has 6"),
        (HEAD + "2024-01-01 00:00:00,nan,2,0.5,1.5,10\n", "line 2: open 'nan'"),
        (HEAD + "2024-01-01 00:00:00,1,inf,0.5,1.5,10\n", "line 2: high 'inf'"),
        (HEAD + "2024-01-01 00:00:00,1,2,,1.5,10\n", "line 2: low ''"),
        (HEAD + "2024-01-01 00:00:00,1,2,0.5,1_5,10\n", "line 2: close '1_5'"),
        (HEAD + "2024-01-01 00:00:00,1,2,0.5,1.5,many\n", "line 2: volume 'many'"),
        (HEAD + '2024-01-01 00:00:00,"1,2,0.5,1.5,10\n', "not a readable CSV"),
        (HEAD + "9" * 200_000, "longer than"),
        ("<html><body>Not found</body></html>\n", "no column timestamp"),
        (HEAD + "2024-01-01 00:00:00,1,2,0.5,1.5\x00,10\n", "close"),
    ],
)
def test_a_bad_file_is_refused_by_line_and_reason(tmp_path, content, message):
    with pytest.raises(TapeRefused, match=message):
        check(tmp_path, content)


def test_equal_timestamps_are_a_setting(tmp_path):
    assert check(tmp_path, HEAD + ROW.format(2) + ROW.format(2), equal=True).rows == 2


def test_too_few_rows_are_refused(tmp_path):
    with pytest.raises(TapeRefused, match="3 rows; at least 10 are required"):
        check(tmp_path, GOOD, min_rows=10)


def test_bars_are_cut_half_open(tmp_path):
    check(tmp_path, GOOD)
    cut = [values[0] for values in tape.bars(tmp_path / "data.csv", MAPPING, "2024-01-02", "2024-01-03")]
    assert cut == ["2024-01-02 00:00:00"]


def test_json_rows_keep_the_digits_of_the_file(tmp_path):
    check(tmp_path, HEAD + "2024-01-01 00:00:00,0.10000000000000000001,.5,1e-8,1.50,\n")
    (row,) = tape.json_rows(tmp_path / "data.csv", MAPPING, iso=False)
    assert '"open":0.10000000000000000001,"high":0.5,"low":1e-8,"close":1.50,"volume":null' in row
    (iso,) = tape.json_rows(tmp_path / "data.csv", MAPPING, iso=True)
    assert json.loads(iso)["timestamp"] == "2024-01-01T00:00:00Z"
