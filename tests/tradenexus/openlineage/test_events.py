"""Run events: one a beginning and an end, in the order of commits, of jobs that move data only."""

from __future__ import annotations

import pytest

from tests.kit.openlineage import check
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.errors import BadRequest
from tradenexus.jobs import queue, registry, runner
from tradenexus.jobs.models import Job
from tradenexus.openlineage import events, facets
from tradenexus.openlineage.facets import Moved

pytestmark = pytest.mark.django_db(transaction=True)
KIND, OTHER = "kit.openlineage", "kit.silent"


def moved(tenant_id, jobs):
    """What the kind says of itself; the hook that the settings of the tests name."""
    space = facets.namespace(tenant_id)
    read = facets.judged(facets.dataset(space, "a", version="1", source="kit"), [], 3, 30)
    return {job.ref: Moved([read], [facets.dataset(space, "b", version=2, source="kit", rows=3)]) for job in jobs}


@pytest.fixture(autouse=True)
def kinds(settings):
    settings.NEXUS_OPENLINEAGE = {KIND: f"{__name__}.moved"}
    settings.NEXUS_OPENLINEAGE_ACTS = {}
    for name in (KIND, OTHER):
        registry.handler(name, "Move some data", max_attempts=2)(_work)
    yield
    for name in (KIND, OTHER):
        del registry._KINDS[name]


def _work(run):
    todo = run.params.get("do")
    if todo == "refuse":
        raise BadRequest("this cannot be read")
    if todo == "later" and run.job.attempts == 1:
        raise registry.RetryLater("not yet", 0)
    return {}


def ran(person, kind=KIND, **params):
    with db.atomic():
        job = queue.submit(person.actor, kind, params)
    while runner.wake():
        Job.everyone.filter(state="queued").update(run_at=db.now())
    job.refresh_from_db()
    return job


def told(person, job):
    return [check(event) for event in events.of_jobs(person.tenant.id, [job.ref])]


def test_a_run_begins_and_ends_under_the_jobs_uuid(owner):
    job = ran(owner)
    start, complete = told(owner, job)
    assert [start["eventType"], complete["eventType"]] == ["START", "COMPLETE"]
    assert {each["run"]["runId"] for each in (start, complete)} == {str(job.id)}
    assert start["job"] == complete["job"]
    assert complete["job"]["facets"]["documentation"]["description"] == "Move some data"
    assert (start["outputs"], [each["name"] for each in complete["outputs"]]) == ([], ["b"])
    assert "inputFacets" in complete["inputs"][0]
    assert "inputFacets" not in start["inputs"][0]  # nobody knew it then


def test_a_failure_says_why(owner):
    job = ran(owner, do="refuse")
    _, fail = told(owner, job)
    assert (job.state, fail["eventType"]) == ("failed", "FAIL")
    assert fail["run"]["facets"]["errorMessage"]["message"] == "BAD_REQUEST: this cannot be read" or (
        "this cannot be read" in fail["run"]["facets"]["errorMessage"]["message"]
    )


def test_another_attempt_is_the_same_run(owner):
    job = ran(owner, do="later")
    assert (job.state, job.attempts) == ("succeeded", 2)
    assert [event["eventType"] for event in told(owner, job)] == ["START", "COMPLETE"]


def test_what_a_person_queued_again_begins_anew_and_its_first_end_has_no_outputs(owner):
    job = ran(owner, do="refuse")
    Job.everyone.filter(id=job.id).update(params={})
    with db.atomic():
        queue.retry(owner.actor, job)
    while runner.wake():
        pass
    found = told(owner, job)
    assert [event["eventType"] for event in found] == ["START", "FAIL", "START", "COMPLETE"]
    assert found[1]["outputs"] == []


def test_what_never_ran_is_no_run(owner):
    with db.atomic():
        job = queue.submit(owner.actor, KIND, {})
    queue.cancel(owner.actor, job)
    assert told(owner, job) == []


def test_a_parent_is_named(owner):
    parent = ran(owner)
    with db.atomic():
        child = queue.submit(owner.actor, KIND, {"n": 2}, parent=parent)
    while runner.wake():
        pass
    assert told(owner, child)[0]["run"]["facets"]["parent"]["run"] == {"runId": str(parent.id)}


def test_jobs_that_move_nothing_and_those_of_others_are_not_told(owner, stranger):
    silent, theirs = ran(owner, OTHER), ran(stranger)
    assert (told(owner, silent), told(owner, theirs)) == ([], [])
    assert events.page(owner.tenant.id, 0, 50)[0] == []


def test_pages_hold_every_event_once_in_the_order_of_commits(owner, monkeypatch):
    jobs = [ran(owner, n=number) for number in range(3)]
    ran(owner, OTHER)
    whole, _, done = events.page(owner.tenant.id, 0, 50)
    assert done
    assert [event["run"]["runId"] for event in whole] == [str(job.id) for job in jobs for _ in range(2)]
    found, after, done = [], 0, False
    while not done:
        some, after, done = events.page(owner.tenant.id, after, 2)
        found += some
    assert found == whole
    assert after <= Entry.of(owner.tenant.id).latest("seq").seq
    monkeypatch.setattr(events, "SCANNED", 1)  # a page that looked long enough ends, and is gone on with
    found, after, done = [], 0, False
    while not done:
        some, after, done = events.page(owner.tenant.id, after, 2)
        found += some
    assert found == whole
