"""What jobs that make versions tell a collector of lineage: what they read, what they wrote, never more."""

from __future__ import annotations

import os

import pytest

from datasets import validation
from datasets.models import DatasetVersion, UploadSession
from datasets.transforms import run as candles
from datasets.uploads import disk, durable, sessions
from datasets.uploads.wanted import NewUpload
from tests.kit.openlineage import check
from tests.lona.worker import work
from tradenexus import db
from tradenexus.jobs.models import Job
from tradenexus.openlineage import events, facets

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = b"timestamp,price,amount\n" + b"".join(b"%d,42000.5,1\n" % (1_704_067_200_000 + n * 1_000) for n in range(200))
BAD = b"timestamp,price,amount\n" + b"".join(b"%d,-5,1\n" % (1_704_067_200_000 + n * 1_000) for n in range(200))


def events_of(person, kind):
    """The events of the newest job of a kind, each as the spec wants it."""
    job = Job.of(person.tenant.id).filter(kind=kind).latest("created_at")
    return [check(event) for event in events.of_jobs(person.tenant.id, [job.ref])], job


def received(person, data):
    """A version whose bytes came in and were ingested."""
    session = sessions.start(person.actor, NewUpload("t.csv", "text/csv", len(data)))
    descriptor = disk.try_lock(session.id)
    writer = durable.Writer(session, descriptor)
    writer.write([data])
    writer.finish()
    os.close(descriptor)
    with db.atomic():
        sessions.complete(person.actor, session.dataset, session.ref, "")
    work()
    return DatasetVersion.of(person.tenant.id).select_related("dataset").get(id=session.version_id)


def validated(person, version):
    with db.atomic():
        validation.request(person.actor, version.dataset, version.number, {"symbol": "BTC-USD", "timestampUnit": "ms"})
    work()
    version.refresh_from_db()
    return version


def test_an_upload_becomes_a_raw_file(owner):
    version = received(owner, GOOD)
    (start, complete), job = events_of(owner, "dataset.ingest")
    assert (start["eventType"], complete["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == complete["run"]["runId"] == str(job.id)
    assert start["outputs"] == []
    session = UploadSession.of(owner.tenant.id).get()
    (read,), (made,) = complete["inputs"], complete["outputs"]
    assert (read["name"], made["name"]) == (f"uploads/{session.ref}", f"datasets/{version.dataset.ref}/v/1/raw")
    assert read["namespace"] == made["namespace"] == facets.namespace(owner.tenant.id)
    assert made["facets"]["version"]["datasetVersion"] == version.sha256
    assert made["outputFacets"]["outputStatistics"]["size"] == len(GOOD)
    assert complete["job"]["name"] == "dataset.ingest"


def test_a_validation_tells_its_checks_and_what_became_of_the_file(owner):
    version = validated(owner, received(owner, GOOD))
    (start, complete), _ = events_of(owner, "dataset.validate")
    (read,), (made,) = complete["inputs"], complete["outputs"]
    assert "inputFacets" not in start["inputs"][0]
    told = {each["assertion"]: each for each in read["inputFacets"]["dataQualityAssertions"]["assertions"]}
    checks = version.report.body["checks"]
    assert {name: each["success"] for name, each in told.items()} == {
        each["id"]: each["grade"] == "GREEN" for each in checks
    }
    assert read["inputFacets"]["dataQualityMetrics"]["rowCount"] == 200
    assert made["facets"]["version"]["datasetVersion"] == version.content_digest
    assert made["outputFacets"]["outputStatistics"]["rowCount"] == 200
    assert {"name": "price", "type": "double"} in made["facets"]["schema"]["fields"]


def test_a_red_file_gives_no_rows(owner):
    validated(owner, received(owner, BAD))
    (_, complete), job = events_of(owner, "dataset.validate")
    assert (job.state, complete["eventType"], complete["outputs"]) == ("succeeded", "COMPLETE", [])
    told = complete["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {"error"} <= {each.get("severity") for each in told if not each["success"]}


def test_candles_lead_from_a_version_to_the_next(owner):
    version = validated(owner, received(owner, GOOD))
    with db.atomic():
        candles.request_many(owner.actor, version.dataset, 1, {}, ["1m", "5m"])
    work()
    (_, complete), _ = events_of(owner, "dataset.candles")
    place = f"datasets/{version.dataset.ref}/v"
    assert [each["name"] for each in complete["inputs"]] == [f"{place}/1"]
    assert [each["name"] for each in complete["outputs"]] == [f"{place}/2", f"{place}/3"]
    assert complete["inputs"][0]["facets"]["version"]["datasetVersion"] == version.content_digest
    assert complete["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 4
