"""What is garbage goes, a day late and by compare-and-swap; what anything refers to, or is about to, stays."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from django.db import connection

from datasets.lake import commit, scan, swap
from datasets.maintenance import fsck, garbage
from datasets.models import DatasetVersion, LakeEntry, LakeMember, LakeRevision, LakeSegment
from datasets.storage import blobs, layout
from tests.kit import desk, factories, lake
from tradenexus import db, failpoints, ids
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = [100.0, 101.0, 102.0]
SECONDS = timedelta(seconds=5)  # a bucket rounds the time of an object up


@pytest.fixture
def name(owner):
    return lake.registered(owner)


@pytest.fixture
def put(owner, tmp_path, name):
    def put(*closes: float, **more) -> None:
        lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), name, policy="newer"), **more)

    return put


@pytest.fixture
def at_once(monkeypatch):
    """A day has passed before it began."""
    monkeypatch.setattr(garbage, "AGE", -SECONDS)


def closes(owner) -> list[float]:
    entry = LakeEntry.of(owner.tenant.id).get()
    return pa.concat_tables(scan.tables_of(scan.locate(entry)))["close"].to_pylist()


def make_old(owner, days: float = 365) -> None:
    LakeRevision.objects.update(created_at=db.now() - timedelta(days=days))


def later(monkeypatch, **more) -> None:
    now = db.now() + timedelta(**more)
    monkeypatch.setattr(db, "now", lambda: now)


def sound(owner) -> bool:
    return fsck.check(owner.tenant.id, deep=True)["ok"]


def test_revisions_stay_for_their_time_and_then_go_in_two_phases(owner, put, monkeypatch, settings):
    settings.NEXUS_LAKE_REVISIONS_KEPT_DAYS = 90
    put(*DAYS)
    first_at = LakeRevision.objects.get().created_at
    put(100, 101.5, 102)
    tenant = owner.tenant.id
    assert garbage.collect(tenant)["revisions"] == 0
    later(monkeypatch, days=91)
    old = LakeSegment.of(tenant).order_by("created_at")[0]
    went = garbage.collect(tenant)
    assert (went["revisions"], went["retired"], went["removed"]["count"]) == (1, 1, 0)
    assert blobs.exists(old.key)
    assert garbage.collect(tenant)["removed"]["count"] == 0  # not yet
    later(monkeypatch, hours=25)
    went = garbage.collect(tenant)
    assert went["removed"] == {"count": 1, "bytes": old.size_bytes, "first": [old.key]}
    assert not blobs.exists(old.key)
    assert not LakeSegment.of(tenant).filter(id=old.id).exists()
    assert closes(owner) == [100, 101.5, 102]
    assert sound(owner)
    with pytest.raises(scan.RevisionGone) as refused:
        scan.locate(LakeEntry.of(tenant).get(), as_of=first_at)
    assert refused.value.details["oldest"] == 2
    assert LakeRevision.objects.count() == 2  # what was changed, when and by whom stays known
    assert desk.newest(owner, "lake.collected").new == "done"


def test_what_was_in_force_at_the_edge_stays_readable(owner, put, settings):
    settings.NEXUS_LAKE_REVISIONS_KEPT_DAYS = 90
    for number in range(4):
        put(100, 101 + number, 102)
    rows = LakeRevision.objects.order_by("number")
    for row, days in zip(rows, (300, 200, 100, 10), strict=True):
        LakeRevision.objects.filter(id=row.id).update(created_at=db.now() - timedelta(days=days))
    assert garbage.collect(owner.tenant.id)["revisions"] == 2
    entry = LakeEntry.of(owner.tenant.id).get()
    assert entry.oldest_revision == 3
    part = scan.locate(entry, as_of=db.now() - timedelta(days=90))
    assert pa.concat_tables(scan.tables_of(part))["close"].to_pylist() == [100, 103, 102]


def test_zero_days_keep_revisions_for_ever(owner, put, settings):
    settings.NEXUS_LAKE_REVISIONS_KEPT_DAYS = 0
    put(*DAYS)
    put(100, 101.5, 102)
    make_old(owner)
    assert garbage.collect(owner.tenant.id)["revisions"] == 0


def test_a_dry_run_lists_and_changes_nothing(owner, put, store, monkeypatch):
    put(*DAYS)
    put(100, 101.5, 102)
    make_old(owner)
    blobs.put_bytes(layout.segment(owner.tenant.id, "a" * 64, ids.uuid7()), b"123")
    went = garbage.collect(owner.tenant.id, dry_run=True)
    assert (went["revisions"], went["young"], went["dryRun"]) == (1, 1, True)
    monkeypatch.setattr(garbage, "AGE", -SECONDS)
    keys = store.keys()
    went = garbage.collect(owner.tenant.id, dry_run=True)
    assert went["orphans"]["count"] == 1
    assert store.keys() == keys
    assert LakeMember.objects.count() == 2
    assert garbage.collect(owner.tenant.id)["orphans"]["first"] == went["orphans"]["first"]


def keep_all(found):
    return found


def test_a_root_keeps_its_segment_and_its_bytes(owner, put, at_once, settings):
    put(*DAYS)
    put(100, 101.5, 102)
    make_old(owner)
    settings.NEXUS_LAKE_ROOTS = [f"{__name__}.keep_all"]
    went = garbage.collect(owner.tenant.id)
    assert (went["held"], went["retired"], went["removed"]["count"]) == (1, 0, 0)
    # one that comes between the phases keeps it too
    settings.NEXUS_LAKE_ROOTS = []
    LakeSegment.of(owner.tenant.id).filter(members=None).update(retired_at=db.now() - timedelta(days=2))
    settings.NEXUS_LAKE_ROOTS = [f"{__name__}.keep_all"]
    assert garbage.collect(owner.tenant.id)["revived"] == 1
    assert not LakeSegment.of(owner.tenant.id).filter(retired_at__isnull=False).exists()
    assert sound(owner)


def retired(owner, put) -> LakeSegment:
    """The first revision's segment, retired two days ago; the second revision is in force."""
    put(*DAYS)
    put(100, 101.5, 102)
    make_old(owner)
    garbage.collect(owner.tenant.id)
    LakeSegment.of(owner.tenant.id).filter(retired_at__isnull=False).update(retired_at=db.now() - timedelta(days=2))
    return LakeSegment.of(owner.tenant.id).get(retired_at__isnull=False)


