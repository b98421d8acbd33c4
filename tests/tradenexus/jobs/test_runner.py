import time

import pytest

from tests.tradenexus.jobs.conftest import expire, fresh, words
from tradenexus import db as database
from tradenexus.jobs import leases, queue, registry, runner, states, sweep
from tradenexus.jobs.errors import Cancelled, LeaseLost
from tradenexus.jobs.models import Attempt, Job, LogLine
from tradenexus.tenancy.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def quick(settings):
    """Short leases, so that a heartbeat's work is seen soon."""
    settings.NEXUS_JOB_LEASE_S, settings.NEXUS_JOB_HEARTBEAT_S = 6, 1


def running(job: Job) -> runner.Run:
    return runner.Run(job, registry.find(job.kind))


def half_done(run: runner.Run) -> None:
    with run.effect() as effect:
        Tenant.objects.create(name="half")
        effect.finish({})
        raise RuntimeError("between the end and the commit")


def test_a_refusal_fails_the_job_at_once_with_its_code(submit, tmp_path):
    job = submit("test.refuse", params={"file": str(tmp_path / "out")})
    runner.wake()
    ended = fresh(job)
    assert (ended.state, ended.attempts) == ("failed", 1)
    assert ended.error == {"code": "TEST_REFUSED", "message": "no", "details": {"why": "because"}}
    assert "failed TEST_REFUSED" in (tmp_path / "out").read_text()


def test_a_passing_fault_is_retried_after_a_pause(submit):
    job = submit("test.later", params={"good_at": 2})
    runner.wake()
    waiting = fresh(job)
    assert (waiting.state, waiting.attempts, waiting.error["message"]) == ("queued", 1, "the world is down")
    assert waiting.run_at > database.now()
    Job.everyone.update(run_at=leases.clock())
    runner.wake()
    assert (fresh(job).state, fresh(job).result) == ("succeeded", {"attempt": 2})


def test_what_the_other_side_asked_for_is_waited(submit):
    job = submit("test.later", params={"after_s": 900})
    runner.wake()
    assert (fresh(job).run_at - database.now()).total_seconds() > 890


def test_a_service_that_says_when_it_will_be_back_is_waited_for(submit):
    job = submit("test.later", params={"retry_after": 900})
    runner.wake()
    waiting = fresh(job)
    assert (waiting.state, waiting.error["message"]) == ("queued", "a service is down")
    assert (waiting.run_at - database.now()).total_seconds() > 890


def test_a_lasting_fault_fails_after_the_last_attempt(submit, tmp_path):
    job = submit("test.later", params={"file": str(tmp_path / "out")})
    for _ in range(3):
        Job.everyone.update(run_at=leases.clock())
        runner.wake()
    ended = fresh(job)
    assert (ended.state, ended.attempts, ended.error["code"]) == ("failed", 3, "JOB_RETRIES_EXHAUSTED")
    assert words(tmp_path / "out") == {"begin": 3, "told": 1}
    assert list(Attempt.objects.order_by("number").values_list("outcome", flat=True)) == ["retry", "retry", "failed"]


def test_an_unknown_fault_is_retried_and_its_text_is_kept_from_the_row(submit):
    job = submit("test.poison", params={"how": "raise"})
    for _ in range(2):
        Job.everyone.update(run_at=leases.clock())
        runner.wake()
    ended = fresh(job)
    assert (ended.state, ended.error["code"]) == ("failed", "JOB_CRASHED")
    assert "secret" not in str(ended.error) + "".join(LogLine.objects.values_list("text", flat=True))


def test_a_faulty_on_failure_does_not_keep_the_job_from_ending(submit):
    job = submit("test.badhook")
    runner.wake()
    assert fresh(job).state == "failed"


