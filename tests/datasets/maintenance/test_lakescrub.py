"""The scrub: all bytes in seven days, one flipped bit found and named, RED in the ledger, taken back when mended."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from datasets.features import run as features
from datasets.lake import scan
from datasets.maintenance import chores, fsck, lakescrub, stored
from datasets.models import (
    Chore,
    DatasetVersion,
    FeatureCoverage,
    FileCheck,
    LakeEntry,
    LakePartition,
    LakeQuarantine,
    LakeSegment,
    ReturnsMatrix,
    Upkeep,
    VersionCheck,
    VersionFile,
)
from datasets.selector import matrices
from datasets.storage import blobs
from tests.kit import desk, factories, lake, stocked
from tests.lona.worker import work
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def entry(store, owner, tmp_path):
    """Four years of days: four or five segments."""
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(100 + np.arange(1_400) / 8), lake.registered(owner)))
    return LakeEntry.of(owner.actor.tenant_id).get()


def flip(store, key, at=-40) -> bytes:
    with blobs.open_blob(key) as handle:
        data = handle.read()
    spot = at % len(data)
    store.replace(key, data[:spot] + bytes([data[spot] ^ 1]) + data[spot + 1 :])
    return data


def others(person, folder) -> dict[str, stored.Named]:
    """Store what is neither a version nor a segment: a returns matrix, a build's coverage, rows in quarantine."""
    stock = stocked.stock(person, folder)
    with db.atomic():
        matrix, _ = matrices.request(person.actor, stock.freeze(), list(stocked.NAMES))
        _, job = features.request(person.actor, "tv_technicals_1d", {})
    work()
    stock.put("BINANCE:NEW-BTC", np.where(np.arange(60) == 30, 9_000, 100 + np.arange(60) / 8))
    rows = {
        "matrix": ReturnsMatrix.everyone.get(id=matrix.id),
        "coverage": FeatureCoverage.everyone.get(job=job),
        "held": LakeQuarantine.of(person.tenant.id).get(),
    }
    return {name: stored.Named(row.ref, blobs.Blob(row.key, row.size_bytes, row.sha256)) for name, row in rows.items()}


def test_one_flipped_bit_is_found_named_and_red_until_it_is_mended(owner, entry, store):
    tenant = owner.tenant.id
    before = list(LakePartition.objects.order_by("session").values_list("status", "code", "score"))
    segment = LakeSegment.of(tenant).order_by("t0_ns")[1]
    sound = flip(store, segment.key)
    found = lakescrub.scrub(tenant, whole=True)
    assert (found["ok"], found["segments"], found["knownDamaged"]) == (False, LakeSegment.of(tenant).count(), 1)
    [told] = found["damaged"]["first"]
    assert (told["subject"], told["key"], "SHA-256" in told["fault"]) == (segment.ref, segment.key, True)
    red = LakePartition.objects.filter(status="RED", code="CHECKSUM", score=0)
    assert red.count() == segment.rows
    assert (red.order_by("session")[0].first_ns, red.order_by("-session")[0].last_ns) == (segment.t0_ns, segment.t1_ns)
    entry.refresh_from_db()
    assert (entry.grade, entry.red) == ("RED", segment.rows)
    assert desk.newest(owner, "lake.segment").new == "damaged"
    segment.refresh_from_db()
    assert segment.damaged_at is not None
    assert segment.verified_at == segment.created_at
    with pytest.raises(scan.SegmentDamaged):
        list(scan.tables_of(scan.locate(entry)))

    lakescrub.scrub(tenant, whole=True)  # told of once
    assert Entry.of(tenant).filter(action="lake.segment").count() == 1

    store.replace(segment.key, sound)
    assert lakescrub.scrub(tenant, whole=True)["ok"]
    assert list(LakePartition.objects.order_by("session").values_list("status", "code", "score")) == before
    assert desk.newest(owner, "lake.segment").new == "intact"
    entry.refresh_from_db()
    assert (entry.grade, entry.red, entry.quality_score) == ("GREEN", 0, 100.0)
    assert sum(rows.num_rows for rows in scan.tables_of(scan.locate(entry))) == 1_400


