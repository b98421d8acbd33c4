"""From received bytes to an uploaded version: verified, put once, or given back to the client."""

from __future__ import annotations

import hashlib
import os

import pytest

from datasets.models import DatasetVersion, UploadSession
from datasets.storage import blobs, layout
from datasets.uploads import disk, durable, expiry, ingest, ledger, sessions
from datasets.uploads.errors import ChecksumMismatch, UploadFinal, UploadGone, UploadIncomplete
from datasets.uploads.wanted import NewUpload
from tradenexus import db as database
from tradenexus.audit.models import Entry
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job, State
from tradenexus.tenancy.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)
DATA = os.urandom(20_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def small_leaves(monkeypatch):
    monkeypatch.setattr(ledger, "LEAF_BYTES", 4096)


def received(person, data: bytes = DATA, **said) -> UploadSession:
    """Return an open session that has taken the bytes."""
    session = sessions.start(person.actor, NewUpload("t.csv", "text/csv", len(DATA), **said))
    descriptor = disk.try_lock(session.id)
    writer = durable.Writer(session, descriptor)
    writer.write([data])
    writer.finish()
    os.close(descriptor)
    return session


def complete(person, session: UploadSession, sha256: str = "") -> Job:
    with database.atomic():
        job = sessions.complete(person.actor, session.dataset, session.ref, sha256)[1]
    runner.wake()
    job.refresh_from_db()
    session.refresh_from_db()
    session.version.refresh_from_db()
    return job


def held(person) -> int:
    return Tenant.objects.get(id=person.tenant.id).reserved_bytes


def test_makes_the_version_uploaded(owner):
    session = received(owner, sha256=SHA256)
    job = complete(owner, session)
    version = session.version
    assert (job.state, session.state, version.status) == (State.SUCCEEDED, "finished", "uploaded")
    assert job.result == {
        "datasetId": session.dataset.ref,
        "versionId": version.ref,
        "version": 1,
        "sha256": SHA256,
        "sizeBytes": len(DATA),
    }
    assert (version.sha256, version.size_bytes) == (SHA256, len(DATA))
    assert blobs.verify(blobs.Blob(version.raw_key, len(DATA), SHA256))
    assert disk.received(session.id) == -1
    assert held(owner) == len(DATA)
    moves = Entry.of(owner.tenant.id).filter(action="version.status").values_list("old", "new")
    assert list(moves) == [("uploading", "uploaded")]


def test_completing_again_gives_the_same_job(owner):
    session = received(owner)
    first = complete(owner, session)
    assert complete(owner, session).id == first.id
    assert complete(owner, session, SHA256).id == first.id
    with pytest.raises(ChecksumMismatch):
        complete(owner, session, "0" * 64)
    assert Job.everyone.count() == 1


def test_before_all_bytes_have_come_nothing_changes(owner):
    session = received(owner, DATA[:15_000])
    with pytest.raises(UploadIncomplete) as caught:
        complete(owner, session)
    assert caught.value.details["offset"] == 15_000
    assert caught.value.details["length"] == 20_000
    session.refresh_from_db()
    assert (session.state, session.version.status) == ("open", "uploading")
    assert not Job.everyone.exists()


def test_a_wrong_digest_never_becomes_a_version_and_the_true_one_mends_it(owner):
    session = received(owner, sha256="0" * 64)
    job = complete(owner, session)
    assert (job.state, job.error["code"]) == (State.FAILED, "CHECKSUM_MISMATCH")
    assert job.error["details"]["actual"] == SHA256
    assert (session.state, session.version.status) == ("mismatched", "uploading")
    for wrong in ("", "1" * 64):
        with pytest.raises(ChecksumMismatch):
            complete(owner, session, wrong)
    assert complete(owner, session, SHA256).state == State.SUCCEEDED
    assert session.version.status == "uploaded"


def test_a_digest_given_while_it_is_hashed_counts(owner):
    session = received(owner)
    with database.atomic():
        sessions.complete(owner.actor, session.dataset)
    job = complete(owner, session, "2" * 64)
    assert job.error["code"] == "CHECKSUM_MISMATCH"
    assert session.state == "mismatched"


def test_a_damaged_leaf_is_named_and_a_plain_client_goes_on_from_it(owner):
    session = received(owner, sha256=SHA256)
    path = disk.data_path(session.id)
    damaged = bytearray(DATA)
    damaged[9_000] ^= 1
    path.write_bytes(damaged)
    job = complete(owner, session)
    assert job.error["code"] == "CHECKSUM_MISMATCH"
    assert job.error["details"]["leaf"] == 2
    assert job.error["details"]["leaves"] == [2]
    assert (session.state, session.offset, session.error["code"]) == ("open", 8192, "CHECKSUM_MISMATCH")
    descriptor = disk.try_lock(session.id)
    durable.settle(session, descriptor)
    assert session.offset == 8192
    writer = durable.Writer(session, descriptor)
    writer.write([DATA[8192:]])
    writer.finish()
    os.close(descriptor)
    assert complete(owner, session).state == State.SUCCEEDED
    assert session.version.sha256 == SHA256


def test_the_same_bytes_again_are_the_version_there_is(owner):
    first = received(owner)
    complete(owner, first)
    second = received(owner, dataset=first.dataset.ref)
    job = complete(owner, second)
    assert job.state == State.SUCCEEDED
    assert job.result["duplicateOf"] == first.version.ref
    assert (second.state, second.duplicate_of) == ("finished", first.version.ref)
    assert (second.version.status, second.version.status_reason) == ("archived", "duplicate")
    assert not blobs.exists(layout.raw(second.tenant_id, second.dataset_id, second.version.id))
    assert held(owner) == len(DATA)


def test_the_same_bytes_in_another_dataset_are_a_hint_only(owner, stranger):
    complete(owner, received(owner))
    assert sessions.identical(owner.actor, SHA256) is not None
    assert sessions.identical(stranger.actor, SHA256) is None
    other = received(owner)
    complete(owner, other)
    assert other.version.status == "uploaded"


def test_killed_between_storing_and_the_row_it_runs_again(owner, monkeypatch):
    session = received(owner)
    version = session.version
    blobs.put_file(layout.raw(session.tenant_id, session.dataset_id, version.id), disk.data_path(session.id))
    assert complete(owner, session).state == State.SUCCEEDED
    assert DatasetVersion.of(owner.tenant.id).count() == 1


def test_a_failed_ingest_gives_the_upload_back(owner, monkeypatch):
    session = received(owner)

    def lost(*_):
        raise ingest.BytesLost("gone")

    with monkeypatch.context() as patched:
        patched.setattr(ingest, "_verify", lost)
        job = complete(owner, session)
    assert job.error["code"] == "UPLOAD_BYTES_LOST"
    assert (session.state, session.error["code"]) == ("open", "UPLOAD_BYTES_LOST")
    again = complete(owner, session)
    assert (again.state, session.state) == (State.SUCCEEDED, "finished")


def test_cancelling_gives_everything_back(owner):
    session = received(owner)
    sessions.terminate(owner.actor, session)
    session.refresh_from_db()
    session.version.refresh_from_db()
    assert (session.state, session.version.status, session.version.status_reason) == (
        "terminated",
        "archived",
        "upload cancelled",
    )
    assert held(owner) == 0
    assert disk.received(session.id) == -1
    with pytest.raises(UploadGone):
        sessions.terminate(owner.actor, session)
    assert held(owner) == 0


def test_a_finished_upload_cannot_be_cancelled(owner):
    session = received(owner)
    complete(owner, session)
    with pytest.raises(UploadFinal):
        sessions.terminate(owner.actor, session)


def test_the_sweep_ends_what_expired_and_nothing_else(owner, tmp_path):
    expiry.sweep("sweep-0")  # what an earlier run left in this home
    old, young = received(owner), received(owner)
    UploadSession.everyone.filter(id=old.id).update(expires_at=database.now())
    orphan = layout.upload_dir(owner.tenant.id)
    orphan.mkdir(parents=True)
    os.utime(orphan, (0, 0))
    assert expiry.sweep("sweep-1") == {"expired": 1, "orphans": 1, "parts": 0}
    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.state, old.version.status_reason, young.state) == ("expired", "upload expired", "open")
    assert (disk.received(old.id), disk.received(young.id)) == (-1, len(DATA))
    assert held(owner) == len(DATA)
    assert expiry.sweep("sweep-2") == {"expired": 0, "orphans": 0, "parts": 0}
    with pytest.raises(UploadGone):
        sessions.refuse_gone(old)


def test_an_upload_past_its_time_is_gone_before_the_sweep(owner):
    session = received(owner)
    session.expires_at = database.now()
    with pytest.raises(UploadGone):
        sessions.refuse_gone(session)


def test_a_byte_moves_the_expiry(owner):
    session = received(owner, DATA[:100])
    UploadSession.everyone.filter(id=session.id).update(expires_at=database.now())
    session.refresh_from_db()
    descriptor = disk.try_lock(session.id)
    durable.record(session, 100, [])
    os.close(descriptor)
    session.refresh_from_db()
    assert session.expires_at > database.now()
