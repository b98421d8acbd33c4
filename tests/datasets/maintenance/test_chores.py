"""Upkeep over all workspaces: by schedule and by command, each workspace's result and their sum."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from datasets.maintenance import chores
from datasets.models import LakeSegment, Upkeep
from datasets.storage import blobs, layout
from tests.kit import lake
from tradenexus import db, ids
from tradenexus.errors import BadRequest
from tradenexus.jobs import queue, runner, schedules
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def segment(owner, stranger, tmp_path):
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1, 2, 3]), lake.registered(owner)))
    return LakeSegment.of(owner.tenant.id).get()


@pytest.mark.parametrize("chore", chores.ASKED)
def test_the_platform_does_each_for_every_workspace(owner, stranger, segment, chore):
    with db.atomic():
        job = queue.submit(None, chores.job_of(chore), {})
    runner.wake()
    job = Job.everyone.get(pk=job.pk)
    assert (job.state, job.result["workspaces"]) == ("succeeded", 2), job.error
    kept = Upkeep.everyone.filter(chore=chore)
    assert {row.tenant_id for row in kept} == {owner.tenant.id, stranger.tenant.id, None}
    assert {row.job_ref for row in kept} == {job.ref}


def test_all_are_scheduled():
    assert set(schedules.fire()) >= {chores.job_of(chore) for chore in chores.ASKED}


def test_an_empty_installation_is_sound():
    for chore in chores.ASKED:
        assert chores.everywhere(chore, {})["ok"]


def test_the_command_prints_json_and_ends_with_1_for_damage(segment, capsys):
    blobs.put_bytes(layout.segment(ids.uuid7(), "a" * 64, ids.uuid7()), b"of a workspace nobody knows")
    call_command("maintenance", "fsck", deep=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["rows"], found["strangers"]["orphans"]["young"] > 0) == (True, 1, True)
    blobs.delete(segment.key)
    with pytest.raises(SystemExit) as ended:
        call_command("maintenance", "fsck")
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["dangling"]["count"] == 1


def test_backups_are_not_asked_for_here(owner):
    with pytest.raises(BadRequest), db.atomic():
        chores.request(owner.actor, "backup", {})
