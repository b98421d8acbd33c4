"""The whole lake on object storage: commits, ranged reads, snapshots, exports, and upkeep, as on a folder."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets import review
from datasets.exports import live
from datasets.lake import ledger, rules, scan
from datasets.lake.offers import SegmentDamaged
from datasets.maintenance import backup, fsck, garbage, lakescrub, restore
from datasets.models import LakePartition, LakeQuarantine, LakeSegment
from datasets.snapshots import materialise
from datasets.storage import blobs, objects
from tests.kit import exports, lake, stocked
from tests.kit.lake import DAY, MONDAY
from tests.lona.worker import work
from tradenexus import db
from tradenexus.jobs.models import Job

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("bucket"),
    pytest.mark.timeout(600),
]
NAME, MINUTES = "BINANCE:ETH-BTC", "crypto_bars_1m"


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    """Files go into a folder of the test's own."""
    settings.NEXUS_HOME = tmp_path / "home"
    settings.NEXUS_RUNS_ROOT = str(tmp_path / "runs")


def rows_of(person, table, name=NAME, **more):
    entry = scan.entry_of(person.tenant.id, table, name)
    return pa.concat_tables(scan.tables_of(scan.locate(entry, **more)))


def month(seed: int, level: float, days: int = 31):
    rng = np.random.default_rng(seed)
    count = 1440 * days
    stamps = lake.ns("2024-10-01") + np.arange(count, dtype=np.int64) * 60_000_000_000
    closes = level * np.exp(np.cumsum(rng.normal(0, 1e-5, count)))
    return lake.bars(stamps, closes, rng.uniform(1, 9, count), MINUTES)


def test_rows_enter_and_a_stretch_is_read_without_the_rest(owner, tmp_path, bucket, monkeypatch):
    rows = month(1, 100)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, lake.registered(owner), MINUTES))
    (segment,) = LakeSegment.of(owner.tenant.id)
    assert bucket.keys() == [segment.key]
    (told,) = live.held(owner.tenant.id)  # where programs of others find it
    assert told.path.startswith("s3://")
    assert told.path.endswith(f"/{segment.key}")
    assert rows_of(owner, MINUTES).cast(rows.schema).combine_chunks().equals(rows)
    asked = []
    real = objects.Ranged._fetch

    def counted(self, start, stop):
        asked.append(stop - start)
        return real(self, start, stop)

    monkeypatch.setattr(objects.Ranged, "_fetch", counted)
    start = lake.ns("2024-10-15")
    part = rows_of(owner, MINUTES, start_ns=start, end_ns=start + DAY)
    assert part["close"].to_pylist() == rows["close"].slice(14 * 1440, 1440).to_pylist()
    assert 0 < sum(asked) < segment.size_bytes


def test_refused_rows_restated_rows_and_foreign_rows(owner, tmp_path):
    other = lake.registered(owner, "BINANCE:BTC-USDT")
    name = lake.registered(owner)
    closes = np.array([100.0, 101, 99, 700, 102, 103])
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), name))
    held = LakeQuarantine.of(owner.tenant.id).get()
    with db.atomic():
        review.release(owner.actor, held, "seen at the venue itself")
    work()
    assert rows_of(owner, "crypto_bars_1d")["close"].to_pylist() == closes.tolist()
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes[:3] + 1), name, policy="newer"))
    assert rows_of(owner, "crypto_bars_1d")["close"].to_pylist() == [101, 102, 100, 700, 102, 103]
    lake.put(owner, tmp_path, lake.offer(tmp_path, month(1, 100, 2), name, MINUTES))
    lake.put(owner, tmp_path, lake.offer(tmp_path, month(1, 100, 2), other, MINUTES))
    refused = LakeQuarantine.of(owner.tenant.id).filter(code="CONTAMINATED")
    assert {each.entry.instrument for each in refused} == {other}
    assert rules.SUSPECT in set(LakePartition.objects.values_list("code", flat=True))


