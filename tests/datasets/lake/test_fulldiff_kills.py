"""kill -9 at each step of a large diff: the next worker goes on from the last part, and ends with the same bytes."""

from __future__ import annotations

import json

import pytest

from tests.kit.server import Server

_MAKE = """
import django; django.setup()
import pathlib, tempfile
import numpy as np
from tests.kit import lake
from tests.kit.people import Person
from tradenexus.tenancy.models import Tenant, User
owner = Person(User.objects.get(email="owner@example.org"), Tenant.objects.get(name="first"), "", "admin")
folder, name = pathlib.Path(tempfile.mkdtemp()), lake.registered(owner)
closes = 100 + np.arange(1000) / 8
for step in (0, 1):
    closes[[3, 400, 900]] += step
    lake.put(owner, folder, lake.offer(folder, lake.daily(closes), name, policy="newer"))
"""
_ASK = """
import django, json; django.setup()
from datasets.lake import diff, fulldiff
from datasets.models import LakeDiff, LakeEntry
from tradenexus.actor import system
from tradenexus.jobs.models import Job
entry = LakeEntry.everyone.get()
told = fulldiff.start(system(entry.tenant_id, "r"), entry, *diff.pair_of(entry, "1...2"))
row = LakeDiff.everyone.get()
print(json.dumps({"state": row.state, "next": (row.partial or {}).get("next"), "sha256": row.sha256,
                  "complete": told.found["complete"], "counts": told.found["counts"], "jobs": Job.everyone.count()}))
"""
_FORGET = """
import django; django.setup()
from datasets.models import LakeDiff
from datasets.storage import blobs
from tradenexus.jobs.models import Job
for row in LakeDiff.everyone.all():
    blobs.delete(row.key) if row.key else None
LakeDiff.everyone.all().delete()
Job.everyone.all().delete()
"""
_COLLECT = """
import django, json; django.setup()
from datetime import timedelta
from datasets.maintenance import fsck, garbage
from datasets.models import LakeDiff, LakeEntry
garbage.AGE = timedelta(0)
LakeEntry.everyone.update(oldest_revision=2)
tenant = LakeEntry.everyone.get().tenant_id
went = garbage.collect(tenant)
print(json.dumps({"diffs": LakeDiff.everyone.count(), "orphans": went["orphans"]["count"],
                  "ok": fsck.check(tenant, deep=True)["ok"]}))
"""
STEPS = ["diff.part_kept", "diff.part_kept:2", "storage.begun", "storage.synced", "storage.linked", "storage.put"]
STEPS += ["diff.stored", "jobs.effect", "jobs.effect:3", "jobs.effect_committed:3"]
ENDED = "jobs.effect_committed:3"  # two parts were kept, the third is the result


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("killed"), NEXUS_LAKE_DIFF_ROWS="1")
    server.run(_MAKE)
    return server


def ask(server):
    return json.loads(server.run(_ASK).splitlines()[-1])


def stored(server):
    return sorted(path for path in (server.home / "data" / "diffs").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def calm(server):
    """What is found when nobody is killed."""
    assert ask(server)["state"] == "comparing"
    server.work()
    told = ask(server)
    assert (told["state"], told["complete"], told["counts"]["changed"]) == ("ready", True, 3)
    (path,) = stored(server)
    data = path.read_bytes()
    server.run(_FORGET)
    return told, data


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_the_next_worker_ends_it_with_the_same_bytes(server, calm, step):
    told, data = calm
    assert ask(server)["state"] == "comparing"
    server.work_until_killed(step)
    between = ask(server)
    assert between["state"] == ("ready" if step == ENDED else "comparing")
    if step != ENDED:
        kept = {"diff.part_kept": 1, "jobs.effect": None}.get(step, 2)
        assert (between["next"], between["complete"], between["jobs"]) == (kept, False, 1)
    server.work()
    assert ask(server) == told
    assert [path.read_bytes() for path in stored(server)] == [data]
    server.run(_FORGET)


def test_a_collection_killed_before_the_bytes_went_is_ended_by_the_next(server, calm):
    ask(server)
    server.work()
    with pytest.raises(RuntimeError, match=r"killed at gc\.diff_deleted"):
        server.run(_COLLECT, NEXUS_FAIL_AT="gc.diff_deleted")
    assert len(stored(server)) == 1
    told = json.loads(server.run(_COLLECT).splitlines()[-1])
    assert (told["diffs"], told["ok"], stored(server)) == (0, True, [])