def test_a_holder_without_lease_changes_nothing(claimed):
    zombie = running(claimed("test.plain"))
    expire(zombie.job)
    sweep.expired()
    Job.everyone.update(run_at=leases.clock())
    successor = states.claim("elsewhere:1:1")
    assert successor.token == zombie.token + 1
    with pytest.raises(LeaseLost), zombie.effect():
        Tenant.objects.create(name="never")
    with pytest.raises(LeaseLost), zombie.effect() as effect:
        effect.finish({})
    assert not states.succeed_alone(zombie.job, {}, states.Tail())
    assert not states.end(zombie.job, "failed", Cancelled("x"))
    assert not states.requeue(zombie.job, "x", 0, "retry")
    with pytest.raises(LeaseLost):
        states.write_tail(zombie.job, states.Tail({"phase": "x"}, [states.line(zombie.job, "x")]))
    row = fresh(successor)
    assert (row.state, row.token, row.progress, row.holder) == ("running", 2, {}, "elsewhere:1:1")
    assert not Tenant.objects.filter(name="never").exists()
    assert not LogLine.objects.filter(text="x").exists()


def test_an_effect_and_the_end_of_the_job_are_one_transaction(claimed):
    run = running(claimed("test.plain"))
    with pytest.raises(RuntimeError):
        half_done(run)
    assert not run.finished
    assert fresh(run.job).state == "running"
    assert not Tenant.objects.filter(name="half").exists()
    with run.effect() as effect:
        Tenant.objects.create(name="whole")
        effect.finish({"made": 1})
    assert (fresh(run.job).state, fresh(run.job).result) == ("succeeded", {"made": 1})


def test_an_effect_prolongs_the_lease(claimed):
    run = running(claimed("test.plain"))
    before = fresh(run.job).lease_until
    with run.effect():
        pass
    assert fresh(run.job).lease_until > before


def test_progress_and_log_are_written_beside_the_handler(quick, claimed):
    job = claimed("test.plain")
    run = running(job)

    def handle(run):
        run.progress("read", 10, 100)
        run.log("nx_abcdefgh_verysecret was used")
        deadline = time.monotonic() + 20
        while not fresh(job).progress and time.monotonic() < deadline:
            time.sleep(0.05)
        assert fresh(job).progress["done"] == 10
        run.progress("read", 20, 100)
        return {}

    object.__setattr__(run.kind, "function", handle)
    try:
        with runner.Heartbeat(run):
            runner._settle(run, runner._handle(runner.Turn(run, follow=False)))
    finally:
        from tests.kit.jobapp import tasks

        object.__setattr__(run.kind, "function", tasks.plain)
    ended = fresh(job)
    assert (ended.state, ended.progress["done"], ended.log_n) == ("succeeded", 20, 2)
    begun, line = LogLine.objects.order_by("n")
    assert (begun.n, begun.text, begun.stage) == (1, "read begins", "read")
    assert (line.n, line.stage, line.attempt) == (2, "read", 1)
    assert "verysecret" not in line.text


def test_a_running_handler_learns_of_a_cancel(quick, claimed, owner):
    import threading

    from django.db import connection

    job = claimed("test.nap", params={"nap_s": 60})

    def cancel():
        time.sleep(0.2)
        queue.cancel(owner.actor, fresh(job))
        connection.close()

    asking = threading.Thread(target=cancel)
    asking.start()
    runner.execute(job)
    asking.join()
    assert (fresh(job).state, fresh(job).error["code"]) == ("cancelled", "JOB_CANCELLED")


def test_a_holder_stops_itself_before_its_lease_ends(quick, claimed):
    run = running(claimed("test.plain"))
    assert not run.cancelled()
    run.deadline = time.monotonic()
    assert run.cancelled()
    with pytest.raises(LeaseLost):
        run.check()


def test_a_work_folder_belongs_to_one_attempt_and_goes_with_it(submit, settings):
    job = submit("test.plain")
    run = running(states.claim("x:1:1"))
    (run.work_dir() / "file").write_text("x")
    folder = run.work_dir()
    assert folder.name == f"{job.ref}-1"
    runner.execute(run.job)
    assert not folder.exists()


def test_a_heavy_job_waits_for_a_place_while_light_ones_go_on(submit):
    from tradenexus.jobs import slots

    heavy, light = submit("test.heavy", params={"nap_s": 0}, priority=9), submit("test.plain")
    place = slots.take()
    runner.wake()
    assert (fresh(heavy).state, fresh(light).state) == ("queued", "succeeded")
    place.release()
    runner.wake()
    assert fresh(heavy).state == "succeeded"