def test_sessions_outside_the_damage_keep_their_verdict(owner, entry, store):
    segment = LakeSegment.of(owner.tenant.id).order_by("t0_ns")[1]
    blobs.delete(segment.key)
    lakescrub.scrub(owner.tenant.id, whole=True)
    untouched = LakePartition.objects.exclude(code="CHECKSUM")
    assert untouched.count() == 1_400 - segment.rows
    assert set(untouched.values_list("status", flat=True)) == {"GREEN"}
    part = scan.locate(entry, end_ns=segment.t0_ns)
    assert sum(rows.num_rows for rows in scan.tables_of(part)) > 0


@pytest.mark.parametrize("store", ["folder"], indirect=True)
def test_every_byte_is_read_within_the_days_allowed(store, owner, tmp_path, monkeypatch, settings):
    """Hour by hour, with the clock moved: after seven days each reading is younger than seven days."""
    version = factories.sealed(owner, tmp_path)
    others(owner, tmp_path)
    settings.NEXUS_SCRUB_DAYS = 7
    start, read = db.now(), 0
    for hour in range(1, 7 * 24 + 1):
        now = start + timedelta(hours=hour)
        monkeypatch.setattr(db, "now", lambda now=now: now)
        result = chores.everywhere(Chore.SCRUB, {})
        read += result["bytes"]
    oldest = min(LakeSegment.of(owner.tenant.id).values_list("verified_at", flat=True))
    assert oldest > start
    assert VersionCheck.objects.get(version=version).checked_at > start
    checks = FileCheck.of(owner.tenant.id)
    assert {check.key for check in checks} == set(stored.beside(owner.tenant.id))
    assert min(check.checked_at for check in checks) > start
    assert read < 5 * result["totalBytes"]  # and not all of it every hour
    assert Upkeep.everyone.filter(tenant=owner.tenant, chore="scrub").count() == 50


def test_one_run_reads_a_share(owner, entry):
    assert lakescrub.scrub(owner.tenant.id)["segments"] == 0  # just written
    LakeSegment.of(owner.tenant.id).update(verified_at=db.now() - timedelta(days=3))
    found = lakescrub.scrub(owner.tenant.id)
    assert found["segments"] == 1 < LakeSegment.of(owner.tenant.id).count()
    assert lakescrub.share(7 * 86_400) == 1
    assert lakescrub.share(3_600) == pytest.approx(1 / (7 * 24 * 0.6))


def test_days_off_are_made_up_for(owner, entry):
    old = db.now() - timedelta(days=5, hours=15)
    LakeSegment.of(owner.tenant.id).update(verified_at=old)
    found = lakescrub.scrub(owner.tenant.id)
    assert found["segments"] == LakeSegment.of(owner.tenant.id).count()


def test_a_versions_damage_is_told_of_once_and_taken_back(store, owner, tmp_path):
    version = factories.sealed(owner, tmp_path)
    file = VersionFile.objects.get(version=version)
    sound = flip(store, file.key)
    for _ in range(2):
        found = lakescrub.scrub(owner.tenant.id, whole=True)
        assert found["damaged"]["first"][0]["subject"] == version.ref
    assert Entry.of(owner.tenant.id).filter(action="version.verified", new="damaged").count() == 1
    store.replace(file.key, sound)
    assert lakescrub.scrub(owner.tenant.id, whole=True)["ok"]
    assert desk.newest(owner, "version.verified").new == "intact"
    assert DatasetVersion.everyone.get(id=version.id).status == "ready"


def test_the_schedule_reads_all_workspaces_as_a_job(owner, stranger, entry, store):
    flip(store, LakeSegment.of(owner.tenant.id).first().key)
    from tradenexus.jobs import queue

    with db.atomic():
        job = queue.submit(None, "maintenance.scrub", {"whole": True})
    runner.wake()
    job = Job.everyone.get(pk=job.pk)
    assert job.state == "succeeded", job.error
    assert (job.result["ok"], job.result["workspaces"]) == (False, 2)
    kept = {row.tenant_id: row.ok for row in Upkeep.everyone.filter(chore="scrub")}
    assert kept == {owner.tenant.id: False, stranger.tenant.id: True, None: False}


