"""Members read again: intact, missing, changed, and a list of members that was tampered with."""

import pytest

from datasets.models import Snapshot, SnapshotMember
from datasets.snapshots import keeping, verify
from datasets.storage import blobs
from tests.kit import desk
from tradenexus import db
from tradenexus.errors import NotFound
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def check(owner, snapshot) -> Job:
    with db.atomic():
        job = verify.request(owner.actor, snapshot)
    runner.wake()
    return Job.everyone.get(pk=job.pk)


def test_a_snapshot_as_it_was_frozen_is_intact(stocked, owner):
    snapshot = stocked.freeze()
    job = check(owner, snapshot)
    assert (job.state, job.result["segments"], job.result["bytes"]) == ("succeeded", 6, snapshot.size_bytes)
    snapshot.refresh_from_db()
    assert (snapshot.damaged, snapshot.verified_at is not None) == (0, True)
    assert desk.newest(owner, "snapshot.verified").new == "intact"


@pytest.mark.parametrize("damage", ["missing", "flipped"])
def test_every_damaged_member_is_named(store, stocked, owner, damage):
    snapshot = stocked.freeze()
    hurt = [member.segment for member in snapshot.members.order_by("number")[1:3]]
    for segment in hurt:
        with blobs.open_blob(segment.key) as handle:
            data = handle.read()
        if damage == "missing":
            blobs.delete(segment.key)
        else:
            store.replace(segment.key, data[:-1] + bytes([data[-1] ^ 1]))
    job = check(owner, snapshot)
    assert (job.state, job.error["code"], job.attempts) == ("failed", "SNAPSHOT_DAMAGED", 1)
    assert [each["sha256"] for each in job.error["details"]["damaged"]] == [segment.sha256 for segment in hurt]
    snapshot.refresh_from_db()
    assert snapshot.damaged == 2
    assert desk.newest(owner, "snapshot.verified").new == "damaged"


def test_a_list_of_members_that_was_changed_is_found(stocked, owner):
    snapshot = stocked.freeze()
    SnapshotMember.objects.filter(snapshot=snapshot, number=0).update(revision=7)
    job = check(owner, snapshot)
    assert "not those that were frozen" in job.error["details"]["damaged"][0]["fault"]


def test_a_second_request_joins_and_an_expired_one_is_refused(stocked, owner):
    snapshot = stocked.freeze()
    with db.atomic():
        first, again = verify.request(owner.actor, snapshot), verify.request(owner.actor, snapshot)
        keeping.expire(owner.actor, snapshot)
    assert first.pk == again.pk
    with pytest.raises(Exception, match="has expired"), db.atomic():
        verify.request(owner.actor, snapshot)


def test_another_workspaces_snapshot_is_not_found(stocked, stranger):
    snapshot = stocked.freeze()
    with db.atomic():
        job = verify.request(stranger.actor, snapshot)
    runner.wake()
    job.refresh_from_db()
    assert job.error["code"] == NotFound.code
    assert Snapshot.everyone.get().verified_at is None
