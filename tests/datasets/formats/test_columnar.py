"""Parquet and Arrow: values count, statements do not; what is broken or too large is refused by name."""

import datetime as dt
import gzip
import io
from contextlib import suppress
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from datasets.formats import columnar, readers
from datasets.formats.errors import (
    ColumnMissing,
    ColumnTypeUnsupported,
    FileDamaged,
    RowGroupTooLarge,
    TooManyColumns,
    TruncatedFile,
)
from tests.datasets.formats.writing import batches, rejects

TABLE = pa.table(
    {"t": np.arange(150_000) + 1_700_000_000, "p": np.round(np.random.default_rng(1).normal(100, 1, 150_000), 2)}
)
PLAN = {"columnMapping": {"ts_event": "t", "price": "p"}}


def parquet(table, **more):
    out = io.BytesIO()
    pq.write_table(table, out, **more)
    return out.getvalue()


def arrow(table, kind="file", **more):
    out = io.BytesIO()
    if kind == "feather":
        feather.write_feather(table, out, **more)
    else:
        new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
        with new(out, table.schema) as writer:
            writer.write_table(table, **more)
    return out.getvalue()


FILES = {
    "parquet": (parquet(TABLE), "parquet"),
    "parquet.gz": (gzip.compress(parquet(TABLE), 1), "parquet"),
    "file": (arrow(TABLE), "arrow"),
    "stream": (arrow(TABLE, "stream"), "arrow"),
    "feather": (arrow(TABLE, "feather", compression="lz4"), "feather"),
    "feather-zstd": (arrow(TABLE, "feather", compression="zstd"), "arrow"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_was_written_is_read_in_bounded_batches(tmp_path, name):
    data, form = FILES[name]
    found = batches(tmp_path, data, format=form, **PLAN)
    assert (
        pa.concat_tables([batch.table for batch in found]).column("price").to_pylist() == TABLE.column("p").to_pylist()
    )
    assert [row for batch in found for row in batch.row.tolist()] == list(range(150_000))
    assert max(batch.table.num_rows for batch in found) <= columnar.BATCH_ROWS
    assert all(batch.line is None for batch in found)


@pytest.mark.parametrize("name", ["parquet", "file", "stream", "feather"])
@pytest.mark.parametrize("keep", [0.3, 0.999])
def test_an_early_end_is_refused(tmp_path, name, keep):
    data, form = FILES[name]
    with pytest.raises((TruncatedFile, FileDamaged)):
        batches(tmp_path, data[: int(len(data) * keep)], format=form, **PLAN)


@pytest.mark.parametrize("name", ["parquet", "feather"])
@pytest.mark.parametrize("at", [0.1, 0.4, 0.7, 0.99])
def test_damage_is_refused_or_harmless_but_never_a_crash(tmp_path, name, at):
    data, form = FILES[name]
    place = int(len(data) * at)
    with suppress(FileDamaged, TruncatedFile, RowGroupTooLarge):
        batches(tmp_path, data[:place] + b"\xff" * 64 + data[place + 64 :], format=form, **PLAN)


def test_lying_statistics_change_nothing(tmp_path):
    honest = parquet(TABLE.slice(0, 100), use_dictionary=False, compression="none")
    low = np.float64(TABLE.column("p").slice(0, 100).to_numpy().min()).tobytes()
    at = honest.rfind(low)
    lying = honest[:at] + np.float64(1e9).tobytes() + honest[at + 8 :]
    assert pq.read_metadata(io.BytesIO(lying)).row_group(0).column(1).statistics.min == 1e9
    [batch] = batches(tmp_path, lying, format="parquet", **PLAN)
    assert batch.table.column("price").to_pylist() == TABLE.column("p").slice(0, 100).to_pylist()


def test_a_row_count_that_the_footer_contradicts_is_refused(tmp_path):
    class Metadata:
        num_columns, num_rows, num_row_groups = 2, 10, 1

        def row_group(self, number):
            return pq.read_metadata(io.BytesIO(parquet(TABLE.slice(0, 7)))).row_group(0)

    with pytest.raises(FileDamaged):
        columnar.check_parquet(Metadata(), 1000)


def test_too_many_columns_are_refused(tmp_path):
    wide = pa.table({f"c{number}": [1] for number in range(20_000)})
    for data, form in ((parquet(wide), "parquet"), (arrow(wide), "arrow")):
        with pytest.raises(TooManyColumns):
            batches(tmp_path, data, format=form, **PLAN)


def test_billions_of_rows_in_few_bytes_are_refused(tmp_path):
    constant = pa.table({"t": pa.repeat(1_700_000_000, 12_000_000), "p": pa.repeat(1, 12_000_000).cast(pa.int8())})
    data = parquet(constant, compression="zstd", row_group_size=12_000_000, data_page_size=1 << 30)
    assert len(data) < 1 << 20
    with pytest.raises(RowGroupTooLarge):
        batches(tmp_path, data, format="parquet", **PLAN)


def test_every_scalar_type_is_converted(tmp_path):
    when = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    table = pa.table(
        {
            "t": pa.array([when] * 2, pa.timestamp("us", tz="America/New_York")),
            "p": pa.array([Decimal("1.25"), Decimal("2.5")], pa.decimal128(10, 4)),
            "s": pa.array([1, None], pa.float32()),
            "y": pa.array(["NA", "1E5"]).dictionary_encode(),
            "i": pa.array([1, 2], pa.uint8()),
        }
    )
    mapping = {"ts_event": "t", "price": "p", "size": "s", "symbol": "y", "trade_id": "i"}
    [batch] = batches(tmp_path, parquet(table), format="parquet", columnMapping=mapping)
    assert batch.table.column("ts_event").cast("int64").to_pylist() == [int(when.timestamp()) * 10**9] * 2
    assert batch.table.column("price").to_pylist() == [1.25, 2.5]
    assert batch.table.column("size").to_pylist() == [1.0, None]
    assert batch.table.column("symbol").to_pylist() == ["NA", "1E5"]
    assert batch.table.column("sequence").to_pylist() == [1, 2]


@pytest.mark.parametrize("kind", [pa.decimal128(18, 8), pa.decimal256(50, 8)])
def test_decimals_become_the_doubles_that_their_digits_name(tmp_path, kind):
    written = ["0.00596854", "4331.04294015", "161.95420000", "-37.63000000"]
    table = pa.table({"t": [1_700_000_000] * 4, "p": pa.array([Decimal(text) for text in written], kind)})
    [batch] = batches(tmp_path, parquet(table), format="parquet", **PLAN)
    assert batch.table.column("price").to_pylist() == [float(text) for text in written]


def test_empty_prices_are_rejected_by_row(tmp_path):
    table = pa.table({"t": [1_700_000_000] * 3, "p": [1.0, None, 3.0]})
    found = batches(tmp_path, parquet(table), format="parquet", **PLAN)
    assert rejects(found) == [(1, None, "p", "", "NULL_VALUE")]


def test_nested_and_missing_columns_are_named(tmp_path):
    table = pa.table({"t": [1_700_000_000], "p": [[1.0]]})
    with pytest.raises(ColumnTypeUnsupported):
        batches(tmp_path, parquet(table), format="parquet", **PLAN)
    with pytest.raises(ColumnMissing):
        batches(tmp_path, parquet(table.select(["t"])), format="parquet", **PLAN)


@pytest.mark.parametrize("group", [999, 40_000, 1 << 20])
@pytest.mark.parametrize("dictionary", [True, False])
def test_words_read_as_numbers_give_the_batches_that_text_gives(tmp_path, monkeypatch, group, dictionary):
    draw = np.random.default_rng(group)
    symbols = np.array([" B ", "A", "", "C\x00", "D" * 200, "E"], object)[np.sort(draw.integers(0, 6, 90_000))[::-1]]
    symbols[draw.random(90_000) < 0.01] = None
    sides = np.array(["buy", "SELL", "?", None], object)[draw.integers(0, 4, 90_000)]
    times = np.arange(90_000) + 1_700_000_000
    table = pa.table({"t": times, "p": draw.random(90_000), "s": pa.array(symbols), "side": pa.array(sides)})
    data = parquet(table, row_group_size=group, use_dictionary=dictionary)
    plan = {"columnMapping": {"ts_event": "t", "price": "p", "symbol": "s", "side": "side"}, "format": "parquet"}
    numbered = batches(tmp_path, data, **plan)
    monkeypatch.setattr(columnar, "_WORDS", ())
    met, met_as_text = [], []
    for one, other in zip(numbered, batches(tmp_path, data, **plan), strict=True):
        assert one.table.column("symbol").to_pylist() == other.table.column("symbol").to_pylist()
        assert one.table.drop_columns(["symbol"]).equals(other.table.drop_columns(["symbol"]))
        for names, batch in ((met, one), (met_as_text, other)):
            column = batch.table.column("symbol").unify_dictionaries().combine_chunks()
            column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
            used = set(column.indices.drop_null().to_pylist())
            names += [name for at, name in enumerate(column.dictionary.to_pylist()) if at in used and name not in names]
        assert met == met_as_text
        assert one.row.tolist() == other.row.tolist()
        assert one.rejects == other.rejects


def test_a_word_that_is_no_text_refuses_the_batch_that_has_it_and_none_before(tmp_path):
    words = [b"A"] * 70_000 + [b"\xff"]
    symbols = pa.array(words, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(words), symbols.buffers())
    table = pa.table({"t": np.arange(70_001) + 1_700_000_000, "p": np.ones(70_001), "s": text})
    (tmp_path / "raw").write_bytes(parquet(table))
    plan = {"columnMapping": {"ts_event": "t", "price": "p", "symbol": "s"}, "format": "parquet", "kind": "trades"}
    found = readers.open_batches(str(tmp_path / "raw"), plan)
    assert next(found).table.num_rows == columnar.BATCH_ROWS
    with pytest.raises(FileDamaged):
        next(found)
