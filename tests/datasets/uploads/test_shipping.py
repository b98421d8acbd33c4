"""Uploads on their way into a bucket of a real S3 server: shipped while they come, whole or without trace."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from datetime import timedelta

import pytest

from datasets.models import UploadLeaf, UploadSession
from datasets.models.shipment import UploadPart, UploadShipment
from datasets.storage import blobs, faults, multipart
from datasets.uploads import disk, durable, expiry, parts, sessions, shipping
from datasets.uploads.errors import UploadTooLarge
from datasets.uploads.wanted import NewUpload
from tradenexus import db as database
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job, State

pytestmark = pytest.mark.django_db(transaction=True)
LEAF = 8 << 20
DATA = os.urandom(2 * LEAF + 5_000)
SHA256 = hashlib.sha256(DATA).hexdigest()


def started(person, **said) -> UploadSession:
    return sessions.start(person.actor, NewUpload("t.csv", "text/csv", len(DATA), **said))


def send(session: UploadSession, stop: int = len(DATA)) -> UploadSession:
    """Send bytes from the offset on, in batches as the byte path does; return the row as it is then."""
    descriptor = disk.try_lock(session.id)
    try:
        session = sessions.settled(session, descriptor)
        writer = durable.Writer(session, descriptor)
        for start in range(session.offset, stop, 1 << 20):
            writer.write([DATA[start : min(start + (1 << 20), stop)]])
        writer.finish()
    finally:
        os.close(descriptor)
    landed(session)
    return session


def landed(session: UploadSession) -> None:
    if flight := shipping._flights.get(session.id):
        flight.result()


def complete(person, session: UploadSession, sha256: str = "") -> Job:
    with database.atomic():
        job = sessions.complete(person.actor, session.dataset, session.ref, sha256)[1]
    runner.wake()
    job.refresh_from_db()
    session.refresh_from_db()
    session.version.refresh_from_db()
    return job


def on_disk(session: UploadSession) -> int:
    return disk.data_path(session.id).stat().st_blocks * 512


def eventually(holds) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def gone(bucket, session: UploadSession) -> bool:
    """Whether nothing is left of an ended upload, neither here nor in the bucket."""
    left = UploadShipment.objects.filter(session=session).exists() or disk.received(session.id) != -1
    return not left and bucket.keys() == bucket.begun() == []


def recorded(session: UploadSession) -> list[int]:
    return list(
        UploadPart.objects.filter(shipment__session=session).order_by("number").values_list("number", flat=True)
    )


def test_closed_parts_leave_while_the_rest_still_comes(owner, bucket):
    session = started(owner)
    assert on_disk(session) == 0
    session = send(session, LEAF + 100)
    assert recorded(session) == [1]
    assert on_disk(session) <= 65_536
    session = send(session)
    assert recorded(session) == [1, 2]
    assert on_disk(session) <= 65_536
    assert bucket.keys() == []
    job = complete(owner, session)
    version = session.version
    assert (job.state, session.state, version.status) == (State.SUCCEEDED, "finished", "uploaded")
    assert (version.sha256, version.size_bytes) == (SHA256, len(DATA))
    assert blobs.verify(blobs.Blob(version.raw_key, len(DATA), SHA256))
    across = b"".join(blobs.read_range(version.raw_key, LEAF - 3, 2 * LEAF + 3))
    assert across == DATA[LEAF - 3 : 2 * LEAF + 3]
    assert bucket.keys() == [version.raw_key]
    assert bucket.begun() == []
    assert not UploadShipment.objects.exists()
    assert disk.received(session.id) == -1


def test_what_fits_in_one_part_is_not_shipped(owner, bucket):
    session = sessions.start(owner.actor, NewUpload("t.csv", "text/csv", LEAF))
    descriptor = disk.try_lock(session.id)
    writer = durable.Writer(session, descriptor)
    writer.write([DATA[:LEAF]])
    writer.finish()
    os.close(descriptor)
    assert not UploadShipment.objects.exists()
    complete(owner, session)
    assert blobs.verify(blobs.Blob(session.version.raw_key, LEAF, hashlib.sha256(DATA[:LEAF]).hexdigest()))


def test_in_a_folder_nothing_is_shipped_and_all_room_is_set_aside(owner):
    session = started(owner)
    assert on_disk(session) >= len(DATA)
    assert (parts.size(1 << 45), parts.room(5)) == (0, 5)
    session = send(session)
    assert not UploadShipment.objects.exists()


def test_longer_than_any_object_is_refused(owner, bucket, settings):
    settings.NEXUS_MAX_UPLOAD_BYTES = settings.NEXUS_TENANT_QUOTA_BYTES = 1 << 60
    with pytest.raises(UploadTooLarge):
        sessions.start(owner.actor, NewUpload("t.csv", "text/csv", multipart.MOST_BYTES * multipart.MOST_PARTS + 1))


def test_without_the_storage_an_upload_goes_on_until_two_parts_wait(owner, bucket, swift):
    session = started(owner)
    with swift.away():
        with pytest.raises(faults.StorageFailed) as caught:
            send(session)
        assert caught.value.status == 503
        session.refresh_from_db()
        assert session.offset >= 2 * LEAF
    session = send(session)
    assert recorded(session) == [1, 2]
    complete(owner, session)
    assert session.version.sha256 == SHA256


def test_a_job_waits_for_a_storage_that_is_away(owner, bucket, swift):
    session = send(started(owner))
    with swift.away():
        job = complete(owner, session)
        assert (job.state, session.state) == (State.QUEUED, "ingesting")
    Job.everyone.filter(id=job.id).update(run_at=database.now())
    runner.wake()
    job.refresh_from_db()
    assert job.state == State.SUCCEEDED


def test_another_digest_than_declared_is_no_version_and_can_be_mended(owner, bucket):
    session = send(started(owner, sha256="0" * 64))
    job = complete(owner, session)
    assert (job.state, session.state, session.version.status) == (State.FAILED, "mismatched", "uploading")
    complete(owner, session, SHA256)
    assert (session.state, session.version.sha256) == ("finished", SHA256)
    assert bucket.keys() == [session.version.raw_key]


def test_a_mismatched_upload_that_is_cancelled_leaves_nothing(owner, bucket):
    session = send(started(owner, sha256="0" * 64))
    complete(owner, session)
    sessions.terminate(owner.actor, session)
    eventually(lambda: gone(bucket, session))


def test_a_damaged_leaf_brings_the_upload_back_to_its_start(owner, bucket):
    session = send(started(owner))
    UploadLeaf.objects.filter(session=session, number=1).update(crc32c=1)
    job = complete(owner, session)
    assert job.error["code"] == "CHECKSUM_MISMATCH"
    assert (job.error["details"]["leaf"], job.error["details"]["offset"]) == (1, 0)
    assert (session.state, session.offset, session.version.status) == ("open", 0, "uploading")
    assert bucket.keys() == bucket.begun() == []
    session = send(session)
    complete(owner, session)
    assert session.version.sha256 == SHA256


def test_the_same_bytes_again_leave_no_second_object(owner, bucket):
    first = send(started(owner))
    complete(owner, first)
    again = send(started(owner, dataset=first.dataset.ref))
    complete(owner, again)
    assert again.duplicate_of == first.version.ref
    assert bucket.keys() == [first.version.raw_key]
    assert bucket.begun() == []
    assert not UploadShipment.objects.exists()


def test_a_cancelled_upload_leaves_no_parts(owner, bucket):
    session = send(started(owner), 2 * LEAF + 7)
    assert len(bucket.begun()) == 1
    sessions.terminate(owner.actor, session)
    eventually(lambda: gone(bucket, session))


def test_cancelling_waits_for_no_part_and_still_leaves_none(owner, bucket, monkeypatch):
    go_on = threading.Event()
    real = multipart.send
    monkeypatch.setattr(multipart, "send", lambda *given: (go_on.wait(30), real(*given))[1])
    session = started(owner)
    descriptor = disk.try_lock(session.id)
    durable.Writer(session, descriptor).write([DATA[: LEAF + 1]])
    os.close(descriptor)
    began = time.monotonic()
    sessions.terminate(owner.actor, session)
    assert time.monotonic() - began < 10
    go_on.set()
    eventually(lambda: gone(bucket, session))


def test_cancelled_while_its_first_part_begins_it_leaves_none(owner, bucket, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    real = multipart.begin
    monkeypatch.setattr(multipart, "begin", lambda *given: (begun.set(), go_on.wait(30), real(*given))[2])
    session = started(owner)
    descriptor = disk.try_lock(session.id)
    durable.Writer(session, descriptor).write([DATA[: LEAF + 1]])
    os.close(descriptor)
    assert begun.wait(30)
    sessions.terminate(owner.actor, session)
    time.sleep(0.5)  # what clears up had its turn
    go_on.set()
    eventually(lambda: session.id not in shipping._flights)
    eventually(lambda: gone(bucket, session))


def test_an_expired_upload_leaves_no_parts(owner, bucket):
    session = send(started(owner), 2 * LEAF + 7)
    UploadSession.everyone.filter(id=session.id).update(expires_at=database.now() - timedelta(seconds=1))
    assert expiry.sweep("req")["expired"] == 1
    eventually(lambda: gone(bucket, session))


def test_parts_that_could_not_be_removed_are_removed_by_the_sweep(owner, bucket, swift):
    session = send(started(owner), LEAF + 7)
    with swift.away():
        sessions.terminate(owner.actor, session)
        eventually(lambda: disk.received(session.id) == -1)
    assert len(bucket.begun()) == 1
    assert expiry.sweep("req")["parts"] == 1
    assert bucket.begun() == []
    assert not UploadShipment.objects.exists()


def test_parts_that_no_upload_owns_are_removed_when_they_are_old(owner, bucket, settings):
    kept = send(started(owner), LEAF + 7)
    lost = started(owner)
    multipart.begin(parts._place(lost))
    assert expiry.sweep("req")["parts"] == 0
    assert len(bucket.begun()) == 2
    settings.NEXUS_JOB_LIMIT_S = -2
    assert expiry.sweep("req")["parts"] == 1
    assert bucket.begun() == [parts.raw_key(kept)]


def test_when_the_storage_dropped_the_parts_the_upload_starts_again(owner, bucket):
    session = send(started(owner), LEAF + 7)
    shipment = UploadShipment.objects.get(session=session)
    multipart.abort(parts._place(session), shipment.multipart)
    send(session, 2 * LEAF + 7)
    session.refresh_from_db()
    assert (session.offset, recorded(session)) == (0, [])
    session = send(session)
    complete(owner, session)
    assert session.version.sha256 == SHA256


def test_when_the_parts_are_gone_at_the_end_the_client_is_told_to_send_again(owner, bucket):
    session = send(started(owner))
    multipart.abort(parts._place(session), UploadShipment.objects.get(session=session).multipart)
    job = complete(owner, session)
    assert (job.error["code"], job.error["details"]["offset"]) == ("CHECKSUM_MISMATCH", 0)
    session = send(session)
    complete(owner, session)
    assert session.version.sha256 == SHA256


def test_bytes_lost_here_are_shipped_again(owner, bucket):
    session = send(started(owner), 2 * LEAF + 7)
    os.truncate(disk.data_path(session.id), LEAF + 3)
    descriptor = disk.try_lock(session.id)
    session = sessions.settled(session, descriptor)
    os.close(descriptor)
    assert (session.offset, recorded(session)) == (LEAF + 3, [1])


def test_a_storage_that_takes_too_long_refuses_the_writer_and_keeps_the_bytes(owner, bucket, monkeypatch):
    go_on = threading.Event()
    real = multipart.send
    monkeypatch.setattr(multipart, "send", lambda *given: (go_on.wait(30), real(*given))[1])
    monkeypatch.setattr(shipping, "_SLOW_S", 0.1)
    monkeypatch.setattr(shipping, "_SLOW_BYTES_PER_S", 1 << 40)
    session = started(owner)
    try:
        with pytest.raises(faults.StorageFailed, match="did not take a part"):
            send(session)
    finally:
        go_on.set()
    landed(session)
    session.refresh_from_db()
    assert session.offset >= 2 * LEAF
    session = send(session)
    complete(owner, session)
    assert session.version.sha256 == SHA256


def test_only_one_process_ships_an_upload(owner, bucket):
    session = started(owner)
    with parts.held(session) as mine:
        assert mine
        session = send(session, LEAF)
        assert recorded(session) == []
    assert recorded(send(session, LEAF + 1)) == [1]
