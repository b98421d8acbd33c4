"""Deeds on jobs and workers, and the figures of the index."""

import pytest

from tests.kit import desk
from tests.tradenexus.jobs.conftest import fresh
from tradenexus import db
from tradenexus.jobs import board, draining, leases, processes, queue, runner, states
from tradenexus.jobs.errors import LeaseLost
from tradenexus.jobs.models import Attempt, Job, LogLine, Worker
from tradenexus.jobs.registry import find
from tradenexus.jobs.run import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def op(owner):
    return desk.operator(owner)


@pytest.fixture
def worker():
    return Worker.objects.create(place="p", host="box", pid=7, concurrency=2)


def test_requeue_puts_an_ended_job_back_in_line(op, owner, submit):
    job = submit("test.plain")
    Job.everyone.filter(pk=job.pk).update(state="failed", attempts=5, finished_at=db.now())
    assert op.do("requeue", job)[0]["done"]
    assert (fresh(job).state, fresh(job).attempts) == ("queued", 0)
    entry = desk.newest(owner, "job.state")
    assert (entry.old, entry.new, entry.reason, entry.via) == ("failed", "queued", desk.REASON, "admin")


def test_requeue_of_a_job_that_lives_is_refused(op, submit):
    outcome = op.do("requeue", submit("test.plain"))[0]
    assert (outcome["done"], outcome["code"]) == (False, "STATE_CONFLICT")
    assert "only an ended job" in outcome["said"]


def test_a_released_lease_lets_another_worker_take_the_job_and_stops_the_holder(op, owner, claimed):
    job = claimed("test.plain")
    run = Run(job, find(job.kind))
    assert op.do("release_lease", job)[0]["done"]
    row = fresh(job)
    assert (row.state, row.attempts, row.holder, row.lease_until) == ("queued", 0, "", None)
    entry = desk.newest(owner, "job.state")
    assert (entry.old, entry.new, entry.reason, entry.via) == ("running", "queued", desk.REASON, "admin")
    assert entry.user_id == owner.user.id
    assert Attempt.objects.get(job=job).outcome == "released"
    assert desk.REASON in LogLine.objects.filter(job=job).last().text
    assert states.claim(processes.me()).pk == job.pk
    with pytest.raises(LeaseLost), run.effect():
        pass


def test_a_lease_that_nobody_holds_cannot_be_released(op, submit):
    assert "this one is queued" in op.do("release_lease", submit("test.plain"))[0]["said"]


def test_a_job_that_is_being_cancelled_keeps_its_lease(op, owner, claimed):
    job = claimed("test.plain")
    queue.cancel(owner.actor, job)
    assert "is being cancelled" in op.do("release_lease", job)[0]["said"]
    assert fresh(job).state == "running"


def test_cancel_asks_a_running_job_to_stop_once(op, owner, claimed):
    job = claimed("test.plain")
    assert op.do("cancel", job)[0]["done"]
    assert fresh(job).cancel_requested_at
    assert desk.newest(owner, "job.state").reason == desk.REASON
    assert not op.do("cancel", job)[0]["done"]


def test_what_is_done_to_a_job_of_the_platform_is_told_in_the_operators_workspace(op, owner):
    with db.atomic():
        job = queue.submit(None, "test.plain")
    assert op.do("cancel", job)[0]["done"]
    entry = desk.newest(owner, "job.state")
    assert (entry.subject, entry.reason) == (job.ref, desk.REASON)


def test_draining_a_worker_is_told_and_can_be_taken_back(op, owner, worker):
    assert op.do("drain", worker)[0]["done"]
    worker.refresh_from_db()
    assert worker.drain_asked_at
    entry = desk.newest(owner, "worker.state")
    assert (entry.subject, entry.old, entry.new) == (draining.ref(worker), "working", "drained")
    assert entry.reason == desk.REASON
    assert "drained already" in op.do("drain", worker)[0]["said"]
    assert op.do("resume", worker)[0]["done"]
    worker.refresh_from_db()
    assert worker.drain_asked_at is None
    assert "working already" in op.do("resume", worker)[0]["said"]


def test_a_worker_is_shown_as_draining_while_it_runs_and_as_drained_afterwards(op, owner, worker, submit):
    job = submit("test.plain")
    states.claim(processes.me(), worker.pk)
    op.do("drain", worker)
    shown = op.list(Worker).context["cl"].result_list[0]
    assert draining.state(shown, shown.in_work, db.now()) == "draining"
    assert "Draining" in desk.words(op.client.get("/admin/"))
    op.do("release_lease", fresh(job))
    assert "Drained" in desk.words(op.client.get("/admin/"))
    Worker.objects.update(beat_at=leases.clock(-31))
    assert "Silent" in desk.words(op.client.get("/admin/"))


@pytest.mark.django_db(transaction=True)
def test_a_drained_process_claims_nothing_until_it_is_resumed(submit, worker, monkeypatch):
    page = board.Board(worker.pk)
    monkeypatch.setattr(board, "current", page)
    submit("test.plain")
    page.pause(True)
    assert runner.wake() == 0
    assert queue.Doorbell().dequeue() is None
    page.pause(False)
    assert runner.wake() == 1


def test_the_index_shows_true_numbers(op, owner, stranger, worker, submit):
    for _ in range(3):
        submit("test.plain")
    submit("test.echo", actor=stranger.actor)
    states.claim(processes.me(), worker.pk)
    context = op.client.get("/admin/").context
    assert (context["queue"]["queued"], context["queue"]["running"], context["queue"]["lapsed"]) == (3, 1, 0)
    assert {kind["kind"]: kind["jobs"] for kind in context["queue"]["waiting"]} == {"test.plain": 2, "test.echo": 1}
    assert [(one["state"], one["running"]) for one in context["workers"]] == [("alive", 1)]
    assert context["pending"] == []
    assert 0 < context["disk"]["free"] <= context["disk"]["total"]
    assert dict(context["versions"])["Trade Nexus"]
    Job.everyone.filter(state="running").update(lease_until=leases.clock(-1))
    assert op.client.get("/admin/").context["queue"]["lapsed"] == 1


def test_the_index_says_when_nothing_would_be_done(op, worker):
    op.do("drain", worker)
    assert "none takes jobs" in desk.words(op.client.get("/admin/"))
    Worker.objects.all().delete()
    assert "nothing queued would be done" in desk.words(op.client.get("/admin/"))


def test_the_index_asks_no_question_for_each_worker(op, worker, django_assert_max_num_queries):
    for number in range(15):
        Worker.objects.create(place="p", host="box", pid=100 + number, concurrency=2)
    with django_assert_max_num_queries(14):
        assert len(op.client.get("/admin/").context["workers"]) == 16


def test_the_index_is_for_staff(teammate, client):
    client.force_login(teammate.user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/").status_code == 302


def test_jobs_are_found_by_id_and_by_what_they_are_about(op, submit):
    one, other = submit("test.plain", subject="dsv_" + "a" * 32), submit("test.echo")

    def found(**query):
        return list(op.list(Job, **query).context["cl"].result_list)

    assert found(q=one.ref) == [one]
    assert found(q=one.subject) == [one]
    assert found(kind="test.echo") == [other]
    assert found(state__exact="failed") == []