def test_a_commit_takes_a_retired_segment_up_again(owner, put):
    old = retired(owner, put)
    put(*DAYS)
    went = garbage.collect(owner.tenant.id)
    assert went["removed"]["count"] == 0
    old.refresh_from_db()
    assert old.retired_at is None
    assert closes(owner) == DAYS
    assert sound(owner)


def meet(monkeypatch, place, deed) -> None:
    """Do something once, when the work passes a place."""
    left = [True]

    def hit(name: str) -> None:
        if name == place and left:
            left.clear()
            deed()

    monkeypatch.setattr(failpoints, "hit", hit)


def test_a_retired_segment_removed_between_storing_and_swap_is_stored_anew(owner, put, monkeypatch):
    old = retired(owner, put)
    meet(monkeypatch, "lake.stored", lambda: garbage.collect(owner.tenant.id))
    put(*DAYS)
    assert not LakeSegment.of(owner.tenant.id).filter(id=old.id).exists()  # it was removed, and
    assert closes(owner) == DAYS
    assert LakeSegment.of(owner.tenant.id).get(sha256=old.sha256).key != old.key
    assert sound(owner)


def test_a_collection_that_meets_a_swap_finds_the_segment_in_use(owner, put, monkeypatch):
    old = retired(owner, put)
    went: list[dict] = []

    def collect() -> None:
        went.append(garbage.collect(owner.tenant.id))
        connection.close()

    thread = threading.Thread(target=collect)

    def begin() -> None:
        thread.start()
        time.sleep(0.5)  # it waits at our row, or for its turn

    meet(monkeypatch, "lake.swapping", begin)
    put(*DAYS)
    thread.join()
    assert went[0]["removed"]["count"] == 0
    assert closes(owner) == DAYS
    assert LakeSegment.of(owner.tenant.id).get(sha256=old.sha256).retired_at is None
    assert sound(owner)


