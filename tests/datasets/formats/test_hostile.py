"""Files that are built to hurt are read in a capped child: it is refused or ended, and the parent goes on."""

import bz2
import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.engine import children, handover
from datasets.engine.children import ChildFailed, Limits
from tests.datasets.formats.writing import CSV

SMALL = Limits(memory_bytes=400 << 20, cpu_s=20, wall_s=40)
COLUMNAR = {**CSV, "format": "parquet", "columnMapping": {"ts_event": "t", "price": "p"}}


def read(folder, data, plan=CSV, limits=SMALL):
    path = folder / "raw"
    path.write_bytes(data)
    return children.run("tests.kit.childtasks:read_all", {"path": handover.reads(path), "plan": plan}, limits=limits)


def sniffed(folder, data, limits=SMALL):
    path = folder / "raw"
    path.write_bytes(data)
    return children.run(
        "datasets.formats.sniff:task", {"path": handover.reads(path), "filename": "BTC-USD"}, limits=limits
    )


def zeros(count):
    """Gzip members of so many MiB of zero bytes."""
    return gzip.compress(bytes(32 << 20)) * (count // 32)


def test_an_honest_file_is_read_in_the_child(tmp_path):
    assert read(tmp_path, b"t,p,s\n1700000000,1,2\n") == {"rows": 1, "rejects": 0}


@pytest.mark.parametrize("name", ["zeros", "lines", "bz2"])
def test_a_bomb_of_text_is_refused(tmp_path, name):
    line = b"1700000000,1,2\n" * 70_000
    bombs = {
        "zeros": lambda: zeros(1100),
        "lines": lambda: gzip.compress(b"t,p,s\n") + gzip.compress(line * 8) * 10,
        "bz2": lambda: bz2.compress(b"t,p,s\n") + bz2.compress(line * 4) * 20,
    }
    with pytest.raises(ChildFailed) as caught:
        read(tmp_path, bombs[name]())
    assert caught.value.code in ("COMPRESSION_BOMB", "RECORD_TOO_LONG", "MEMORY_LIMIT")


def test_a_bomb_is_sniffed_without_harm(tmp_path):
    with pytest.raises(ChildFailed) as caught:
        sniffed(tmp_path, zeros(1100))
    assert caught.value.code == "COMPRESSION_BOMB"


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_parquet_bomb_is_refused_or_ended(tmp_path, dictionary):
    text = "x" * (1 << 20)
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), [text])
    table = pa.table({"t": pa.repeat(1_700_000_000, 20_000), "p": values})
    out = io.BytesIO()
    if dictionary:
        pq.write_table(table, out, compression="zstd", dictionary_pagesize_limit=1 << 22)
    else:
        with pq.ParquetWriter(
            out, pa.schema({"t": pa.int64(), "p": pa.string()}), compression="zstd", use_dictionary=False
        ) as w:
            for _ in range(4):
                part = pa.table({"t": pa.repeat(1_700_000_000, 400), "p": pa.repeat(text, 400)})
                w.write_table(part)
    assert len(out.getvalue()) < 1 << 20
    with pytest.raises(ChildFailed) as caught:
        read(tmp_path, out.getvalue(), COLUMNAR)
    assert caught.value.code in ("ROW_GROUP_TOO_LARGE", "MEMORY_LIMIT", "READER_CRASHED", "FILE_DAMAGED")


def test_twenty_thousand_columns_are_refused(tmp_path):
    out = io.BytesIO()
    pq.write_table(pa.table({f"c{number}": [1] for number in range(20_000)}), out)
    with pytest.raises(ChildFailed) as caught:
        read(tmp_path, out.getvalue(), COLUMNAR)
    assert caught.value.code == "TOO_MANY_COLUMNS"
    header = ",".join(f"c{number}" for number in range(20_000))
    with pytest.raises(ChildFailed) as caught:
        read(tmp_path, f"{header}\n{header}\n".encode())
    assert caught.value.code == "TOO_MANY_COLUMNS"


def test_deep_json_is_refused(tmp_path):
    with pytest.raises(ChildFailed) as caught:
        sniffed(tmp_path, b'[{"a":' * 500_000)
    assert caught.value.code in ("RECORDS_NOT_FOUND", "JSON_INVALID")


def test_an_endless_json_record_is_refused_in_bounded_memory(tmp_path):
    plan = {**CSV, "format": "json"}
    with pytest.raises(ChildFailed) as caught:
        read(tmp_path, b'[{"t": "' + b"x" * (64 << 20), plan)
    assert caught.value.code == "RECORD_TOO_LONG"
