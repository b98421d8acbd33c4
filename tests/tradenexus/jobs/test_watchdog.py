"""Real `manage.py worker` processes, killed in every way."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.tradenexus.jobs.conftest import ROOT, database_url, fresh, kill, pool, until, words
from tradenexus.jobs import draining, processes, queue
from tradenexus.jobs.models import Attempt, Job, Schedule, Worker

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = 12


def ended(*jobs: Job):
    def all_ended():
        return not Job.everyone.filter(pk__in=[job.pk for job in jobs], finished_at=None).exists()

    return all_ended


def test_a_job_is_run_by_a_worker_process(workers, submit):
    worker = workers()
    job = submit("test.echo", params={"text": "hi"})
    until(ended(job))
    row = fresh(job)
    assert (row.state, row.result, row.attempts) == ("succeeded", {"echo": "hi"}, 1)
    assert Worker.objects.get().pid == worker.pid


def test_two_workers_share_the_work_and_no_job_runs_twice(workers, submit, tmp_path):
    workers(), workers()
    out = tmp_path / "out"
    jobs = [submit(kind, params={"file": str(out)}) for kind in ["test.plain", "test.echo"] * 30]
    until(ended(*jobs))
    assert words(out) == {"done": 60}
    asked = Job.everyone.filter(kind__startswith="test.")  # beside the platform's own upkeep
    assert Attempt.objects.filter(job__in=asked).count() == 60
    assert set(asked.values_list("state", "attempts", "token")) == {("succeeded", 1, 1)}


@pytest.mark.parametrize("how", ["exit", "kill", "segfault", "sysexit"])
def test_poison_stalls_and_the_good_jobs_beside_it_finish(workers, submit, tmp_path, how):
    workers()
    out = tmp_path / "out"
    poison = submit("test.poison", params={"how": how, "file": str(out)}, priority=1)
    good = [submit("test.plain", params={"file": str(out)}) for _ in range(GOOD)]
    until(ended(poison, *good), 60)
    assert (fresh(poison).state, fresh(poison).attempts) == ("stalled", 2)
    assert words(out) == {"begin": 2, "told": 1, "done": GOOD}
    assert set(Job.everyone.filter(pk__in=[job.pk for job in good]).values_list("state", "attempts")) == {
        ("succeeded", 1)
    }


def test_all_idle_processes_killed_costs_seconds_only(workers, submit):
    worker = workers()
    members = pool(worker)
    time.sleep(1)
    for pid in members:
        kill(pid)
    job = submit("test.plain")
    until(ended(job), 25)
    assert fresh(job).state == "succeeded"
    assert worker.poll() is None


def test_a_cluster_that_hangs_with_all_processes_alive_is_replaced(workers, submit):
    worker = workers()
    members = pool(worker)
    time.sleep(1.5)
    for pid in members:
        kill(pid, signal.SIGSTOP)
    job = submit("test.plain")
    until(ended(job), 30)
    assert Worker.objects.get().restarts >= 1
    assert worker.poll() is None


def test_a_killed_sentinel_is_replaced_and_its_job_not_charged(workers, submit, tmp_path):
    worker = workers()
    job = submit("test.nap", params={"nap_s": 4, "file": str(tmp_path / "out")})
    until(lambda: words(tmp_path / "out")["begin"] == 1)
    kill(processes.children(worker.pid).pop())
    until(ended(job), 40)
    assert (fresh(job).state, fresh(job).token) == ("succeeded", 2)


def test_a_killed_worker_leaves_no_process_and_its_job_goes_on_elsewhere(workers, submit, tmp_path):
    first = workers()
    members = pool(first) | processes.children(first.pid)
    job = submit("test.nap", params={"nap_s": 3, "file": str(tmp_path / "out")})
    until(lambda: words(tmp_path / "out")["begin"] == 1)
    kill(first.pid)
    first.wait()
    until(lambda: not any(processes.start_of(pid) for pid in members), 10)
    workers()
    until(ended(job), 40)
    assert (fresh(job).state, fresh(job).attempts) == ("succeeded", 2)


def test_a_zombie_that_slept_past_its_lease_changes_nothing(workers, submit, tmp_path):
    first = workers(1)
    out = tmp_path / "out"
    job = submit("test.echo", params={"file": str(out), "text": "x"}, run_at=None)
    until(ended(job))
    nap = submit("test.nap", params={"nap_s": 2, "file": str(out)})
    until(lambda: words(out)["begin"] == 1)
    holder = int(fresh(nap).holder.split(":")[1])
    tree = [first.pid, *processes.tree(processes.children(first.pid).pop())]
    assert holder in tree
    for pid in tree:
        kill(pid, signal.SIGSTOP)
    workers(1)
    until(ended(nap), 40)
    end = fresh(nap)
    assert (end.state, end.token) == ("succeeded", 2)
    for pid in tree:
        kill(pid, signal.SIGCONT)
    time.sleep(2)
    row = fresh(nap)
    assert (row.state, row.token, row.finished_at, row.log_n) == (end.state, end.token, end.finished_at, end.log_n)
    assert list(Attempt.objects.filter(job=nap).order_by("token").values_list("outcome", flat=True)) == [
        "lost",
        "succeeded",
    ]


def test_a_stopping_worker_lets_its_job_end(workers, submit, tmp_path):
    worker = workers()
    out = tmp_path / "out"
    running = submit("test.nap", params={"nap_s": 2, "file": str(out)})
    until(lambda: words(out)["begin"] == 1)
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    late = submit("test.plain")
    assert worker.wait(20) == 0
    assert (fresh(running).state, fresh(running).attempts) == ("succeeded", 1)
    assert fresh(late).state == "queued"
    assert not Worker.objects.exists()


def test_a_stopping_worker_gives_back_what_outlasts_its_grace(workers, submit, tmp_path):
    worker = workers(NEXUS_JOB_GRACE_S="1")
    out = tmp_path / "out"
    job = submit("test.deaf", params={"file": str(out)})
    until(lambda: words(out)["begin"] == 1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    row = fresh(job)
    assert (row.state, row.attempts, row.lease_until) == ("queued", 0, None)


def test_a_handler_deaf_to_a_cancel_is_killed_after_the_grace(workers, submit, owner, tmp_path):
    workers(NEXUS_JOB_GRACE_S="1")
    out = tmp_path / "out"
    job = submit("test.deaf", params={"file": str(out)})
    until(lambda: words(out)["begin"] == 1)
    queue.cancel(owner.actor, fresh(job))
    until(ended(job), 30)
    assert fresh(job).state == "cancelled"
    after = submit("test.plain")
    until(ended(after))


def test_at_most_one_heavy_job_runs_at_once_on_a_host(workers, submit, tmp_path):
    workers(), workers()
    out = tmp_path / "out"
    jobs = [submit("test.heavy", params={"nap_s": 0.2, "file": str(out)}) for _ in range(6)]
    until(ended(*jobs), 60)
    steps = [line.split()[0] for line in out.read_text().splitlines()]
    assert steps == ["begin", "end"] * 6


PLACES = ["jobs.claimed", "jobs.heartbeat", "jobs.effect", "jobs.effect_committed", "jobs.handled"]


@pytest.mark.parametrize("place", PLACES)
def test_killed_anywhere_the_effect_happens_once(workers, submit, tmp_path, place):
    fatal = workers(1, NEXUS_FAIL_AT=place)
    nap_s = 2 if place == "jobs.heartbeat" else 0  # it beats each second
    job = submit("test.echo", params={"text": "x", "nap_s": nap_s})
    until(lambda: f"killed at {place}\n" in (tmp_path / "worker-0.log").read_text())
    processes.kill_tree(fatal.pid)
    fatal.wait()
    workers(1)
    until(ended(job), 40)
    row = fresh(job)
    assert (row.state, row.result) == ("succeeded", {"echo": "x"})
    assert Attempt.objects.filter(job=job, outcome="succeeded").count() == 1


def test_a_job_due_later_starts_by_itself(workers, submit):
    import datetime

    from tradenexus import db

    workers()
    job = submit("test.plain", run_at=db.now() + datetime.timedelta(seconds=2))
    until(ended(job), 20)
    assert fresh(job).started_at >= fresh(job).run_at


def test_two_workers_fire_a_schedule_once(workers):
    Schedule.objects.all().delete()
    workers(TEST_SCHEDULE="1"), workers(TEST_SCHEDULE="1")
    until(lambda: Job.everyone.filter(kind="test.tick", state="succeeded").exists() and Worker.objects.count() == 2)
    time.sleep(1)
    assert Job.everyone.filter(kind="test.tick").count() == 1


def test_the_resting_worker_holds_no_heavy_library(tmp_path):
    code = (
        "import django, json, sys; django.setup(); import tradenexus.jobs.watchdog, tradenexus.jobs.runner; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tradenexus.settings", "DATABASE_URL": database_url()}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout.splitlines()[-1]))
    assert loaded & {"pyarrow", "duckdb", "pandas", "numpy", "exchange_calendars"} == set()


def test_a_drained_worker_finishes_what_it_runs_claims_nothing_and_is_not_replaced(workers, owner, submit, tmp_path):
    worker = workers()
    nap = submit("test.nap", params={"nap_s": 2, "file": str(tmp_path / "out")})
    until(lambda: words(tmp_path / "out")["begin"] == 1)
    row = Worker.objects.get()
    draining.drain(owner.actor, row, "a test of draining")
    time.sleep(1.5)
    waiting = submit("test.plain")
    until(ended(nap))
    time.sleep(8)
    assert fresh(nap).state == "succeeded"
    assert fresh(waiting).state == "queued"
    assert Worker.objects.get().restarts == 0
    assert worker.poll() is None
    draining.resume(owner.actor, row, "a test of resuming")
    until(ended(waiting))
    assert (fresh(waiting).state, Worker.objects.get().restarts) == ("succeeded", 0)


def test_a_drained_worker_leaves_wake_ups_to_the_others(workers, owner, submit):
    workers()
    row = until(Worker.objects.first)
    draining.drain(owner.actor, row, "a test of draining")
    workers()
    until(lambda: Worker.objects.count() == 2)
    time.sleep(2)
    jobs = [submit("test.plain") for _ in range(6)]
    until(ended(*jobs), 15)
    assert set(Worker.objects.values_list("restarts", flat=True)) == {0}
