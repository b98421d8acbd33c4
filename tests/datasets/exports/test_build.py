"""A bundle is whole, says what it holds back, is the same for the same lake, and is read with nothing of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from datasets.exports import places
from datasets.models import ExportBundle, ExportFile, LakeSegment
from datasets.storage import blobs
from tests.kit import exports, lake
from tests.kit.lake import DAY, MONDAY
from tests.lona.worker import work
from tradenexus import db
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
CLEAN = "tables/crypto_bars_1d/BINANCE_ETH-BTC/2024.parquet"
SPOILED = "tables/crypto_bars_1d/BINANCE_BTC~F_X/2024.parquet"


@pytest.fixture
def filled(owner, tmp_path):
    exports.fill(owner, tmp_path)
    return owner


def test_a_bundle_holds_every_file_with_its_checksum(filled):
    row = exports.build(filled)
    folder = exports.where(row)
    assert exports.faults(folder) == []
    told = json.loads((folder / "manifest.json").read_text())
    assert told["night"] == f"{row.night}"
    assert blobs.digest_of(folder / "manifest.json") == row.manifest_sha256
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=False).returncode == 0
    listed = {each.path: each for each in ExportFile.objects.filter(bundle=row)}
    assert set(listed) == {each["path"] for each in told["files"]} | {"manifest.json"}
    assert row.summary == told["tables"]
    assert row.summary["crypto_bars_1d"] | {"sizeBytes": 0} == {
        "entries": 2, "partitions": 100 + 17, "heldBack": 3, "files": 3, "rows": 117, "sizeBytes": 0,
    }  # fmt: skip


def test_red_and_amber_sessions_are_left_out_and_listed_with_the_reason(filled):
    folder = exports.where(exports.build(filled))
    held = json.loads((folder / "held_back.json").read_text())["partitions"]
    named = {each["session"]: (each["status"], each["code"], each["rows"]) for each in held}
    assert named[exports.AMBER_DAY] == ("AMBER", "RET_OUTLIER", 1)
    assert named[exports.RED_DAY] == ("RED", "TOXIC", 0)
    assert named[exports.MISSING_DAY] == ("RED", "MISSING", 0)
    assert all(each["reason"] and each["instrument"] == "BINANCE:BTC=F_X" for each in held)
    days = pq.read_table(folder / SPOILED)["ts_event"].cast("int64").to_numpy() // DAY - MONDAY
    out = {(np.datetime64(session) - np.datetime64("2024-10-07")).astype(int) for session in named}
    assert set(days.tolist()) == set(range(20)) - out
    verdicts = pq.read_table(folder / "qc/partition_status.parquet").to_pylist()
    assert len(verdicts) == 120
    assert {f"{each['session']}" for each in verdicts if not each["exported"]} == set(named)


def test_amber_sessions_come_along_when_they_are_asked_for(filled):
    folder = exports.where(exports.build(filled, includeAmber=True))
    held = json.loads((folder / "held_back.json").read_text())["partitions"]
    assert {each["status"] for each in held} == {"RED"}
    assert pq.read_metadata(folder / SPOILED).num_rows == 18


def test_a_segment_without_held_sessions_is_the_lakes_own_file(filled):
    folder = exports.where(exports.build(filled))
    segment = LakeSegment.of(filled.actor.tenant_id).get(instrument="BINANCE:ETH-BTC", rows=86)
    assert blobs.digest_of(folder / CLEAN) == segment.sha256
    with blobs.local(segment.key) as path:
        assert os.path.samefile(path, folder / CLEAN)


def test_the_same_lake_gives_the_same_bundle(filled):
    first = exports.build(filled)
    paths = sorted(ExportFile.objects.filter(bundle=first).values_list("path", "sha256"))
    again = exports.build(filled)
    assert again.id == first.id
    assert again.manifest_sha256 == first.manifest_sha256
    assert sorted(ExportFile.objects.filter(bundle=again).values_list("path", "sha256")) == paths
    # made anew from nothing too: no file is taken over from an earlier build
    ExportFile.objects.all().delete()
    places.remove(first.tenant_id, first.folder)
    ExportBundle.everyone.update(folder="", manifest_sha256="", state="expired")
    assert exports.build(filled).manifest_sha256 == first.manifest_sha256


def test_a_changed_lake_gives_the_night_another_bundle_at_once(filled, tmp_path):
    first = exports.build(filled)
    rows = lake.daily([100.0, 100.5], first_day=MONDAY + 100)
    lake.put(filled, tmp_path, lake.offer(tmp_path, rows, "BINANCE:ETH-BTC"))
    second = exports.build(filled)
    assert second.manifest_sha256 != first.manifest_sha256
    assert exports.faults(exports.where(second)) == []
    bundles = places.root(filled.actor.tenant_id) / "bundles"
    assert [each.name for each in bundles.iterdir()] == [second.folder]


def test_the_next_night_says_what_has_not_changed(filled, tmp_path):
    first = exports.age(exports.build(filled))
    rows = lake.daily([100.0], first_day=MONDAY + 100)
    lake.put(filled, tmp_path, lake.offer(tmp_path, rows, "BINANCE:ETH-BTC"))
    second = exports.build(filled)
    assert second.base_id == first.id
    same = ExportFile.objects.filter(bundle=second, unchanged=True).values_list("path", flat=True)
    assert {CLEAN, SPOILED} <= set(same)
    assert second.changed_bytes < second.size_bytes
    other = places.bundle(first.tenant_id, first.folder)
    assert os.path.samefile(other / SPOILED, exports.where(second) / SPOILED)


def test_a_damaged_segment_stops_the_build_and_leaves_the_bundle_before(filled):
    first = exports.build(filled)
    ExportFile.objects.update(recipe="")  # so that nothing is taken over
    segment = LakeSegment.of(filled.actor.tenant_id).get(instrument="BINANCE:ETH-BTC", rows=86)
    with blobs.local(segment.key) as path:
        data = bytearray(path.read_bytes())
        data[200] ^= 1
        path.unlink()
        path.write_bytes(data)
    with db.atomic():
        from datasets.exports import bundles

        row, job = bundles.request(filled.actor, {})
    work()
    row.refresh_from_db()
    assert (row.state, row.error["code"]) == ("ready", "LAKE_SEGMENT_DAMAGED")
    assert Job.of(row.tenant_id).get(id=job.id).state == "failed"
    assert row.manifest_sha256 == first.manifest_sha256
    assert [each.name for each in (places.root(row.tenant_id) / "bundles").iterdir()] == [row.folder]


READ = """
import sys
folder = sys.argv[1]
import pandas, duckdb, os
frame = pandas.read_parquet(os.path.join(folder, "tables/crypto_bars_1d/BINANCE_ETH-BTC/2024.parquet"))
assert len(frame) == 86 and str(frame.ts_event.dtype) == "datetime64[ns, UTC]", frame.dtypes
whole = pandas.read_parquet(os.path.join(folder, "tables/crypto_bars_1d/BINANCE_BTC~F_X"))
os.chdir(folder)
base = duckdb.connect()
base.execute(open("views.sql").read())
found = base.sql("SELECT instrument, count(*), max(close) FROM crypto_bars_1d GROUP BY 1 ORDER BY 1").fetchall()
print([(name, rows) for name, rows, _ in found], len(whole))
print(base.sql("SELECT count(*) FROM partition_status WHERE NOT exported").fetchall())
print(base.sql("SELECT * FROM crypto_bars_1d LIMIT 0").columns)
assert not any(name.split(".")[0] in ("datasets", "tradenexus", "django") for name in sys.modules)
"""


def test_pandas_and_duckdb_read_it_with_nothing_of_ours(filled, tmp_path):
    folder = exports.where(exports.build(filled))
    plain = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-I", "-c", READ, str(folder)],
        env=plain, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "[('BINANCE:BTC=F_X', 17), ('BINANCE:ETH-BTC', 100)] 17"
    assert lines[1] == "[(3,)]"
    assert lines[2].startswith("['instrument', 'ts_event', 'open'")
