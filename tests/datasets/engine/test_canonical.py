"""The same rows make the same bytes, whatever the batches; what is read back is what was written."""

import hashlib
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.engine import canonical
from datasets.market import schemas
from datasets.market.kinds import BARS, KINDS, QUOTES, TRADES


def rows(kind, count, seed=7):
    draw = np.random.default_rng(seed)
    columns = {}
    for field in schemas.SCHEMAS[kind]:
        if field.name == "ts_event":
            columns[field.name] = pa.array(np.cumsum(draw.integers(0, 10**9, count))).cast(field.type)
        elif pa.types.is_floating(field.type):
            columns[field.name] = pa.array(np.round(100 + draw.normal(size=count), 2))
        elif pa.types.is_boolean(field.type):
            columns[field.name] = pa.array(draw.random(count) < 0.1)
        elif pa.types.is_string(field.type):
            columns[field.name] = pa.array([f"t{number}" for number in range(count)])
        else:
            columns[field.name] = pa.array(draw.integers(-1, 2, count)).cast(field.type)
    return pa.table(columns, schema=schemas.SCHEMAS[kind])


def write(path, kind, tables):
    with canonical.writer(path, kind, schemas.metadata(kind, "BTC", "X", "1m" if kind == BARS else "")) as writer:
        for table in tables:
            writer.write(table)
        return writer.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [999, 10_080, 140_000])
def test_batching_never_shows_in_the_bytes(tmp_path, kind, step):
    table = rows(kind, 140_000)
    whole = write(tmp_path / "a", kind, [table])
    parts = write(tmp_path / "b", kind, [table.slice(at, step) for at in range(0, table.num_rows, step)])
    assert parts.sha256 == whole.sha256
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_back_is_what_was_written(tmp_path, kind):
    table = rows(kind, 25_000)
    written = write(tmp_path / "a", kind, [table])
    assert pq.read_table(tmp_path / "a").cast(table.schema).equals(table)
    times = table.column("ts_event").cast("int64").to_pylist()
    assert (written.rows, written.t0_ns, written.t1_ns) == (25_000, times[0], times[-1])
    data = (tmp_path / "a").read_bytes()
    assert (written.size_bytes, written.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_the_file_names_its_kind_instrument_and_interval(tmp_path):
    write(tmp_path / "a", BARS, [rows(BARS, 3)])
    said = pq.read_metadata(tmp_path / "a").metadata
    assert said[b"nexus.kind"] == b"bars"
    assert said[b"nexus.instrument"] == b"BTC"
    assert said[b"nexus.interval"] == b"1m"
    assert b"ARROW:schema" not in said


@pytest.mark.parametrize(("kind", "group"), [(TRADES, 131_072), (QUOTES, 131_072), (BARS, 10_080)])
def test_row_groups_have_the_size_of_the_format(tmp_path, kind, group):
    write(tmp_path / "a", kind, [rows(kind, group + 5)])
    said = pq.read_metadata(tmp_path / "a")
    assert [said.row_group(number).num_rows for number in range(said.num_row_groups)] == [group, 5]
    encodings = said.row_group(0).column(0).encodings
    assert "DELTA_BINARY_PACKED" in encodings


def test_no_rows_make_a_file_without_times(tmp_path):
    written = write(tmp_path / "a", TRADES, [])
    assert (written.rows, written.t0_ns, written.t1_ns) == (0, None, None)
    assert pq.read_table(tmp_path / "a").num_rows == 0


def test_a_table_without_the_kinds_columns_is_refused(tmp_path):
    with canonical.writer(tmp_path / "a", TRADES, {}) as writer, pytest.raises(KeyError):
        writer.write(pa.table({"price": [1.0]}))


def test_no_file_is_open_between_row_groups(tmp_path):
    table, metadata = rows(TRADES, 140_000), schemas.metadata(TRADES, "BTC")
    before = set(os.listdir("/proc/self/fd"))
    writers = [canonical.writer(tmp_path / str(number), TRADES, metadata) for number in range(5)]
    for writer in writers:
        writer.write(table)
    assert set(os.listdir("/proc/self/fd")) == before
    assert len({writer.close().sha256 for writer in writers}) == 1
    for number in range(5):
        assert pq.read_metadata(tmp_path / str(number)).num_row_groups == 2