@pytest.mark.parametrize(
    ("store", "which"),
    [("folder", "matrix"), ("folder", "coverage"), ("folder", "held"), ("bucket", "matrix")],
    indirect=["store"],
)
def test_a_flipped_byte_of_any_other_file_is_told_of_once_and_taken_back(store, owner, stranger, tmp_path, which):
    files = others(owner, tmp_path)
    named = files[which]
    others(stranger, tmp_path)
    assert lakescrub.scrub(owner.tenant.id, whole=True)["files"] == 3
    assert not Entry.everyone.filter(action="file.verified").exists()
    sound = flip(store, named.blob.key)
    for _ in range(2):
        found = lakescrub.scrub(owner.tenant.id, whole=True)
        assert (found["ok"], found["knownDamaged"], found["damaged"]["count"]) == (False, 1, 1)
        [told] = found["damaged"]["first"]
        assert (told["subject"], told["key"]) == (named.subject, named.blob.key)
        assert "SHA-256" in told["fault"]
    entry = Entry.of(owner.tenant.id).get(action="file.verified")
    assert (entry.subject, entry.new, "SHA-256" in entry.reason) == (named.subject, "damaged", True)
    assert lakescrub.scrub(stranger.tenant.id, whole=True)["ok"]
    assert not Entry.of(stranger.tenant.id).filter(action="file.verified").exists()

    store.replace(named.blob.key, sound)
    assert lakescrub.scrub(owner.tenant.id)["knownDamaged"] == 1  # its turn has not come
    found = lakescrub.scrub(owner.tenant.id, whole=True)
    assert (found["ok"], found["knownDamaged"]) == (True, 0)
    assert Entry.of(owner.tenant.id).filter(action="file.verified").count() == 2
    assert desk.newest(owner, "file.verified").new == "intact"


def test_other_files_have_their_share_in_the_total_and_their_turn(owner, tmp_path):
    files = others(owner, tmp_path)
    found = lakescrub.scrub(owner.tenant.id)
    assert found["files"] == 0  # just written
    assert found["totalBytes"] == fsck.check(owner.tenant.id)["bytes"]
    old = db.now() - timedelta(days=6)
    ReturnsMatrix.everyone.update(created_at=old)
    found = lakescrub.scrub(owner.tenant.id)
    size = files["matrix"].blob.size_bytes
    assert (found["files"], found["segments"], found["bytes"]) == (1, 0, size)
    assert FileCheck.everyone.get().key == files["matrix"].blob.key
    assert lakescrub.scrub(owner.tenant.id)["files"] == 0


@pytest.mark.parametrize("store", ["folder"], indirect=True)
def test_what_no_row_names_any_more_is_forgotten_with_its_damage(store, owner, stranger, tmp_path):
    coverage = others(owner, tmp_path)["coverage"]
    others(stranger, tmp_path)
    blobs.delete(coverage.blob.key)
    assert lakescrub.scrub(owner.tenant.id, whole=True)["damaged"]["first"][0]["fault"] == "missing"
    lakescrub.scrub(stranger.tenant.id, whole=True)
    FeatureCoverage.of(owner.tenant.id).delete()
    found = lakescrub.scrub(owner.tenant.id)
    assert (found["ok"], found["knownDamaged"]) == (True, 0)
    assert (FileCheck.of(owner.tenant.id).count(), FileCheck.of(stranger.tenant.id).count()) == (2, 3)


def test_a_file_whose_row_goes_while_it_is_read_is_no_damage(owner, tmp_path, monkeypatch):
    coverage = others(owner, tmp_path)["coverage"]
    real = stored.fault_of

    def gone(blob, **more):
        if blob.key == coverage.blob.key:
            FeatureCoverage.everyone.all().delete()
            blobs.delete(blob.key)
        return real(blob, **more)

    monkeypatch.setattr(stored, "fault_of", gone)
    assert lakescrub.scrub(owner.tenant.id, whole=True)["ok"]
    assert not FileCheck.everyone.filter(key=coverage.blob.key).exists()
