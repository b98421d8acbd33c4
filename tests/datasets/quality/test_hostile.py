"""Any table at all ends in a report: every row is accounted for, and nothing that cannot be stored is."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.market import kinds
from tests.datasets.quality import probe

numbers = st.one_of(st.none(), st.floats(), st.sampled_from([0.0, -0.0, 1.0, -36.98, 5e-324, 1.7e308, 1e-300]))
stamps = st.one_of(
    st.none(),
    st.integers(10**18, 19 * 10**17),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(1_700_000_000, 1_700_000_100).map(lambda s: s * 10**9),
)
names = st.one_of(st.none(), st.sampled_from(["", "A", "a", "1E5", "NULL", "=1+1", "../x", "\0", "é" * 70]))


@pytest.mark.parametrize("kind", kinds.KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_row_of_any_table_is_accounted_for(tmp_path, kind, data):
    rows = data.draw(st.integers(0, 40))
    columns = {}
    for name in (*probe.COLUMNS[kind], *(("trade_id",) if kind == "trades" else ())):
        values = {"ts_event": stamps, "trade_id": st.one_of(st.none(), st.integers(0, 5))}.get(name, numbers)
        drawn = data.draw(st.lists(values, min_size=rows, max_size=rows))
        columns[name] = pa.array(drawn, pa.int64() if name in ("ts_event", "trade_id") else pa.float64())
    columns["symbol"] = pa.array(data.draw(st.lists(names, min_size=rows, max_size=rows)), pa.string())
    number = len(list(tmp_path.iterdir()))
    raw = tmp_path / f"raw-{number}.parquet"
    pq.write_table(pa.table(columns), raw, row_group_size=7)
    plan = {"format": "parquet", "kind": kind, "timestampUnit": "ns", "columnMapping": {name: name for name in columns}}
    answer = probe.run(raw, tmp_path / f"out-{number}", plan)
    assert answer["rows"]["read"] == rows or probe.check(answer, "schema.file")["count"] == 1
    for at, file in enumerate(answer["files"]):
        assert file["instrument"]
        table = probe.table(answer, at)
        prices = [table.column(name).to_numpy() for name in table.schema.names if name in ("price", "open", "low")]
        assert all(np.isfinite(price).all() for price in prices)
        assert (np.diff(table.column("ts_event").cast("int64").to_numpy()) >= 0).all()
    assert (answer["report"]["grade"] == "RED") or answer["rows"]["accepted"]