def test_an_object_that_was_swapped_or_cut_is_an_error(owner, tmp_path, bucket):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(100 + np.arange(60.0)), name))
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(101 + np.arange(60.0)), name, policy="newer"))
    old, new = LakeSegment.of(owner.tenant.id).order_by("created_at")
    with blobs.open_blob(old.key) as handle:
        earlier = handle.read()
    for other in (earlier, earlier[:-9], b""):
        bucket.replace(new.key, other)
        with pytest.raises(SegmentDamaged):
            rows_of(owner, "crypto_bars_1d")


@pytest.mark.parametrize("layout", ["segments", "single"])
def test_a_snapshot_is_put_down_as_files(owner, tmp_path, layout):
    stock = stocked.stock(owner, tmp_path)
    snapshot = stock.freeze()
    with db.atomic():
        job = materialise.request(owner.actor, snapshot, layout, "")
    work()
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    folder = Path(job.result["folder"])
    told = json.loads((folder / "manifest.json").read_text())
    files = [each for each in told["files"] if each["path"].endswith(".parquet")]
    assert all(blobs.digest_of(folder / each["path"]) == each["sha256"] for each in files)
    assert sum(pq.read_metadata(folder / each["path"]).num_rows for each in files) >= 1200


def test_a_bundle_is_built_and_whole(owner, tmp_path):
    exports.fill(owner, tmp_path)
    folder = exports.where(exports.build(owner))
    assert exports.faults(folder) == []
    assert len(list(folder.rglob("tables/*/*/*.parquet"))) == 3


def test_upkeep_finds_damage_collects_garbage_and_backs_up(owner, tmp_path, bucket, monkeypatch):
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100.0, 101, 102]), name))
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([100.0, 101, 103]), name, policy="newer"))
    assert fsck.check(owner.tenant.id, deep=True)["ok"]
    path, result = backup.make(tmp_path / "backups")
    assert (result["ok"], restore.verify(path)["files"]) == (True, 2)
    newest = LakeSegment.of(owner.tenant.id).latest("created_at")
    with blobs.open_blob(newest.key) as handle:
        right = handle.read()
    bucket.replace(newest.key, right[:40] + b"\0" + right[41:])
    lakescrub.scrub(owner.tenant.id, whole=True)
    with pytest.raises(SegmentDamaged):
        rows_of(owner, "crypto_bars_1d")
    bucket.replace(newest.key, right)
    lakescrub.scrub(owner.tenant.id, whole=True)
    assert rows_of(owner, "crypto_bars_1d").num_rows == 3
    monkeypatch.setattr(garbage, "AGE", -timedelta(seconds=5))
    stray = blobs.put_bytes(newest.key.replace(newest.sha256[8:], "0" * 56, 1), b"nobody's")
    garbage.collect(owner.tenant.id)
    left = bucket.keys()
    assert (stray.key in left, newest.key in left) == (False, True)
    assert rows_of(owner, "crypto_bars_1d").num_rows == 3


def test_a_suspects_words_of_another_vendor_are_read_from_the_bucket(owner, tmp_path):
    name = lake.registered(owner, "XNAS:HALF", "equity", "24/7")
    closes = 100 + np.sin(np.arange(60))
    closes[30:] /= 2
    table = "equities_bars"
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes, table=table), name, table))
    adjusted = closes.copy()
    adjusted[:30] /= 2
    offer = lake.offer(tmp_path, lake.daily(adjusted, table=table), name, table, vendor="second", policy="newer")
    lake.put(owner, tmp_path, offer)
    answer = owner.api.get(f"/v1/lake/{table}/{name}/suspects").json()["items"]
    assert [each["witnesses"][0]["kind"] for each in answer] == ["vendor"]
    assert ledger.to_date(MONDAY + 30).isoformat() == answer[0]["session"]
    assert not Job.everyone.filter(state="failed").exists()
