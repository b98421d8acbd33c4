"""`nexus watch`: each job is told once, when it has ended; what ended before is not."""

import json
import threading

import pytest

from tests.kit.fakeplatform import TIME, new_id
from tradenexus.cli.commands import watch


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(watch, "EVERY_S", 0.05)


def job(state, **more):
    return {"id": new_id("job"), "kind": "dataset.validate", "state": state, "createdAt": TIME, "error": None, **more}


def test_jobs_are_told_as_they_end(platform, nexus):
    old, running = job("succeeded"), job("running")
    jobs = platform.lists["/v1/jobs"] = [running, old]
    timer = threading.Timer(0.5, lambda: running.update(state="failed", error={"message": "no such column"}))
    timer.start()
    ran = nexus("watch", "--timeout", "2", "--json")
    timer.join()
    assert ran.code == 8
    assert [json.loads(line)["id"] for line in ran.out.splitlines()] == [jobs[0]["id"]]
    assert "dataset.validate" in ran.err


def test_it_ends_when_nothing_is_under_way(platform, nexus):
    platform.lists["/v1/jobs"] = []
    assert nexus("watch", "--until-idle", "--timeout", "5").code == 0
