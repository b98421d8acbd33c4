"""Builds that ended before their documents had rows get them; nothing else does, and once more changes nothing."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command

from datasets.features import registry, run
from datasets.maintenance import fsck
from datasets.models import FeatureCoverage
from datasets.storage import layout, manifests
from tradenexus import db
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "tv_technicals_1d"


def ended(person, state: str, stored: bool = True) -> Job:
    now = db.now()
    facts = {"tenant": person.tenant, "kind": run.JOB, "subject": NAME, "run_at": now, "finished_at": now}
    job = Job.everyone.create(**facts, state=state)
    artifact = None
    if stored:
        blob = manifests.write(layout.coverage(person.tenant.id, job.id, 1), {"rows": 1, "instruments": []})
        artifact = {"key": blob.key, "sha256": blob.sha256, "sizeBytes": blob.size_bytes}
    if state == "succeeded":
        job.result = {"feature": NAME, "artifact": artifact}
    else:
        job.error = {"code": "X", "message": "", "details": {"artifact": artifact} if stored else {}}
    job.save(update_fields=["result", "error"])
    return job


def test_documents_of_builds_that_ended_before_are_named(owner, stranger):
    call_command("migrate", "datasets", "0017", verbosity=0)
    try:
        mine, failed, crashed = ended(owner, "succeeded"), ended(owner, "failed"), ended(owner, "failed", stored=False)
        theirs = ended(stranger, "succeeded")
    finally:
        call_command("migrate", "datasets", verbosity=0)
    rows = {row.job_id: row for row in FeatureCoverage.everyone.all()}
    assert set(rows) == {mine.id, failed.id, theirs.id}
    assert crashed.id not in rows
    row = rows[mine.id]
    assert (row.tenant_id, row.feature, row.created_at) == (owner.tenant.id, NAME, mine.finished_at)
    assert {"key": row.key, "sha256": row.sha256, "sizeBytes": row.size_bytes} == mine.result["artifact"]
    assert run.last_coverage(owner.actor, registry.find(NAME))["jobId"] == mine.ref
    for person, count in ((owner, 2), (stranger, 1)):
        found = fsck.check(person.tenant.id, deep=True)
        assert (found["ok"], found["rows"], found["orphans"]["young"]) == (True, count, 0)
    import_module("datasets.migrations.0018_feature_coverage").name_documents(apps, None)
    assert FeatureCoverage.everyone.count() == 3
