"""Pinned, expired, swept: segments are let go, name and digest stay, files go last."""

from datetime import timedelta

import pytest

from datasets.lake import frozen
from datasets.models import LakeSegment, Snapshot, SnapshotMember
from datasets.snapshots import keeping
from datasets.storage import layout
from tests.kit import desk
from tradenexus import db
from tradenexus.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)


def test_expiring_lets_the_segments_go_and_keeps_name_and_digest(stocked, owner):
    snapshot = stocked.freeze()
    with db.atomic():
        keeping.expire(owner.actor, snapshot, "no longer needed")
        keeping.expire(owner.actor, snapshot, "again is no error")
    assert (snapshot.state, len(snapshot.digest)) == ("expired", 64)
    assert not SnapshotMember.objects.exists()
    assert LakeSegment.everyone.count() == 6
    assert desk.newest(owner, "snapshot.expired").reason == "no longer needed"
    with pytest.raises(frozen.SnapshotExpired):
        frozen.entries_of(snapshot)
    with pytest.raises(frozen.SnapshotExpired):
        stocked.freeze()  # the name is spent
    with pytest.raises(Conflict), db.atomic():
        keeping.pin(owner.actor, snapshot, True)


def test_a_pinned_one_never_expires(stocked, owner):
    snapshot = stocked.freeze()
    with db.atomic():
        keeping.pin(owner.actor, snapshot, True)
        keeping.pin(owner.actor, snapshot, True)
    with pytest.raises(keeping.SnapshotPinned), db.atomic():
        keeping.expire(owner.actor, snapshot)
    Snapshot.everyone.update(expires_at=db.now() - timedelta(days=1))
    assert keeping.sweep("r") == {"expired": 0, "cleared": 0}
    with db.atomic():
        keeping.pin(owner.actor, snapshot, False)
    assert keeping.sweep("r") == {"expired": 1, "cleared": 1}


def test_the_sweep_expires_what_is_due_and_removes_its_files_once(stocked, owner, settings, tmp_path):
    settings.NEXUS_HOME = tmp_path
    due, kept = stocked.freeze(), stocked.freeze("run-2")
    for snapshot in (due, kept):
        folder = layout.snapshot_dir(snapshot.id) / "segments"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    Snapshot.everyone.filter(id=due.id).update(expires_at=db.now())
    assert keeping.sweep("r") == {"expired": 1, "cleared": 1}
    assert keeping.sweep("r") == {"expired": 0, "cleared": 0}
    assert not layout.snapshot_dir(due.id).exists()
    assert layout.snapshot_dir(kept.id).exists()
    assert set(SnapshotMember.objects.values_list("snapshot_id", flat=True)) == {kept.id}
