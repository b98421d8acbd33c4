"""/v1/maintenance: admins of a workspace ask, and see what was found in theirs."""

from __future__ import annotations

import pytest

from datasets.models import LakeSegment
from datasets.storage import blobs
from tests.kit import lake
from tradenexus.jobs import runner

pytestmark = pytest.mark.django_db(transaction=True)


def done(person, chore, **body):
    answer = person.api.post(f"/v1/maintenance/{chore}", body, format="json")
    assert answer.status_code == 202, answer.content
    assert answer.json()["job"]["kind"] == f"maintenance.{chore}"
    runner.wake()
    job = person.api.get(answer["Location"]).json()["job"]
    assert job["state"] == "succeeded", job
    return job["result"]


@pytest.fixture
def segment(owner, tmp_path):
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1, 2, 3]), lake.registered(owner)))
    return LakeSegment.of(owner.tenant.id).get()


def test_what_was_asked_for_is_done_and_shown(owner, segment):
    before = owner.api.get("/v1/maintenance").json()["results"]
    assert set(before.values()) == {None}
    assert done(owner, "fsck", deep=True) | {"rows": 1} == done(owner, "fsck", deep=True)
    assert done(owner, "scrub", whole=True)["segments"] == 1
    assert done(owner, "gc", dryRun=True)["dryRun"] is True
    assert done(owner, "audit")["sessions"] == 3
    found = owner.api.get("/v1/maintenance").json()["results"]
    assert [found[name]["ok"] for name in ("fsck", "scrub", "gc", "audit")] == [True, True, True, True]
    assert found["fsck"]["result"]["deep"] is True
    assert found["fsck"]["jobId"].startswith("job_")


def test_damage_is_said(owner, segment):
    blobs.delete(segment.key)
    result = done(owner, "fsck")
    assert (result["ok"], result["dangling"]["first"][0]["subject"]) == (False, segment.ref)
    assert owner.api.get("/v1/maintenance").json()["results"]["fsck"]["ok"] is False


def test_a_strangers_workspace_is_not_looked_at(owner, stranger, segment):
    assert done(stranger, "fsck")["rows"] == 0
    assert owner.api.get("/v1/maintenance").json()["results"]["fsck"] is None


@pytest.mark.parametrize("chore", ["fsck", "scrub", "gc", "audit"])
def test_only_admins_may(teammate, viewer, chore):
    for person in (teammate, viewer):
        assert person.api.post(f"/v1/maintenance/{chore}", {}, format="json").status_code == 403
        assert person.api.get("/v1/maintenance").status_code == 403


def test_the_same_wish_joins_the_run_that_waits(owner):
    first, same, other = (
        owner.api.post("/v1/maintenance/fsck", {"deep": deep}, format="json").json()["job"]["id"]
        for deep in (True, True, False)
    )
    assert first == same != other


def test_a_wish_nobody_knows_is_refused(owner):
    answer = owner.api.post("/v1/maintenance/gc", {"dry": True}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
