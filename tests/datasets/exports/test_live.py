"""Plain DuckDB and pandas read the lake itself by its list of files: every row, and nothing of ours is loaded."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from datasets.exports import live, mirror
from datasets.lake import scan
from datasets.models import LakeEntry
from tests.kit import exports, lake

pytestmark = pytest.mark.django_db(transaction=True)

DUCKDB = """
import duckdb, json
base = duckdb.connect()
base.execute(open("views.sql").read())
told = base.sql("SELECT instrument, count(*), sum(close) FROM crypto_bars_1d GROUP BY 1 ORDER BY 1").fetchall()
print(json.dumps(told))
print(base.sql("SELECT count(*) FROM crypto_bars_1d WHERE instrument = 'BINANCE:ETH-BTC'").fetchone()[0])
print(base.sql("EXPLAIN SELECT * FROM crypto_bars_1d WHERE instrument = 'BINANCE:ETH-BTC'").fetchall()[0][1])
"""
PANDAS = """
import pandas as pd, sys
held = pd.read_json("segments.jsonl", lines=True)
rows = pd.concat(map(pd.read_parquet, held[held.instrument == "BINANCE:ETH-BTC"].path))
ours = [name for name in sys.modules if name.startswith("datasets")]
print(len(rows), rows.close.sum(), rows.ts_event.is_monotonic_increasing, ours)
"""


@pytest.fixture
def folder(owner, tmp_path):
    exports.fill(owner, tmp_path)
    mirror.write(owner.tenant.id, tmp_path / "mirror")
    return tmp_path / "mirror"


def alone(code: str, folder: Path) -> list[str]:
    """Run a script in an interpreter that does not find our code."""
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert not done.returncode, done.stderr
    return done.stdout.splitlines()


def closes(person, name: str) -> list[float]:
    entry = scan.entry_of(person.tenant.id, "crypto_bars_1d", name)
    return [each for rows in scan.tables_of(scan.locate(entry)) for each in rows["close"].to_pylist()]


def test_duckdb_reads_every_row_and_of_one_instrument_only_its_files(owner, folder):
    found, of_one, *plan = alone(DUCKDB, folder)
    ours = {name: closes(owner, name) for name in ("BINANCE:BTC=F_X", "BINANCE:ETH-BTC")}
    counts = [(name, count) for name, count, _ in json.loads(found)]
    assert counts == [(name, len(ours[name])) for name in sorted(ours)]
    assert np.allclose(
        [total for *_, total in json.loads(found)], [sum(ours[name]) for name in sorted(ours)], rtol=1e-12
    )
    assert of_one == "100"
    assert sum("Function:" in line for line in plan) == 1  # one scan: that of its own files


def test_pandas_reads_the_files_of_an_instrument_in_order(owner, folder):
    (said,) = alone(PANDAS, folder)
    rows, total, *rest = said.split(" ", 2)
    assert (int(rows), rest) == (100, ["True []"])
    assert float(total) == pytest.approx(sum(closes(owner, "BINANCE:ETH-BTC")), rel=1e-12)


def test_the_list_is_what_the_files_are(owner, folder):
    listed = [json.loads(line) for line in (folder / "segments.jsonl").read_text().splitlines()]
    assert sum(each["rows"] for each in listed) == sum(LakeEntry.of(owner.tenant.id).values_list("rows", flat=True))
    for each in listed:
        assert hashlib.sha256(Path(each["path"]).read_bytes()).hexdigest() == each["sha256"]


def test_another_workspace_and_earlier_revisions_are_not_in_it(owner, stranger, tmp_path):
    exports.fill(owner, tmp_path)
    before = live.held(owner.tenant.id)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100.0], first_day=20_103), "BINANCE:ETH-BTC"))
    after = live.held(owner.tenant.id)
    changed = {each.path for each in before} - {each.path for each in after}
    assert len(changed) == 1
    assert all(Path(path).exists() for path in changed)  # who holds the older list still reads it
    assert live.held(stranger.tenant.id) == []


def test_a_quote_in_a_path_or_name_stays_a_text():
    odd = live.Held("t", "A:B'C", "/x/it's.parquet", 1, 0, 0, "")
    assert "'A:B''C' AS instrument" in live.sql([odd], lake.FETCHED).decode()
    assert "'/x/it''s.parquet'" in live.sql([odd], lake.FETCHED).decode()
