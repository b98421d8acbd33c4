"""Deeds on versions and uploads."""

import pytest

from datasets import summaries
from datasets.models import UploadSession, VersionFile
from tests.kit import desk, factories
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job
from tradenexus.tenancy.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def op(owner):
    return desk.operator(owner)


def test_verify_checks_a_version_in_a_job_of_its_workspace(op, stranger, tmp_path):
    version = factories.sealed(stranger, tmp_path)
    outcome = op.do("verify", version)[0]
    job = Job.of(stranger.tenant.id).get(kind="dataset.verify")
    assert (outcome["done"], outcome["name"], outcome["ref"]) == (True, "sealed@1", version.ref)
    assert job.ref in outcome["said"]
    entry = desk.newest(stranger, "version.verify")
    assert (entry.subject, entry.new, entry.reason) == (version.ref, "asked", desk.REASON)
    assert (entry.user_id, entry.via, entry.details) == (op.user.id, "admin", {"job": job.ref})
    runner.wake()
    assert Job.everyone.get(pk=job.pk).result["damaged"] == []
    assert desk.newest(stranger, "version.verified").new == "intact"


def test_verify_tells_which_versions_have_nothing_to_check(op, owner, tmp_path):
    good, empty = factories.sealed(owner, tmp_path), factories.version_in(owner, "uploading")
    outcomes = {one["ref"]: one for one in op.do("verify", good, empty)}
    assert outcomes[good.ref]["done"]
    assert "nothing of it is stored" in outcomes[empty.ref]["said"]


def test_recompute_throws_away_what_was_kept_and_the_next_look_makes_it_anew(op, owner, tmp_path, monkeypatch):
    monkeypatch.setattr(summaries, "KEEP_FROM_ROWS", 1)
    version = factories.sealed(owner, tmp_path)
    file = VersionFile.objects.get(version=version)
    days = summaries.days(file)
    kept = summaries._kept(file, "days.json")
    kept.write_text('{"1": 99}')
    assert summaries.days(file) == {1: 99}
    assert op.do("recompute", version)[0]["done"]
    assert not kept.exists()
    assert summaries.days(file) == days
    entry = desk.newest(owner, "version.summaries")
    assert (entry.subject, entry.reason) == (version.ref, desk.REASON)


def test_recompute_of_a_version_without_files_is_refused(op, owner):
    assert "no canonical files" in op.do("recompute", factories.version_in(owner))[0]["said"]


def test_a_forgotten_upload_is_cancelled_and_its_room_is_free(op, stranger):
    body = {"filename": "a.csv", "contentType": "text/csv", "sizeBytes": 1000}
    assert stranger.api.post("/v1/datasets/uploads:init", body, format="json").status_code == 202
    upload = UploadSession.everyone.get()
    assert Tenant.objects.get(id=stranger.tenant.id).reserved_bytes == 1000
    assert op.do("terminate", upload)[0]["done"]
    assert Tenant.objects.get(id=stranger.tenant.id).reserved_bytes == 0
    entry = desk.newest(stranger, "version.status")
    assert (entry.subject, entry.new, entry.reason) == (upload.version.ref, "archived", desk.REASON)
    assert not op.do("terminate", upload)[0]["done"]
