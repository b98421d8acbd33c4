"""A commit killed at each of its steps: a reader sees the lake before it or after it, and the next worker ends it."""

from __future__ import annotations

import json

import pytest

from tests.kit.server import Server

STEPS = ["lake.segment_put", "lake.segment_put:2", "lake.stored", "lake.swapping", "lake.swapped"]
_ASK = """
import os, tempfile, django; django.setup()
from pathlib import Path
from datasets import promotion
from tests.kit import factories
from tests.kit.people import Person
from tradenexus import db
from tradenexus.tenancy.models import Tenant, User
person = Person(User.objects.get(email="owner@example.org"), Tenant.objects.get(name="first"), "", "admin")
version = factories.sealed(person, Path(tempfile.mkdtemp(dir=os.environ["NEXUS_HOME"])), rows=60_000)
named = {"table": "crypto_bars_1m", "instruments": {"BTC-USD": "X:BTC-USD"}, "type": "spot", "calendar": "24/7"}
with db.atomic():
    promotion.request(person.actor, version.dataset, 1, named)
"""
_STATE = """
import json, django; django.setup()
from datasets.lake import scan
from datasets.models import LakeCommit, LakeEntry, LakeMember, LakePartition, LakeSegment
from datasets.storage import blobs
from tradenexus.jobs.models import Job
rows = 0
for entry in LakeEntry.everyone.exclude(revision=0):
    rows += sum(table.num_rows for table in scan.tables_of(scan.locate(entry)))
    assert entry.rows == rows, (entry.rows, rows)
sound = all(blobs.verify(blobs.Blob(each.key, each.size_bytes, each.sha256)) for each in LakeSegment.everyone.all())
counts = [model.objects.count() for model in (LakeMember, LakePartition)]
print(json.dumps([rows, LakeCommit.everyone.count(), sound, counts, Job.everyone.get().state]))
"""


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path)
    running.run(_ASK)
    return running


def state(server: Server) -> list:
    return json.loads(server.run(_STATE).splitlines()[-1])


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_a_reader_sees_old_or_new_and_the_next_worker_ends_it(server, step):
    server.work_until_killed(step)
    rows, commits, sound, _, job = state(server)
    after = step == "lake.swapped"
    assert (rows, commits, sound, job) == (60_000 if after else 0, int(after), True, "running")
    server.work()
    # 14 November to Christmas: two months of minutes, each session judged once
    assert state(server) == [60_000, 1, True, [2, 43], "succeeded"]
