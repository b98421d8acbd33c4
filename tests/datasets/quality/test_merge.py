"""The merge is exact and stable for any cut of the rows into streams and batches."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from datasets.market import schemas
from datasets.quality import merge

rows = st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(-2, 3))), min_size=1, max_size=60)


def table(part, first):
    stamps, sequence = [each[0] for each in part], [each[1] for each in part]
    ts = pa.array(np.array(stamps, np.int64)).cast(schemas.TIMESTAMP)
    columns = {"ts_event": ts, "sequence": pa.array(sequence, pa.int64())}
    return pa.table({**columns, "row": pa.array(np.arange(first, first + len(part)))})


@given(rows=rows, data=st.data())
def test_streams_merge_into_the_stable_order_of_all_rows(rows, data):
    cuts = data.draw(st.lists(st.integers(0, len(rows)), max_size=5))
    size = data.draw(st.integers(1, 9))
    edges = [0, *sorted(cuts), len(rows)]
    streams = []
    for start, end in itertools.pairwise(edges):
        part = merge.ordered(table(rows[start:end], start))
        streams.append(iter([part.slice(at, size) for at in range(0, len(part), size)]))
    merged = [row for part in merge.merge(streams) for row in part.column("row").to_pylist()]
    key = {None: -(2**63)}
    expected = sorted(range(len(rows)), key=lambda at: (rows[at][0], key.get(rows[at][1], rows[at][1]), at))
    assert merged == expected
