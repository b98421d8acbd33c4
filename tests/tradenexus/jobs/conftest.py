"""Jobs for tests: the kinds of tests.kit.jobapp in this process, and real worker processes on the test database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, connections

from tests.kit.jobapp import tasks  # noqa: F401 - registers the kinds
from tradenexus import db as database
from tradenexus.jobs import processes, queue, states
from tradenexus.jobs.models import Job

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture
def submit(owner):
    """Submit a job of the owner, committed."""

    def do(kind: str = "test.plain", actor=owner.actor, **options) -> Job:
        with database.atomic():
            return queue.submit(actor, kind, options.pop("params", {}), **options)

    return do


@pytest.fixture
def claimed(submit):
    """Submit and claim a job, as this process."""

    def do(kind: str = "test.plain", **options) -> Job:
        submit(kind, **options)
        job = states.claim(processes.me())
        assert job is not None
        return job

    return do


def fresh(job: Job) -> Job:
    """Read the job again."""
    return Job.everyone.get(pk=job.pk)


def expire(job: Job) -> None:
    """Let the job's lease end now, as if its time had passed."""
    from tradenexus.jobs import leases

    assert Job.everyone.filter(pk=job.pk, state="running").update(lease_until=leases.clock(-1))


def until(condition, seconds: float = 30, every: float = 0.05):
    """Wait for a condition to hold and return its value; fail when it does not in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "the condition did not come to hold"
        time.sleep(every)
    return value


def words(path: Path) -> Counter:
    """Count the first words of the lines that kinds of tests.kit.jobapp wrote."""
    return Counter(line.split()[0] for line in path.read_text().splitlines()) if path.exists() else Counter()


def database_url() -> str:
    """Return the address of the test database for another process."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    host = given["HOST"] or "localhost"
    port = f":{given['PORT']}" if given["PORT"] else ""
    secret = f":{given['PASSWORD']}" if given["PASSWORD"] else ""
    return f"postgres://{given['USER']}{secret}@{host}{port}/{given['NAME']}"


@pytest.fixture
def workers(transactional_db, tmp_path):
    """Start real `manage.py worker` processes on the test database; all are killed at the end."""
    started: list[subprocess.Popen] = []

    def start(concurrency: int = 2, **env: str) -> subprocess.Popen:
        log = (tmp_path / f"worker-{len(started)}.log").open("w")
        variables = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.kit.jobsettings",
            "DATABASE_URL": database_url(),
            "NEXUS_HOME": str(settings.NEXUS_HOME),
            "NEXUS_JOB_LEASE_S": "6",
            "NEXUS_JOB_HEARTBEAT_S": "1",
            **env,
        }
        command = [sys.executable, "manage.py", "worker", "--concurrency", str(concurrency)]
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            processes.kill_tree(process.pid)
            process.wait()
    connections.close_all()


def pool(worker: subprocess.Popen) -> set[int]:
    """Return the pids of a worker's job processes, pusher included, once they have all started."""
    sentinel = until(lambda: processes.children(worker.pid)).pop()
    return until(lambda: (found := processes.children(sentinel)) and len(found) >= 2 and found)


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Signal one process that a test started."""
    os.kill(pid, number)
