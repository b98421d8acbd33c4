"""The night asks by itself where the lake holds something; old bundles expire; a build that fails harms nothing."""

from __future__ import annotations

import os

import pytest

from datasets.exports import bundles, places
from datasets.models import ExportBundle
from tests.kit import exports
from tests.lona.worker import work
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.jobs import queue
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def night() -> dict:
    with db.atomic():
        job = queue.submit(None, bundles.NIGHTLY)
    work()
    return Job.everyone.get(id=job.id).result


def test_from_the_hour_on_each_full_lake_has_its_bundle_once(owner, stranger, tmp_path, settings):
    exports.fill(owner, tmp_path)
    settings.NEXUS_EXPORT_HOUR = 0
    told = night()
    row = ExportBundle.everyone.get()  # the stranger's lake is empty
    assert (row.tenant_id, row.state, told["asked"]) == (owner.tenant.id, "ready", [row.ref])
    assert night()["asked"] == []
    assert [one.action for one in Entry.of(owner.tenant.id).filter(subject=row.ref).order_by("seq")] == [
        "export.request",
        "export.ready",
    ]


@pytest.mark.parametrize("hour", [-1, 24])
def test_switched_off_or_before_the_hour_nothing_is_asked(owner, tmp_path, settings, hour):
    exports.fill(owner, tmp_path)
    settings.NEXUS_EXPORT_HOUR = hour
    assert night()["asked"] == []
    assert not ExportBundle.everyone.exists()


def test_only_the_newest_nights_keep_their_files(owner, tmp_path, settings):
    settings.NEXUS_EXPORT_HOUR, settings.NEXUS_EXPORT_NIGHTS = -1, 2
    exports.fill(owner, tmp_path)
    old = [exports.age(exports.build(owner), days) for days in (2, 1)]
    kept = exports.build(owner)
    assert night()["expired"] == 1
    states = dict(ExportBundle.everyone.values_list("night", "state"))
    assert [states[row.night] for row in (*old, kept)] == ["expired", "ready", "ready"]
    names = sorted(os.listdir(places.root(owner.tenant.id) / "nightly"))
    assert names == [f"{old[1].night}", f"{kept.night}"]
    assert exports.faults(exports.where(kept)) == []  # files that were shared with the one that went are whole
    assert night()["expired"] == 0


def test_a_cancelled_build_leaves_what_was_there(owner, tmp_path):
    exports.fill(owner, tmp_path)
    first = exports.build(owner)
    with db.atomic():
        row, job = bundles.request(owner.actor, {})
        queue.cancel(owner.actor, job)
    work()
    row.refresh_from_db()
    assert (row.state, row.manifest_sha256, row.error["outcome"]) == ("ready", first.manifest_sha256, "cancelled")
    assert exports.faults(exports.where(row)) == []


def test_a_first_build_that_fails_is_failed_and_a_retry_ends_well(owner, tmp_path, monkeypatch):
    from datasets.exports import build
    from datasets.lake.scan import SegmentDamaged

    exports.fill(owner, tmp_path)

    def broken(part, source):
        raise SegmentDamaged("broken for now")

    with monkeypatch.context() as patch:
        patch.setattr(build, "_prove", broken)
        with db.atomic():
            row, job = bundles.request(owner.actor, {})
        work()
    row.refresh_from_db()
    assert (row.state, row.error["code"], row.folder) == ("failed", "LAKE_SEGMENT_DAMAGED", "")
    with db.atomic():
        queue.retry(owner.actor, Job.of(owner.tenant.id).get(id=job.id))
    row.refresh_from_db()
    assert row.state == "queued"
    work()
    row.refresh_from_db()
    assert (row.state, row.error) == ("ready", None)
