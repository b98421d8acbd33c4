"""The durable offset: what happens when the disk fails at each step."""

from __future__ import annotations

import errno
import os

import pytest

from datasets.models import UploadLeaf, UploadSession
from datasets.storage import faults
from datasets.uploads import disk, durable, ledger, sessions
from datasets.uploads.errors import OffsetConflict
from datasets.uploads.wanted import NewUpload

pytestmark = pytest.mark.django_db(transaction=True)
LEAF = 4096


@pytest.fixture(autouse=True)
def small_leaves(monkeypatch):
    monkeypatch.setattr(ledger, "LEAF_BYTES", LEAF)


@pytest.fixture
def session(owner):
    return sessions.start(owner.actor, NewUpload("t.csv", "text/csv", 10 * LEAF))


@pytest.fixture
def descriptor(session):
    opened = disk.try_lock(session.id)
    yield opened
    os.close(opened)


def row(session) -> UploadSession:
    return UploadSession.everyone.get(id=session.id)


def failing(code: int, after: int = 0):
    calls = []

    def fail(*_):
        calls.append(1)
        if len(calls) > after:
            raise OSError(code, os.strerror(code))

    return fail


def test_the_row_moves_at_each_closed_leaf_and_at_the_end(session, descriptor):
    writer = durable.Writer(session, descriptor)
    writer.write([b"x" * (LEAF + 100)])
    assert row(session).offset == LEAF
    writer.finish()
    assert row(session).offset == LEAF + 100
    assert UploadLeaf.objects.filter(session=session).count() == 1


def test_bytes_are_synced_before_the_row_moves(session, descriptor, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fdatasync", lambda _: seen.append(row(session).offset))
    writer = durable.Writer(session, descriptor)
    writer.write([b"x" * (2 * LEAF)])
    writer.finish()
    assert seen == [0, LEAF]


def test_a_full_disk_keeps_what_fitted(session, descriptor, monkeypatch):
    writer = durable.Writer(session, descriptor)
    writer.write([b"x" * 1000])
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwritev", failing(errno.ENOSPC))
        with pytest.raises(faults.StorageFull):
            writer.write([b"y" * 1000])
    writer.abandon()
    assert row(session).offset == 1000
    assert os.fstat(descriptor).st_size == 1000


def test_after_a_failed_sync_nothing_past_the_row_is_believed(session, descriptor, monkeypatch):
    writer = durable.Writer(session, descriptor)
    writer.write([b"x" * LEAF])
    writer.write([b"y" * 1000])
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", failing(errno.EIO))
        with pytest.raises(faults.StorageFailed):
            writer.save()
    writer.abandon()  # the sync works again now, and must not be trusted
    assert row(session).offset == LEAF
    fresh = row(session)
    durable.settle(fresh, descriptor)
    assert fresh.offset == LEAF
    assert os.fstat(descriptor).st_size == LEAF


def test_a_tail_is_taken_over_with_its_leaves(session, descriptor):
    durable.trust_tail(session, trusted=True)
    os.pwrite(descriptor, b"z" * (2 * LEAF + 10), 0)
    fresh = row(session)
    durable.settle(fresh, descriptor)
    assert row(session).offset == 2 * LEAF + 10
    assert UploadLeaf.objects.filter(session=session).count() == 2


def test_a_tail_that_awaits_its_checksum_is_cut(session, descriptor):
    durable.trust_tail(session, trusted=False)
    os.pwrite(descriptor, b"z" * 500, 0)
    durable.settle(row(session), descriptor)
    assert row(session).offset == 0
    assert os.fstat(descriptor).st_size == 0


def test_two_writers_cannot_both_move_the_row(session):
    late = row(session)
    durable.record(session, 10)
    with pytest.raises(OffsetConflict):
        durable.record(late, 20)
    assert row(session).offset == 10


def test_a_cancelled_upload_takes_no_more(owner, session, descriptor):
    writer = durable.Writer(session, descriptor)
    sessions.terminate(owner.actor, row(session))
    with pytest.raises(OffsetConflict):
        writer.write([b"x" * LEAF])
