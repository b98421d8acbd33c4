"""A fix killed at each of its steps: nothing half is seen, and the next worker ends it once, with the same bytes."""

from __future__ import annotations

import json

import pytest

from tests.kit.server import Server

STEPS = ["fix.stored", "fix.sealed", "lake.swapping", "fix.committed"]
_ASK = """
import os, tempfile, django; django.setup()
from pathlib import Path
from datasets.models import LakeQuarantine
from datasets.transforms import held
from tests.kit import lake
from tests.kit.people import Person
from tradenexus import db
from tradenexus.tenancy.models import Tenant, User
person = Person(User.objects.get(email="owner@example.org"), Tenant.objects.get(name="first"), "", "admin")
folder = Path(tempfile.mkdtemp(dir=os.environ["NEXUS_HOME"]))
closes = [100.0 + at / 8 for at in range(40)]
closes[30] *= 100
lake.put(person, folder, lake.offer(folder, lake.daily(closes), lake.registered(person)))
steps = [{"op": "scale", "columns": ["open", "high", "low", "close"], "factor": 0.01}]
with db.atomic():
    held.request(person.actor, LakeQuarantine.everyone.get(), {"steps": steps, "reason": "in cents", "commit": True}
        | {"reason": "prices in cents"})
"""
_STATE = """
import json, django; django.setup()
from datasets.models import DatasetVersion, LakeCommit, LakeEntry, LakeQuarantine
from tradenexus.jobs.models import Job
held, made = LakeQuarantine.everyone.get(), DatasetVersion.everyone.get()
commits = LakeCommit.everyone.filter(operation="fix").count()
print(json.dumps([LakeEntry.everyone.get().rows, commits, held.state, made.status, made.content_digest[:1] != "",
    Job.everyone.get().state]))
"""


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path)
    running.run(_ASK)
    return running


def state(server: Server) -> list:
    return json.loads(server.run(_STATE).splitlines()[-1])


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_the_next_worker_ends_the_fix_once(server, step):
    server.work_until_killed(step)
    rows, commits, held, made, sealed, job = state(server)
    entered = step == "fix.committed"
    assert (rows, commits, held) == (39 + entered, int(entered), "superseded" if entered else "held")
    assert (made, sealed) == (("transforming", False) if step == "fix.stored" else ("ready", True))
    assert job == "running"
    server.work()
    assert state(server) == [40, 1, "fixed", "ready", True, "succeeded"]
