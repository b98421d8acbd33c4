import functools
import threading

import pytest
from django.db import connection, transaction

from tests.tradenexus.jobs.conftest import expire, fresh
from tradenexus import db as database
from tradenexus.audit.models import Entry
from tradenexus.errors import Conflict
from tradenexus.events.models import Event
from tradenexus.jobs import processes, queue, runner, states, sweep
from tradenexus.jobs.errors import KindUnknown
from tradenexus.jobs.models import Attempt, Job

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_submitted_job_runs_to_its_end(submit):
    job = submit("test.echo", params={"text": "hi"}, subject="ds_1")
    assert (job.state, job.attempts, job.token) == ("queued", 0, 0)
    assert runner.wake(job.ref) == 1
    done = fresh(job)
    assert (done.state, done.result, done.attempts, done.token) == ("succeeded", {"echo": "hi"}, 1, 1)
    assert done.lease_until is None
    assert done.finished_at >= done.started_at >= done.created_at


def test_each_transition_is_audited_and_announced(submit, owner):
    job = submit("test.plain")
    runner.wake()
    steps = Event.of(owner.tenant.id).filter(subject=job.ref).order_by("seq").values_list("data__old", "data__new")
    assert list(steps) == [("", "queued"), ("queued", "running"), ("running", "succeeded")]
    assert Entry.of(owner.tenant.id).filter(subject=job.ref, action="job.state").count() == 3


def test_a_wake_up_without_work_does_nothing(submit):
    job = submit("test.plain")
    assert [runner.wake(job.ref), runner.wake(job.ref)] == [1, 0]
    assert fresh(job).attempts == 1


def test_submit_outside_a_transaction_is_refused(owner):
    with pytest.raises(transaction.TransactionManagementError):
        queue.submit(owner.actor, "test.plain")


def test_submit_of_an_unknown_kind_is_refused(submit):
    with pytest.raises(KindUnknown):
        submit("test.nothing")


def test_a_rolled_back_submit_leaves_nothing(owner):
    with database.atomic():
        queue.submit(owner.actor, "test.plain")
        transaction.set_rollback(True)
    assert not Job.everyone.exists()
    assert runner.wake() == 0


def test_jobs_run_by_priority_then_in_order(submit):
    low = [submit("test.plain", params={"n": n}) for n in range(3)]
    high = submit("test.plain", priority=5)
    order = []
    while job := states.claim(processes.me()):
        order.append(job.pk)
    assert order == [high.pk, *(job.pk for job in low)]


def test_a_job_of_the_future_is_not_due(submit):
    import datetime

    submit("test.plain", run_at=database.now() + datetime.timedelta(hours=1))
    assert states.claim(processes.me()) is None


def test_a_key_has_one_living_job(submit, stranger):
    first = submit("test.plain", dedupe="same")
    assert submit("test.plain", dedupe="same").pk == first.pk
    assert submit("test.plain", dedupe="other").pk != first.pk
    assert submit("test.plain", dedupe="same", actor=stranger.actor).pk != first.pk
    while runner.wake():
        pass
    assert submit("test.plain", dedupe="same").pk != first.pk


def test_twenty_threads_with_one_key_make_one_job(owner):
    found, barrier = [], threading.Barrier(20)

    def one():
        barrier.wait()
        with database.atomic():
            found.append(queue.submit(owner.actor, "test.plain", dedupe="race").pk)
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(found) == 20
    assert len(set(found)) == 1
    assert Job.everyone.count() == 1


def test_eight_threads_claim_each_job_once(submit):
    for _ in range(40):
        submit("test.plain")
    claims, barrier = [], threading.Barrier(8)

    def one(name):
        barrier.wait()
        while job := states.claim(f"{name}"):
            claims.append((job.pk, job.token))
        connection.close()

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(claims) == len({pk for pk, _ in claims}) == 40
    assert {token for _, token in claims} == {1}
    assert Attempt.objects.count() == 40


def test_cancel_of_a_waiting_job_is_immediate(submit, owner):
    job = queue.cancel(owner.actor, submit("test.refuse"))
    assert (job.state, job.error["code"]) == ("cancelled", "JOB_CANCELLED")
    assert runner.wake() == 0
    assert queue.cancel(owner.actor, job).state == "cancelled"


def test_cancel_of_a_waiting_job_tells_its_app(submit, owner, tmp_path):
    queue.cancel(owner.actor, submit("test.refuse", params={"file": str(tmp_path / "out")}))
    assert "cancelled JOB_CANCELLED" in (tmp_path / "out").read_text()


def test_cancel_of_a_running_job_is_a_request(claimed, owner):
    job = queue.cancel(owner.actor, claimed("test.plain"))
    assert job.state == "running"
    assert job.cancel_requested_at is not None


def test_cancel_of_an_ended_job_is_refused(submit, owner):
    job = submit("test.plain")
    runner.wake()
    with pytest.raises(Conflict):
        queue.cancel(owner.actor, job)


def test_retry_starts_afresh_and_the_token_goes_on(submit, owner):
    job = submit("test.refuse")
    runner.wake()
    assert fresh(job).state == "failed"
    again = queue.retry(owner.actor, fresh(job))
    assert (again.state, again.attempts, again.token, again.error) == ("queued", 0, 1, None)
    assert Entry.of(owner.tenant.id).filter(subject=job.ref, reason="retried", old="failed", new="queued").exists()
    assert states.claim(processes.me()).token == 2


@pytest.mark.parametrize("state", ["queued", "running", "succeeded"])
def test_retry_is_refused_unless_the_job_has_ended_badly(submit, owner, state):
    job = submit("test.plain")
    if state != "queued":
        job = states.claim(processes.me())
    if state == "succeeded":
        states.succeed_alone(job, {}, states.Tail())
    with pytest.raises(Conflict):
        queue.retry(owner.actor, job)
    assert fresh(job).state == state


def test_retry_beside_a_living_job_of_the_same_key_is_refused(submit, owner):
    first = submit("test.refuse", dedupe="k")
    runner.wake()
    submit("test.refuse", dedupe="k")
    with pytest.raises(Conflict):
        queue.retry(owner.actor, fresh(first))
    assert fresh(first).state == "failed"


def test_lost_messages_cost_no_job(submit, settings, monkeypatch):
    from django_q.models import OrmQ

    settings.REDIS_URL = ""  # by way of the database, whatever else there is
    monkeypatch.setattr(queue, "_bell", functools.cache(queue.Doorbell))
    job = submit("test.plain")
    assert OrmQ.objects.count() == 1
    OrmQ.objects.all().delete()
    assert sweep.waiting(0)
    runner.wake()
    assert fresh(job).state == "succeeded"


def test_an_expired_claim_is_swept_once(claimed):
    job = claimed()
    expire(job)
    assert [sweep.expired(), sweep.expired()] == [1, 0]
