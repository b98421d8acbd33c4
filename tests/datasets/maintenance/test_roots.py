"""What holds a segment: rows with a foreign key to it, and functions of the settings."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from datasets.lake import frozen
from datasets.lake.commit import LakeBusy
from datasets.maintenance import fsck, garbage, roots
from datasets.models import LakeRevision, LakeSegment, Snapshot, SnapshotMember
from datasets.snapshots import freeze
from datasets.storage import blobs, manifests
from tests.kit import lake, stocked
from tradenexus import db

pytestmark = pytest.mark.django_db(transaction=True)
HELD: list = []


def hold(ids):
    return [each for each in ids if each in HELD]


@pytest.fixture
def segment(owner, tmp_path):
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1, 2]), lake.registered(owner)))
    return LakeSegment.of(owner.tenant.id).get()


def test_members_alone_are_no_roots(segment):
    assert roots.held([segment.id]) == set()


def test_any_row_with_a_foreign_key_holds(segment, monkeypatch):
    monkeypatch.setattr(roots, "LakeMember", None)  # so that members are rows like any others
    assert roots.held([segment.id]) == {segment.id}


def test_a_function_of_the_settings_holds(segment, settings):
    settings.NEXUS_LAKE_ROOTS = [f"{__name__}.hold"]
    assert roots.held([segment.id]) == set()
    HELD[:] = [segment.id]
    assert roots.held([segment.id]) == {segment.id}


def frozen_while(owner, monkeypatch, stock, deed):
    """Freeze, and do something when its rows are chosen but not written; return the faults that it ended with."""
    chosen, go, faults = threading.Event(), threading.Event(), []
    real = freeze._write

    def slow(*given):
        chosen.set()
        go.wait(60)
        real(*given)

    def ask():
        try:
            stock.freeze()
        except Exception as fault:  # noqa: BLE001 (a thread's fault is the test's)
            faults.append(fault)
        finally:
            connection.close()

    def meet():
        deed()
        connection.close()

    monkeypatch.setattr(freeze, "_write", slow)
    asking, meeting = threading.Thread(target=ask), threading.Thread(target=meet)
    asking.start()
    assert chosen.wait(60)
    meeting.start()
    meeting.join(3)  # on SQLite it waits for the freeze, and the freeze for us
    go.set()
    asking.join()
    meeting.join()
    return faults


def test_a_freeze_that_meets_a_collection_is_whole_or_is_not_there(owner, tmp_path, monkeypatch, settings):
    """At worst what was chosen is replaced, let go, retired and removed before the snapshot's rows are written."""
    monkeypatch.setattr(garbage, "AGE", -timedelta(seconds=5))
    settings.NEXUS_LAKE_REVISIONS_KEPT_DAYS = 1
    stock = stocked.stock(owner, tmp_path)

    def collect():
        stock.put(stocked.NAMES[0], stocked.closes(7), policy="newer")
        LakeRevision.objects.update(created_at=db.now() - timedelta(days=9))
        for _ in range(2):
            garbage.collect(owner.tenant.id)

    faults = frozen_while(owner, monkeypatch, stock, collect)
    snapshot = Snapshot.of(owner.tenant.id).first()
    if db.is_sqlite():  # one writer after the other: the freeze was first, and holds what it names
        assert faults == []
    if snapshot is None:  # the foreign key spoke: nothing of it was written
        assert isinstance(faults[0], LakeBusy)
        assert not SnapshotMember.objects.exists()
        stock.freeze()
        snapshot = Snapshot.of(owner.tenant.id).get()
    assert manifests.digest(frozen.manifest_of(snapshot)) == snapshot.digest
    for each in frozen.entries_of(snapshot):
        for one in each.segments:
            assert blobs.verify(blobs.Blob(one.key, one.size_bytes, one.sha256))
    assert fsck.check(owner.tenant.id, deep=True)["ok"]
