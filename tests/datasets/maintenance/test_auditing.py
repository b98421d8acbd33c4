"""What the child does with files: figures of each entry, and an unreadable file named, not raised."""

import numpy as np
import pyarrow.parquet as pq

from datasets.lake import rules
from datasets.maintenance import auditing
from tests.kit import lake


def entry(path) -> dict:
    return {"table": "crypto_bars_1d", "calendar": "24/7", "signed": False, "paths": [str(path)], "actions": []}


def test_each_entry_has_its_figures(tmp_path):
    some = np.random.default_rng(3)
    closes = 100 * np.exp(np.cumsum(some.normal(0, 0.01, 200)))
    closes[150] *= 9
    pq.write_table(lake.daily(closes), tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"not parquet")
    said: list[dict] = []
    params = {"entries": [entry(tmp_path / name) for name in ("a.parquet", "b.parquet")], "newest": 20}
    good, bad = auditing.audit({**params, "rules": rules.Rules().as_dict()}, said.append)
    assert (good["sessions"], set(good["drift"])) == (200, {"returns", "volumes"})
    assert [(each["day"], each["code"]) for each in good["red"]] == [(lake.MONDAY + 150, "TOXIC")]
    assert bad["unreadable"]
    assert [each["done"] for each in said] == [1, 2]
