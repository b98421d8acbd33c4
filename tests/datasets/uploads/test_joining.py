"""The join: any cutting of the bytes gives the file and its leaves; one that fails gives everything back."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os

import crc32c
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.models import UploadLeaf, UploadSession
from datasets.storage import layout
from datasets.uploads import concat, disk, expiry, ingest, ledger, local, mending, sessions
from datasets.uploads.errors import PartUnfit, UploadGone
from datasets.uploads.wanted import NewUpload
from tradenexus import db as database
from tradenexus import ids
from tradenexus.errors import Conflict
from tradenexus.jobs import queue, runner
from tradenexus.jobs.models import Job, State
from tradenexus.tenancy.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)
LEAF = 4096
DATA = os.urandom(3 * LEAF + 500)


@pytest.fixture(autouse=True)
def small_leaves(monkeypatch):
    monkeypatch.setattr(ledger, "LEAF_BYTES", LEAF)


def part(person, data: bytes) -> UploadSession:
    return local.fill(sessions.start(person.actor, NewUpload.part({}, len(data), "")), [data])


def final(person, parts: list[UploadSession]) -> UploadSession:
    new = NewUpload("t.csv", "text/csv", None)
    new.concat = "final;" + " ".join(f"/v1/uploads/{each.ref}" for each in parts)
    return concat.start(person.actor, new, [each.id for each in parts])


def halves(person) -> list[UploadSession]:
    return [part(person, DATA[: LEAF + 100]), part(person, DATA[LEAF + 100 :])]


def job_of(session: UploadSession) -> Job:
    session.refresh_from_db()
    return Job.everyone.get(id=ids.decode(Job.prefix, session.job_ref))


def states(*sessions_: UploadSession) -> list[str]:
    for each in sessions_:
        each.refresh_from_db()
    return [each.state for each in sessions_]


def held(person) -> int:
    return Tenant.objects.get(id=person.tenant.id).reserved_bytes


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(min_size=1, max_size=3 * LEAF), cuts=st.lists(st.integers(1, 3 * LEAF), max_size=5))
def test_bytes_cut_anywhere_are_the_same_file_with_the_same_leaves(owner, data, cuts):
    points = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parts = [part(owner, data[start:end]) for start, end in itertools.pairwise(points)]
    session = final(owner, parts)
    assert held(owner) == len(data)
    with database.atomic():
        sessions.complete(owner.actor, session.target.dataset, sha256=hashlib.sha256(data).hexdigest())
    runner.wake()
    assert states(session, *parts) == ["finished"] + ["joined"] * len(parts)
    rows = UploadLeaf.objects.filter(session=session).order_by("number").values_list("number", "crc32c")
    leaves = [data[start : start + LEAF] for start in range(0, len(data), LEAF)]
    assert list(rows) == [(number, crc32c.crc32c(leaf)) for number, leaf in enumerate(leaves)]
    assert session.sha256 == hashlib.sha256(data).hexdigest()
    assert [disk.received(each.id) for each in (session, *parts)] == [-1] * (len(parts) + 1)
    session.target.refresh_from_db()
    assert (session.target.status, session.target.size_bytes) == ("uploaded", len(data))
    Tenant.objects.filter(id=owner.tenant.id).update(reserved_bytes=0)


@pytest.mark.parametrize("code", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP])
def test_it_joins_where_the_kernel_does_not_copy(owner, monkeypatch, code):
    def refused(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "copy_file_range", refused)
    session = final(owner, halves(owner))
    runner.wake()
    assert disk.data_path(session.id).read_bytes() == DATA
    assert states(session) == ["open"]


def test_a_damaged_part_is_named_given_back_mended_and_joined(owner):
    parts = halves(owner)
    with disk.data_path(parts[0].id).open("r+b") as file:
        file.write(b"?")
    session = final(owner, parts)
    runner.wake()
    assert states(session, *parts) == ["terminated", "open", "open"]
    assert session.error["details"]["partId"] == parts[0].ref
    assert (parts[0].offset, parts[0].kept_bytes, parts[1].offset) == (0, LEAF + 100, len(DATA) - LEAF - 100)
    assert held(owner) == len(DATA)
    session.target.refresh_from_db()
    assert session.target.status == "archived"
    with pytest.raises(PartUnfit):
        final(owner, parts)
    descriptor = disk.try_lock(parts[0].id)
    mending.mend(parts[0], descriptor, 0, DATA[:LEAF])
    os.close(descriptor)
    again = final(owner, parts)
    runner.wake()
    assert disk.data_path(again.id).read_bytes() == DATA


def test_a_part_whose_bytes_are_gone_ends_the_final_and_takes_nothing_from_the_others(owner):
    parts = halves(owner)
    disk.remove(parts[1].id)
    session = final(owner, parts)
    runner.wake()
    assert states(session, *parts) == ["terminated", "open", "open"]
    assert session.error["code"] == "UPLOAD_BYTES_LOST"
    assert disk.received(parts[0].id) == LEAF + 100


def test_cancelling_the_final_or_its_job_gives_the_parts_back(owner):
    parts = halves(owner)
    for cancel in (
        lambda session: sessions.terminate(owner.actor, session),
        lambda session: queue.cancel(owner.actor, job_of(session)),
    ):
        session = final(owner, parts)
        assert states(*parts) == ["joined", "joined"]
        cancel(session)
        assert states(session, *parts) == ["terminated", "open", "open"]
        assert held(owner) == len(DATA)
        runner.wake()
        assert states(session, *parts) == ["terminated", "open", "open"]
        assert [disk.received(each.id) > 0 for each in parts] == [True, True]


def test_a_final_cancelled_while_it_is_joined_stays_cancelled(owner, monkeypatch):
    parts = halves(owner)
    session = final(owner, parts)
    copy = disk.copy

    def cancelled(*args):
        if states(session) == ["joining"]:
            sessions.terminate(owner.actor, session)
        copy(*args)

    monkeypatch.setattr(disk, "copy", cancelled)
    runner.wake()
    assert job_of(session).state == State.FAILED
    assert states(session, *parts) == ["terminated", "open", "open"]
    assert disk.received(session.id) == -1


def test_a_join_that_failed_is_not_retried_but_created_again(owner):
    parts = halves(owner)
    session = final(owner, parts)
    queue.cancel(owner.actor, job_of(session))
    with pytest.raises(Conflict), database.atomic():
        queue.retry(owner.actor, job_of(session))
    with pytest.raises(UploadGone):
        sessions.refuse_gone(UploadSession.everyone.get(id=session.id))


def test_the_sweep_keeps_what_a_join_needs_and_ends_forgotten_parts(owner):
    expiry.sweep("sweep-0")  # what an earlier run left in this home
    parts = halves(owner)
    session = final(owner, parts)
    forgotten = part(owner, b"x" * 10)
    UploadSession.everyone.update(expires_at=database.now())
    for each in (*parts, session, forgotten):
        os.utime(layout.upload_dir(each.id), (0, 0))
    assert expiry.sweep("sweep-1") == {"expired": 1, "orphans": 0, "parts": 0}
    assert states(session, forgotten, *parts) == ["joining", "expired", "joined", "joined"]
    assert held(owner) == len(DATA)
    runner.wake()
    for each in parts:  # as a crash just before they were dropped leaves them
        disk.create(each.id, 10)
        os.utime(layout.upload_dir(each.id), (0, 0))
    assert expiry.sweep("sweep-2")["orphans"] == 2


def test_a_part_is_not_read_while_a_writer_still_has_it(owner, monkeypatch):
    monkeypatch.setattr(ingest, "_LOCK_WAIT_S", 0.2)
    parts = halves(owner)
    session = final(owner, parts)
    descriptor = disk.try_lock(parts[0].id)
    runner.wake()
    os.close(descriptor)
    assert states(session) == ["joining"]
    assert job_of(session).state == State.QUEUED
