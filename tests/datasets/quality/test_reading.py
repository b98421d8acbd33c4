"""The first reading of a stored file: whatever its size and packing, the plan is made of what the whole file shows."""

import bz2
import gzip
import hashlib
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.formats import growing
from datasets.formats.errors import MappingIncomplete
from datasets.quality import reading
from tests.datasets.formats.test_growing import grow
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


@pytest.fixture
def polite(monkeypatch):
    monkeypatch.setattr(reading, "_NICE", 0)  # this process is no child
    monkeypatch.setattr(growing, "_TICK_S", 0.001)


def follow(folder, data, cuts=(), name="BTC-USD", size=None, **overrides):
    raw, tide, thread = grow(folder, data, cuts)
    out = folder / "followed"
    out.mkdir()
    params = {"raw": str(raw), "tide": str(tide), "size": size, "filename": name, "overrides": overrides}
    given = {**params, "out_dir": str(out), "profile": "standard", "thresholds": {}}
    try:
        return reading.follow(given, lambda message: None)
    finally:
        thread.join()


def same(followed, validated, data):
    """Assert that both found the same, to the last byte of the files."""
    assert (followed.pop("sha256"), followed.pop("sizeBytes")) == (hashlib.sha256(data).hexdigest(), len(data))
    rejects = [Path(answer["rejects"].pop("path")).read_bytes() for answer in (followed, validated)]
    assert rejects[0] == rejects[1]
    for answer in (followed, validated):
        answer["report"].pop("durationMs")
        for file in answer["files"]:
            assert hashlib.sha256(Path(file.pop("path")).read_bytes()).hexdigest() == file["sha256"]
    assert followed == validated


def messy(seed, rows):
    """Trades of five instruments: out of order, repeated, quoted over two lines, unreadable, and some not."""
    random = np.random.default_rng(seed)
    names = [f"C{number}-USD" for number in random.integers(0, 5, rows)]
    times = 1_700_000_000_000 + np.arange(rows) * 500 - (random.random(rows) < 0.01) * random.integers(0, 90_000, rows)
    prices = np.round(100 + random.normal(0, 1, rows).cumsum() / 50, 2)
    ids = np.arange(rows) - (random.random(rows) < 0.005)
    lines = [f"{times[at]},{names[at]},{prices[at]},0.5,{ids[at]}" for at in range(rows)]
    for at in random.integers(0, rows, 20).tolist():
        lines[at] = f'{times[at]},"{names[at]}","{prices[at]}\n",x,{ids[at]}'
    return ("\n".join(["timestamp,symbol,price,size,trade_id", *lines]) + ("\n" if seed % 2 else "")).encode()


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 9),
    st.sampled_from((500, 90_000)),
    st.lists(st.floats(0, 1), max_size=12),
    st.sampled_from((bytes, gzip.compress, bz2.compress, lambda data: pa.compress(data, "zstd", asbytes=True))),
    st.booleans(),
)
def test_a_file_that_was_followed_gives_what_the_whole_file_gives(
    polite, tmp_path_factory, seed, rows, cuts, pack, told
):
    folder = tmp_path_factory.mktemp("cut")
    data = pack(messy(seed, rows))
    followed = follow(folder, data, [int(cut * len(data)) for cut in cuts], size=len(data) if told else None)
    same(followed, validate(folder, data), data)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe" + ("time,price,size\n" + "1700000000,1,2\n" * 60_000).encode("utf-16-le"),  # two bytes a letter
        b"time,price,size\r" + b"1700000000,1,2\r" * 100_000,
        gzip.compress(lines(60_000))[:-9],  # cut: the report says so
        b'{"time": 1700000000, "price": 1.5, "size": 2}\n' * 50_000,
        b"[" + b",".join([b'{"time": 1700000000, "price": 1.5, "size": 2}'] * 50_000) + b"]",
    ],
)
def test_other_forms_are_followed_to_the_same_end(polite, tmp_path, data):
    same(follow(tmp_path, data, [len(data) // 3]), validate(tmp_path, data), data)


def test_rows_of_the_future_are_not_kept_for_a_later_verdict(polite, tmp_path):
    data = lines(50) + b"4000000000000,BTC-USD,100,1,51\n"
    assert follow(tmp_path, data) == {"unfit": "1 rows lay in the future when they were read"}


def test_a_format_with_its_index_at_the_end_is_not_followed(polite, tmp_path):
    out = io.BytesIO()
    pq.write_table(pa.table({"time": [1_700_000_000], "price": [1.0], "size": [1.0]}), out)
    assert "unfit" in follow(tmp_path, out.getvalue())


def test_a_question_that_is_open_is_asked_of_a_followed_file_too(polite, tmp_path):
    with pytest.raises(MappingIncomplete):
        follow(tmp_path, b"a,b,c\n1,2,3\n" * 10)
