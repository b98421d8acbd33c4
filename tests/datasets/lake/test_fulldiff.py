"""A large diff is a job: asked once, found part by part, kept by digest, the same as in one look; its end."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from django.core.files.storage import storages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.lake import diff, fulldiff, scan, stretches
from datasets.maintenance import fsck, garbage
from datasets.models import LakeDiff, LakeEntry, LakeRevision, LakeSegment
from datasets.storage import blobs
from tests.datasets.lake.test_comparing import applied, listed
from tests.kit import lake
from tests.kit.lake import MONDAY
from tradenexus import db
from tradenexus.jobs import queue, runner
from tradenexus.jobs.models import Job, State

pytestmark = pytest.mark.django_db(transaction=True)
YEAR = 365


@pytest.fixture(autouse=True)
def small(settings):
    """Any difference is a large one, and each file of it a part."""
    diff._kept.cache_clear()
    diff._weight.cache_clear()
    settings.NEXUS_LAKE_DIFF_ROWS = 1


@pytest.fixture
def entry(owner, tmp_path):
    """Daily bars over four years (a file each); revision 2 changes a close in each but the third and adds ten days."""
    name = lake.registered(owner)
    closes = 100 + np.arange(3 * YEAR) / 8
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), name))
    closes = np.r_[closes, np.full(10, 400.0)]
    closes[[3, YEAR, 3 * YEAR - 2]] += 1
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), name, policy="newer"))
    return LakeEntry.of(owner.tenant.id).get()


def look(entry, span="1...2"):
    return fulldiff.look(entry, *diff.pair_of(entry, span))


def start(person, entry, span="1...2"):
    return fulldiff.start(person.actor, entry, *diff.pair_of(entry, span))


def rows_of(entry, number):
    return pa.concat_tables(scan.tables_of(scan.of_revision(entry, number)))


def kept(row):
    return Path(storages["data"].path(row.key))


def test_a_look_starts_nothing_and_says_that_it_can_be_started(entry):
    for _ in range(2):
        told = look(entry)
        assert (told.job, told.startable, told.found["rowsRead"], told.found["files"]) == (None, True, 0, 6)
    assert not LakeDiff.everyone.exists()
    assert not Job.everyone.filter(kind="lake.diff").exists()


def test_one_that_ended_between_two_looks_at_it_is_a_result(owner, entry, monkeypatch):
    start(owner, entry)
    real = fulldiff._job_of

    def ended(row):
        monkeypatch.setattr(fulldiff, "_job_of", real)
        runner.wake()
        return real(row)

    monkeypatch.setattr(fulldiff, "_job_of", ended)
    told = look(entry)
    assert (told.job, told.found["complete"]) == (None, True)


def test_it_is_asked_for_once_found_in_parts_and_then_there_at_once(owner, viewer, entry, monkeypatch):
    first = start(owner, entry)
    assert (first.job.state, first.job.kind, first.found["complete"]) == ("queued", "lake.diff", False)
    assert first.found["rowsRead"] == 0
    assert look(entry).job == start(viewer, entry).job == first.job
    parts = []
    real = stretches.compared
    monkeypatch.setattr(stretches, "compared", lambda *args, **more: parts.append(args[1:3]) or real(*args, **more))
    runner.wake()
    assert parts == [(0, 1), (1, 2), (2, 3)]
    told = look(entry)
    assert told.job is None
    assert told.found == diff.between(entry, *diff.pair_of(entry, "1...2"))
    assert (told.found["counts"]["changed"], told.found["counts"]["added"], told.found["shared"]) == (3, 10, 1)
    assert Job.everyone.filter(kind="lake.diff").count() == 1
    row = LakeDiff.everyone.get()
    assert (row.state, row.partial, blobs.digest_of(kept(row))) == ("ready", None, row.sha256)
    job = Job.everyone.get(kind="lake.diff")
    assert (job.result["rowsRead"], job.progress["phase"]) == (told.found["rowsRead"], "storing")
    assert [step["phase"] for step in job.progress["steps"]] == ["comparing"]
    assert fsck.check(owner.tenant.id, deep=True)["ok"]


def test_files_that_both_share_are_not_opened_and_one_part_is_at_hand_at_a_time(owner, entry, monkeypatch):
    opened, most = [], []
    real = stretches._local

    def local(segment, stack):
        opened.append(segment.sha256)
        most.append(len(stack._exit_callbacks))
        return real(segment, stack)

    monkeypatch.setattr(stretches, "_local", local)
    start(owner, entry)
    runner.wake()
    sides = [{each.sha256 for each in scan.of_revision(entry, number).segments} for number in (1, 2)]
    assert len(opened) == len(set(opened)) == 6
    assert set(opened) == sides[0] ^ sides[1]
    assert max(most) <= 1


def test_applied_to_a_it_gives_b_and_reversed_it_is_the_inverse(owner, tmp_path):
    name = lake.registered(owner)
    days = st.dictionaries(st.integers(0, 900), st.floats(1, 2000, width=32), min_size=1, max_size=30)

    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(days, days)
    def holds(left, right):
        for held in (left, right):
            table = pa.concat_tables([lake.daily([held[day]], first_day=MONDAY + day) for day in sorted(held)])
            lake.put(owner, tmp_path, lake.offer(tmp_path, table.combine_chunks(), name, policy="newer"))
        entry = LakeEntry.of(owner.tenant.id).get()
        newest = entry.revision
        if newest == 1:
            return
        for a, b in ((newest - 1, newest), (newest, newest - 1)):
            if start(owner, entry, f"{a}...{b}").job:
                runner.wake()
            told = look(entry, f"{a}...{b}")
            assert (told.job, told.found["complete"]) == (None, True)
            assert applied(rows_of(entry, a), told.found) == Counter(listed(rows_of(entry, b)))

    holds()


def test_revisions_of_the_same_content_share_a_result(owner, entry, tmp_path):
    start(owner, entry)
    runner.wake()
    for more in (0, 1):  # back as it was, and again as it became
        for at in (3, YEAR, 3 * YEAR - 2):
            table = lake.daily([100 + at / 8 + more], first_day=MONDAY + at)
            lake.put(owner, tmp_path, lake.offer(tmp_path, table, entry.instrument, policy="newer"))
    entry.refresh_from_db()
    assert LakeRevision.objects.get(entry=entry, number=2).digest == entry.digest
    told = look(entry, f"1...{entry.revision}")
    assert (entry.revision, told.job, told.found["counts"]["changed"]) == (8, None, 3)


@pytest.mark.parametrize("harm", ["missing", "garbled"])
def test_a_result_that_was_lost_is_found_anew(owner, entry, harm):
    start(owner, entry)
    runner.wake()
    row = LakeDiff.everyone.get()
    before = look(entry).found
    path = kept(row)
    path.chmod(0o600)
    path.unlink() if harm == "missing" else path.write_bytes(b"{}")
    assert look(entry).startable
    assert start(owner, entry).job.state == "queued"
    runner.wake()
    assert look(entry).found == before
    assert LakeDiff.everyone.get().key == row.key


def test_one_that_failed_says_why_until_it_is_retried_and_then_goes_on(owner, entry):
    segment = scan.of_revision(entry, 2).segments[1]
    LakeSegment.everyone.filter(id=segment.id).update(damaged_at=segment.created_at)
    start(owner, entry)
    runner.wake()
    told = look(entry)
    with pytest.raises(fulldiff.DiffFailed) as refused:
        told.check()
    assert refused.value.details["jobId"] == told.job.ref
    assert refused.value.details["code"] == "LAKE_SEGMENT_DAMAGED"
    assert told.found["counts"]["changed"] == 1  # of the first part
    assert LakeDiff.everyone.get().state == "failed"
    LakeSegment.everyone.update(damaged_at=None)
    queue.retry(owner.actor, told.job)
    assert LakeDiff.everyone.get().state == "comparing"
    runner.wake()
    assert look(entry).found["counts"]["changed"] == 3


def test_a_cancelled_one_is_not_begun_again(owner, entry):
    queue.cancel(owner.actor, start(owner, entry).job)
    told = start(owner, entry)
    assert told.job.state == State.CANCELLED
    with pytest.raises(fulldiff.DiffFailed):
        told.check()
    Job.everyone.all().delete()  # nobody can retry it any more
    assert look(entry).startable
    assert start(owner, entry).job.state == "queued"


def collected(owner, monkeypatch, days=91):
    now = db.now() + timedelta(days=days)
    with monkeypatch.context() as later:
        later.setattr(db, "now", lambda: now)
        return garbage.collect(owner.tenant.id)


@pytest.mark.parametrize("gone", [1, 2])
def test_it_goes_with_either_revision(owner, entry, tmp_path, monkeypatch, gone):
    start(owner, entry, "1...2" if gone == 1 else "2...1")
    runner.wake()
    row = LakeDiff.everyone.get()
    assert collected(owner, monkeypatch, days=1)["diffs"] == 0
    LakeEntry.everyone.filter(id=entry.id).update(oldest_revision=gone + 1)
    assert garbage.collect(owner.tenant.id, dry_run=True)["diffs"] == 1
    assert LakeDiff.everyone.exists()
    assert garbage.collect(owner.tenant.id)["diffs"] == 1
    assert not LakeDiff.everyone.exists()
    assert not blobs.exists(row.key)


def test_it_goes_when_the_time_of_its_revision_is_over(owner, entry, monkeypatch, settings):
    settings.NEXUS_LAKE_REVISIONS_KEPT_DAYS = 90
    start(owner, entry)
    runner.wake()
    row = LakeDiff.everyone.get()
    went = collected(owner, monkeypatch)
    assert (went["revisions"], went["diffs"]) == (3, 1)
    assert not blobs.exists(row.key)
    assert fsck.check(owner.tenant.id, deep=True)["ok"]


def test_a_revision_that_goes_while_it_is_compared_leaves_nothing(owner, entry, monkeypatch):
    real = stretches.compared

    def let_go(*args, **more):
        found = real(*args, **more)
        if args[1] == 2:
            LakeEntry.everyone.filter(id=entry.id).update(oldest_revision=2)
            garbage.collect(owner.tenant.id)
        return found

    monkeypatch.setattr(stretches, "compared", let_go)
    job = start(owner, entry).job
    runner.wake()
    job.refresh_from_db()
    assert (job.state, job.error["code"]) == ("failed", "LAKE_REVISION_GONE")
    assert not LakeDiff.everyone.exists()
    folder = Path(storages["data"].path(f"diffs/{owner.tenant.id.hex}"))
    assert not folder.exists() or not list(folder.iterdir())


def test_another_workspace_has_its_own(owner, stranger, entry, tmp_path):
    start(owner, entry)
    assert not LakeDiff.of(stranger.tenant.id).exists()
    assert LakeDiff.of(owner.tenant.id).count() == 1