@pytest.mark.parametrize("by_job", [False, True])
def test_files_of_a_commit_in_flight_stay(owner, put, monkeypatch, by_job):
    """Between storing and swap no row names the new segment: it is too young, or a job that lives may be its writer."""
    if by_job:
        monkeypatch.setattr(garbage, "AGE", -SECONDS)
        Job.everyone.create(tenant=owner.tenant, kind="x", max_attempts=1, run_at=db.now())
    went: list[dict] = []
    meet(monkeypatch, "lake.stored", lambda: went.append(garbage.collect(owner.tenant.id)))
    put(*DAYS)
    assert went[0]["orphans"]["count"] == 0
    assert went[0]["inFlight" if by_job else "young"] == 1
    assert closes(owner) == DAYS
    assert sound(owner)


def orphan(version: DatasetVersion) -> str:
    key = layout.canonical(version.tenant_id, version.dataset_id, version.id, 9, "b" * 64)
    blobs.put_bytes(key, b"left by a killed attempt")
    return key


@pytest.mark.parametrize("status", ["validating", "transforming", "uploading"])
def test_files_of_a_version_in_work_stay(owner, at_once, status):
    key = orphan(factories.version_in(owner, status))
    assert garbage.collect(owner.tenant.id)["inFlight"] == 1
    assert blobs.exists(key)


def test_files_of_a_resting_version_that_no_row_names_go(owner, store, tmp_path, at_once):
    version = factories.sealed(owner, tmp_path)
    key = orphan(version)
    went = garbage.collect(owner.tenant.id)
    assert went["orphans"]["first"] == [key]
    assert not blobs.exists(key)
    assert sound(owner)


def test_every_kind_of_leftover_goes_and_foreign_keys_stay(owner, at_once):
    tenant = owner.tenant.id
    known = [
        layout.raw(tenant, ids.uuid7(), ids.uuid7()),
        layout.segment(tenant, "b" * 64, ids.uuid7()),
        layout.held(tenant, ids.uuid7(), "c" * 64),
        f"lake/{tenant.hex}/bb/tmp-{'d' * 32}",
    ]
    foreign = f"lake/{tenant.hex}/notes.txt"
    for key in [*known, foreign]:
        blobs.put_bytes(key, b"123")
    assert garbage.collect(tenant)["orphans"]["count"] == 4
    assert blobs.exists(foreign)


def test_another_workspaces_garbage_is_not_ours(owner, stranger, at_once):
    key = layout.segment(stranger.tenant.id, "b" * 64, ids.uuid7())
    blobs.put_bytes(key, b"123")
    garbage.collect(owner.tenant.id)
    assert blobs.exists(key)


def test_many_appends_leave_few_segments_in_force(owner, tmp_path, name, at_once):
    """A span is rewritten as a whole: reads name one file a span, however many commits there were."""
    for number in range(60):
        rows = lake.daily([100.0 + number / 8], first_day=lake.MONDAY + number)
        lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name))
    entry = LakeEntry.of(owner.tenant.id).get()
    assert entry.revision == 60
    assert len(scan.locate(entry).segments) == 1
    make_old(owner)
    garbage.collect(owner.tenant.id)
    assert LakeSegment.of(owner.tenant.id).count() == 1
    assert len(closes(owner)) == 60


def test_a_damaged_segment_is_taken_as_absent_when_its_whole_range_is_offered(owner, put, name, tmp_path):
    put(*DAYS)
    segment = LakeSegment.of(owner.tenant.id).get()
    LakeSegment.of(owner.tenant.id).update(damaged_at=db.now())
    rows = lake.daily([103.0], first_day=lake.MONDAY + 3)
    with pytest.raises(commit.SegmentDamaged):
        lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name))
    put(*DAYS)  # the very same rows: their bytes take the place of the damaged ones
    segment.refresh_from_db()
    assert segment.damaged_at is None
    assert closes(owner) == DAYS
    assert sound(owner)


def test_a_flipped_bit_is_not_joined_into_a_new_segment(owner, put, store, name, tmp_path):
    put(*(100 + np.arange(50) / 8))
    segment = LakeSegment.of(owner.tenant.id).get()
    with blobs.open_blob(segment.key) as handle:
        data = handle.read()
    store.replace(segment.key, data[:300] + bytes([data[300] ^ 1]) + data[301:])
    rows = lake.daily([107.0], first_day=lake.MONDAY + 50)
    with pytest.raises(Exception, match="not what was written") as refused:
        lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name))
    assert refused.value.code == "LAKE_SEGMENT_DAMAGED"
    assert swap.standing(owner.tenant.id, [segment.sha256])
