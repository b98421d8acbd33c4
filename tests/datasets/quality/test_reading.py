"""The first reading of a stored file: whatever its size and packing, the plan is made of what the whole file shows."""

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
