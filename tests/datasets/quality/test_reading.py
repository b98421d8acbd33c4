"""The first reading of a stored file: whatever its size and packing, the plan is made of what the whole file shows."""

import bz2
import gzip
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.quality import reading
from tests.datasets.quality import probe


def validate(folder, data, **overrides):
    raw, out = folder / "raw", folder / "out"
    raw.write_bytes(data)
    out.mkdir()
    params = {"raw": str(raw), "filename": "BTC-USD", "overrides": overrides, "out_dir": str(out)}
    return reading.validate({**params, "profile": "standard", "thresholds": {}}, lambda message: None)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_large_parquet_file_with_a_long_footer_needs_no_answers(tmp_path, pack):
    random = np.random.default_rng(1)
    rows = 60_000
    table = pa.table(
        {
            "time": np.arange(rows) + 1_700_000_000,
            "price": random.normal(100, 0.1, rows),
            "size": random.random(rows) + 1,
            **{f"extra{number}": random.random(rows) for number in range(8)},
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=500)
    data = out.getvalue()
    assert len(data) > 1 << 20
    assert int.from_bytes(data[-8:-4], "little") > 1 << 16  # the footer is longer than a tail that is kept
    answer = validate(tmp_path, pack(data))
    assert answer["plan"]["columnMapping"] == {"ts_event": "time", "price": "price", "size": "size"}
    assert answer["rows"]["accepted"] == rows
    assert len(probe.column(answer, "price")) == rows


def begin(folder, data, stop, name="BTC-USD.csv", size=None):
    raw, out = folder / "raw", folder / "out"
    raw.write_bytes(data)
    out.mkdir(exist_ok=True)
    params = {"raw": str(raw), "stop": stop, "size": size or len(data), "filename": name, "overrides": {}}
    given = {**params, "out_dir": str(out), "profile": "standard", "thresholds": {}}
    return reading.begin(given, lambda message: None)["report"]


def lines(count):
    rows = [f"{1_700_000_000_000 + at * 500},BTC-USD,{100 + at % 7 / 4},0.5,{at + 1}" for at in range(count)]
    return ("\n".join(["timestamp,symbol,price,size,trade_id", *rows]) + "\n").encode()


def test_the_beginning_of_a_file_is_judged_as_far_as_its_records_are_whole(tmp_path):
    data = lines(1000)
    stop = data.index(b",0.5,501") + 4  # "0.5" of the record would be read as a size, and its id as missing
    report = begin(tmp_path, data[:stop], stop, size=len(data))
    assert report["rows"] == {"read": 500, "accepted": 500, "rejected": 0, "duplicatesDropped": 0}
    assert (report["grade"], report["issues"]) == ("GREEN", [])


def test_bytes_behind_the_stop_are_not_looked_at(tmp_path):
    data = lines(100)
    report = begin(tmp_path, data + b"nonsense\n" * 100, len(data))
    assert (report["rows"]["read"], report["grade"]) == (100, "GREEN")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress], ids=["gzip", "bzip2"])
def test_that_packed_data_ends_at_the_stop_is_no_fault(tmp_path, pack):
    random = np.random.default_rng(7)
    rows = [
        f"{1_700_000_000_000 + at},BTC-USD,{price!r},0.5"
        for at, price in enumerate((random.random(200_000) + 1).tolist())
    ]
    data = pack(("\n".join(["timestamp,symbol,price,size", *rows]) + "\n").encode())
    report = begin(tmp_path, data, len(data) * 9 // 10)
    assert 100_000 < report["rows"]["accepted"] < 200_000
    assert "schema.file" not in {issue["checkId"] for issue in report["issues"]}


def json_rows(count):
    rows = (f'{{"t":{1_700_000_000_000 + at},"price":100.5,"size":1,"symbol":"A"}}' for at in range(count))
    return f"[{','.join(rows)}]".encode()


def test_json_that_ends_at_the_stop_is_no_fault(tmp_path):
    data = json_rows(100_000)
    report = begin(tmp_path, data, len(data) // 2, "a.json")
    assert 0 < report["rows"]["accepted"] < 51_000
    assert "schema.file" not in {issue["checkId"] for issue in report["issues"]}


def test_damage_before_the_stop_is_a_fault(tmp_path):
    data = json_rows(100_000)
    quarter = data.index(b"},{", len(data) // 4)
    report = begin(tmp_path, data[:quarter] + b"}" + data[quarter:], len(data) // 4 * 3, "a.json")
    assert report["grade"] == "RED"
    assert "schema.file" in {issue["checkId"] for issue in report["issues"]}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_format_with_its_index_at_the_end_is_not_judged_by_its_beginning(tmp_path, pack):
    random, out = np.random.default_rng(3), io.BytesIO()
    columns = {
        "time": np.arange(200_000) + 1_700_000_000,
        "price": random.random(200_000) + 1,
        "size": random.random(200_000),
    }
    pq.write_table(pa.table(columns), out)
    data = pack(out.getvalue())
    assert begin(tmp_path, data[: len(data) // 2], len(data) // 2, "a.parquet", size=len(data)) is None
