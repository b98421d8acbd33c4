import subprocess
import sys

import pytest

from tests.tradenexus.jobs.conftest import expire, fresh, words
from tradenexus.jobs import leases, processes, queue, runner, states, sweep
from tradenexus.jobs.models import Attempt, Job, LogLine, Worker

pytestmark = pytest.mark.django_db(transaction=True)


def dead_process() -> str:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = f"{processes.place()}:{child.pid}:{processes.start_of(child.pid)}"
    assert not processes.is_gone(name)
    child.kill()
    child.wait()
    return name


def test_a_lost_job_goes_back_in_line_after_a_pause(claimed):
    job = claimed()
    expire(job)
    assert sweep.expired() == 1
    row = fresh(job)
    assert (row.state, row.attempts, row.token, row.lease_until, row.holder) == ("queued", 1, 1, None, "")
    assert row.run_at > row.created_at
    assert Attempt.objects.get().outcome == "lost"
    assert "its lease ended" in LogLine.objects.get().text


def test_a_held_lease_is_left_alone(claimed):
    job = claimed()
    assert sweep.expired() == 0
    assert fresh(job).state == "running"


def test_a_job_that_kills_its_worker_each_time_stalls(submit, tmp_path):
    job = submit("test.poison", params={"how": "kill", "file": str(tmp_path / "out")})
    for _ in range(2):
        Job.everyone.update(run_at=leases.clock())
        expire(states.claim("elsewhere:1:1"))
        sweep.expired()
    row = fresh(job)
    assert (row.state, row.attempts, row.error["code"]) == ("stalled", 2, "JOB_STALLED")
    assert "its lease ended" in row.error["details"]["reason"]
    assert "stalled JOB_STALLED" in (tmp_path / "out").read_text()
    assert words(tmp_path / "out") == {"told": 1}


def test_a_cancelled_job_whose_worker_died_ends_cancelled(claimed, owner):
    job = claimed()
    queue.cancel(owner.actor, job)
    expire(job)
    sweep.expired()
    assert fresh(job).state == "cancelled"


def test_a_job_that_ends_between_look_and_swap_keeps_its_end(claimed, monkeypatch):
    job = claimed()
    expire(job)
    bury = states.bury

    def finish_first(late, *args, **kwargs):
        assert states.succeed_alone(fresh(job), {"in": "time"}, states.Tail())
        return bury(late, *args, **kwargs)

    monkeypatch.setattr(states, "bury", finish_first)
    assert sweep.expired() == 0
    assert (fresh(job).state, fresh(job).result) == ("succeeded", {"in": "time"})


def test_a_job_that_renews_between_look_and_swap_goes_on(claimed, monkeypatch):
    job = claimed()
    expire(job)
    bury = states.bury

    def renew_first(late, *args, **kwargs):
        leases.renew(job.pk, job.token)
        return bury(late, *args, **kwargs)

    monkeypatch.setattr(states, "bury", renew_first)
    assert sweep.expired() == 0
    assert fresh(job).state == "running"


def test_a_full_batch_hides_nothing_behind_it(submit, monkeypatch):
    monkeypatch.setattr(sweep, "BATCH", 3)
    for _ in range(8):
        submit()
        expire(states.claim("elsewhere:1:1"))
    assert sweep.expired() == 8


def test_a_dead_process_of_this_place_is_found_without_waiting(submit):
    job = submit()
    states.claim(dead_process())
    assert sweep.gone() == 1
    assert fresh(job).state == "queued"


def test_a_living_or_foreign_process_is_left_alone(submit):
    submit()
    submit()
    states.claim(processes.me())
    states.claim("0123456789abcdef:1:1")
    assert sweep.gone() == 0


def test_a_stopped_worker_gives_its_jobs_back_uncharged(submit):
    worker = Worker.objects.create(place="p", host="h", pid=1, concurrency=1)
    job = submit()
    states.claim("elsewhere:1:1", worker.pk)
    assert sweep.released(worker.pk, "the worker was stopped") == 1
    row = fresh(job)
    assert (row.state, row.attempts, row.token) == ("queued", 0, 1)
    assert runner.wake() == 1
    assert (fresh(job).state, fresh(job).token) == ("succeeded", 2)


def test_a_handler_past_its_limit_loses_its_process(submit, settings):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    worker = Worker.objects.create(place="p", host="h", pid=1, concurrency=1)
    submit()
    job = states.claim(f"{processes.place()}:{child.pid}:{processes.start_of(child.pid)}", worker.pk)
    assert sweep.overdue(worker.pk) == 0
    Job.everyone.update(started_at=leases.clock(-settings.NEXUS_JOB_LIMIT_S - 1))
    assert sweep.overdue(worker.pk) == 1
    child.wait()
    assert sweep.gone() == 1
    assert fresh(job).state == "queued"


def test_a_job_that_waits_long_overtakes_newer_ones_of_higher_priority(submit):
    low = submit(priority=0)
    Job.everyone.update(run_at=leases.clock(-700))
    submit(priority=2)
    for _ in range(2):
        sweep.aged()
    assert states.claim(processes.me()).pk == low.pk
