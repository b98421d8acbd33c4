"""A strip holds what its table holds: nulls of every kind, cut, joined, taken and back."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.market import schemas
from datasets.quality import strips

SCHEMA = schemas.TRADE.append(pa.field("row", pa.int64()))


def table(rows, seed):
    """Trades whose columns are whole, in parts or wholly null."""
    draw = np.random.default_rng(seed)

    def column(values, kind):
        share = draw.choice([0, 0.5, 1])
        return pa.array(values, kind, mask=draw.random(rows) < share, from_pandas=False)

    columns = {
        "ts_event": pa.array(np.arange(rows) + 10**18).cast(schemas.TIMESTAMP),
        "sequence": column(draw.integers(-9, 9, rows), pa.int64()),
        "price": column(draw.random(rows), pa.float64()),
        "size": column(np.where(draw.random(rows) < 0.3, np.nan, 1.5), pa.float64()),
        "side": column(draw.integers(-1, 2, rows).astype(np.int8), pa.int8()),
        "trade_id": column([f"t{number}" for number in range(rows)], pa.string()),
        "row": pa.array(np.arange(rows)),
    }
    return pa.table(columns, schema=SCHEMA)


seeds = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 99)), min_size=1, max_size=5)


def same(one, other):
    """NaN and null are not the same; a NaN is the same as a NaN."""
    return one.schema.equals(other.schema) and str(one.to_pylist()) == str(other.to_pylist())


@given(parts=seeds, data=st.data())
def test_what_goes_in_comes_out(parts, data):
    tables = [table(*part) for part in parts]
    whole = pa.concat_tables(tables)
    strip = strips.joined([strips.of(each) for each in tables])
    assert same(strip.table(SCHEMA), whole)
    assert [strip.null_count(name) for name in SCHEMA.names] == [column.null_count for column in whole.columns]
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    assert same(strips.copied(strip.slice(start, end)).table(SCHEMA), whole.slice(start, end - start))
    order = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1))
    assert same(strip.take(np.array(order)).table(SCHEMA), whole.take(order))
    marks = np.array(data.draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole))))
    assert same(strip.take(marks).table(SCHEMA), whole.filter(pa.array(marks)))


@pytest.mark.parametrize("name", ["sequence", "size", "side"])
def test_numbers_are_floats_and_nan_where_there_are_none(name):
    for seed in range(9):
        strip = strips.of(table(7, seed))
        known = [np.nan if value is None else float(value) for value in table(7, seed).column(name).to_pylist()]
        np.testing.assert_array_equal(strip.floats(name), known)


def test_a_copy_does_not_hold_on_to_what_it_was_cut_from():
    strip = strips.of(table(9, 3))
    part = strips.copied(strip.slice(2, 4))
    assert not np.shares_memory(part.ts, strip.ts)
    assert strips.copied(strip).size_bytes >= part.size_bytes > 0
