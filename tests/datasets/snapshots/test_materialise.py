"""Files for outside readers: exactly the range, linked or copied, the manifest last, nobody's folder overwritten."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.models import LakeSegment, SnapshotMember
from datasets.snapshots import folders, keeping, materialise
from datasets.storage import blobs, manifests
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tests.kit.stocked import NAMES, START, TABLE, closes
from tests.lona.worker import work
from tradenexus import db
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    """Files go into a folder of the test's own."""
    settings.NEXUS_HOME = tmp_path / "home"
    settings.NEXUS_RUNS_ROOT = str(tmp_path / "runs")
    return settings.NEXUS_HOME


def put(owner, snapshot, layout, folder="") -> Job:
    with db.atomic():
        job = materialise.request(owner.actor, snapshot, layout, folder)
    work()
    job.refresh_from_db()
    return job


def told(job) -> tuple[Path, dict]:
    assert job.state == "succeeded", job.error
    folder = Path(job.result["folder"])
    return folder, json.loads((folder / "manifest.json").read_bytes())


def listed(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_single_files_hold_exactly_the_range(stocked, owner):
    snapshot = stocked.freeze(start=START + 30 * DAY, end=START + 200 * DAY)  # over the border of two segments
    folder, manifest = told(put(owner, snapshot, "single"))
    assert listed(folder) == {f"{name.replace(':', '_')}_1d.parquet" for name in NAMES} | {"manifest.json"}
    path = folder / "BINANCE_ADA-BTC_1d.parquet"
    rows = pq.read_table(path)
    assert rows.schema.field("timestamp").type == pa.int64()
    assert rows.column_names == ["timestamp", "open", "high", "low", "close", "volume", "trades", "filled"]
    assert rows["timestamp"].to_pylist() == [(MONDAY + day) * DAY for day in range(30, 200)]
    assert rows["close"].to_pylist() == closes(0)[30:200].tolist()
    codecs = {pq.ParquetFile(path).metadata.row_group(0).column(n).compression for n in range(3)}
    assert codecs == {"SNAPPY"}
    one = manifest["files"][0]
    assert (one["path"], one["rows"], one["firstNs"]) == (path.name, 170, START + 30 * DAY)
    assert one["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert manifests.digest(manifest["snapshot"]) == manifest["digest"] == snapshot.digest


def test_segments_in_a_folder_are_linked_not_copied(stocked, owner):
    snapshot = stocked.freeze()
    job = put(owner, snapshot, "segments")
    folder, manifest = told(job)
    assert (job.result["files"], job.result["linked"], job.result["bytes"]) == (6, 6, snapshot.size_bytes)
    for one in manifest["files"]:
        segment = LakeSegment.everyone.get(sha256=one["sha256"])
        with blobs.local(segment.key) as source:
            assert (folder / one["path"]).samefile(source)


def test_segments_of_a_bucket_are_copied_and_compared(bucket, stocked, owner):
    snapshot = stocked.freeze()
    job = put(owner, snapshot, "segments")
    folder, manifest = told(job)
    assert job.result["linked"] == 0
    assert all(blobs.digest_of(folder / one["path"]) == one["sha256"] for one in manifest["files"])
    segment = LakeSegment.everyone.first()
    (folder / "manifest.json").unlink()
    with blobs.open_blob(segment.key) as handle:
        bucket.replace(segment.key, handle.read()[:-1] + b"x")
    job = put(owner, snapshot, "segments", "elsewhere")
    assert job.error["code"] == "SNAPSHOT_DAMAGED"
    assert not list(Path(materialise.settings.NEXUS_RUNS_ROOT).rglob("manifest.json"))


@pytest.mark.parametrize("layout", ["segments", "single"])
def test_again_gives_the_same_bytes_whatever_became_of_the_lake(stocked, owner, layout):
    snapshot = stocked.freeze()
    first, _ = told(put(owner, snapshot, layout))
    before = {name: (first / name).read_bytes() for name in listed(first)}
    stocked.put(NAMES[0], closes(7), policy="newer")
    (first / sorted(before)[0]).unlink()
    again, _ = told(put(owner, snapshot, layout))
    assert {name: (again / name).read_bytes() for name in listed(again)} == before


def test_a_run_folder_lies_below_the_root_and_the_workspace(stocked, owner, settings):
    snapshot = stocked.freeze()
    folder, _ = told(put(owner, snapshot, "single", "2026/run-1/data"))
    assert folder == Path(settings.NEXUS_RUNS_ROOT) / owner.tenant.id.hex / "2026/run-1/data"


@pytest.mark.parametrize("folder", ["../up", "/etc", "a/../b", "a//b", "a/.hidden", "a\0b", "x/" * 9 + "x", "-x"])
def test_a_folder_that_is_no_plain_relative_path_is_refused(stocked, owner, folder):
    with pytest.raises(folders.FolderRefused), db.atomic():
        materialise.request(owner.actor, stocked.freeze(), "single", folder)


def test_no_folder_but_the_platforms_own_without_a_root(stocked, owner, settings):
    settings.NEXUS_RUNS_ROOT = ""
    with pytest.raises(folders.FolderRefused), db.atomic():
        materialise.request(owner.actor, stocked.freeze(), "single", "run-1")


def test_a_link_that_leads_out_of_the_root_is_refused(stocked, owner, settings, tmp_path):
    mine = Path(settings.NEXUS_RUNS_ROOT) / owner.tenant.id.hex
    mine.mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (mine / "run").symlink_to(tmp_path / "outside")
    job = put(owner, stocked.freeze(), "single", "run/data")
    assert job.error["code"] == "SNAPSHOT_FOLDER_REFUSED"
    assert not listed(tmp_path / "outside")


def test_files_of_something_else_are_left_alone(stocked, owner, settings):
    mine = Path(settings.NEXUS_RUNS_ROOT) / owner.tenant.id.hex / "run-1"
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("mine")
    assert put(owner, stocked.freeze(), "single", "run-1").error["code"] == "SNAPSHOT_FOLDER_TAKEN"
    assert listed(mine) == {"notes.txt"}
    told(put(owner, stocked.freeze(), "single", "run-2"))
    other = stocked.freeze("another")
    assert put(owner, other, "single", "run-2").error["code"] == "SNAPSHOT_FOLDER_TAKEN"
    assert put(owner, stocked.freeze(), "segments", "run-2").error["code"] == "SNAPSHOT_FOLDER_TAKEN"


def test_two_members_of_one_file_name_are_refused_before(stocked, owner, tmp_path):
    for name in ("A_B:C", "A:B_C"):
        stocked.put(name, [100, 101])
    ask = {"instruments": ["A_B:C", "A:B_C"], "allow_short": True}
    snapshot = stocked.freeze(**ask)
    with pytest.raises(materialise.NamesClash) as refused, db.atomic():
        materialise.request(owner.actor, snapshot, "single")
    assert refused.value.details["file"] == "A_B_C_1d.parquet"
    assert told(put(owner, snapshot, "segments"))[1]["files"]


def test_a_table_of_events_without_a_row_is_an_empty_file(stocked, owner, tmp_path):
    actions = lake.shaped({"ts_event": pa.array([], pa.int64()), "action": [], "value": []}, "corporate_actions")
    end = START + 400 * DAY
    lake.put(owner, tmp_path, lake.offer(tmp_path, actions, NAMES[0], "corporate_actions", start_ns=START, end_ns=end))
    snapshot = stocked.freeze(instruments=NAMES[:1], tables=[TABLE, "corporate_actions"])
    folder, _ = told(put(owner, snapshot, "single"))
    rows = pq.read_table(folder / "BINANCE_ADA-BTC_corporate_actions.parquet")
    assert (rows.num_rows, rows.column_names) == (0, ["timestamp", "action", "value", "witnesses"])


def test_an_expired_one_and_an_unknown_layout_are_refused(stocked, owner):
    snapshot = stocked.freeze()
    with pytest.raises(Exception, match="no such layout"), db.atomic():
        materialise.request(owner.actor, snapshot, "csv")
    with db.atomic():
        job = materialise.request(owner.actor, snapshot, "segments")
        again = materialise.request(owner.actor, snapshot, "segments")
        keeping.expire(owner.actor, snapshot)
    assert again.pk == job.pk
    work()
    job.refresh_from_db()
    assert job.error["code"] == "SNAPSHOT_EXPIRED"
    with pytest.raises(Exception, match="has expired"), db.atomic():
        materialise.request(owner.actor, snapshot, "segments")


def test_expired_while_it_was_put_down_leaves_nothing(stocked, owner, home, monkeypatch):
    snapshot = stocked.freeze()
    real = folders.link

    def expiring(source, target):
        with db.atomic():
            keeping.expire(owner.actor, snapshot)
        return real(source, target)

    monkeypatch.setattr(folders, "link", expiring)
    assert put(owner, snapshot, "segments").error["code"] == "SNAPSHOT_EXPIRED"
    assert not listed(home / "snapshots")
    assert not SnapshotMember.objects.exists()


def test_another_workspace_cannot_put_it_down(stocked, stranger):
    snapshot = stocked.freeze()
    with db.atomic():
        job = materialise.request(stranger.actor, snapshot, "segments")
    work()
    job.refresh_from_db()
    assert job.error["code"] == "NOT_FOUND"
