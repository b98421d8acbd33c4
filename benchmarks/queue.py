"""The queue beside its peers on PostgreSQL: jobs that do nothing, end to end, by 1, 4, 8 workers; and a million deep.

And a web write beside it on SQLite.

Ours claims, runs and settles each with its audit entry, its events and its fencing; procrastinate and django-q2 (its
database broker) do what they do by default. All in turn on the same server, each in a fresh database.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks import beside, peers
from benchmarks.figures import Figure, median
from benchmarks.sizes import Sizes
from tradenexus.stack import kernel

ROOT = Path(__file__).resolve().parent.parent
SERVER = os.environ.get("BENCH_POSTGRES", "postgres://postgres@127.0.0.1:5432")
NAME = "nexus_bench_queue"
URL = f"{SERVER}/{NAME}"
WORKERS = (1, 4, 8)
OURS, PROCRASTINATE, Q2 = "ours", "procrastinate", "django-q2 alone"


def measure(sizes: Sizes) -> list[Figure]:
    """Drain `queued` jobs by each number of workers and each queue, `rounds` times; then ours with a million behind."""
    seen: dict[tuple[str, int], list[float]] = {}
    for _ in range(sizes.rounds):
        for workers in WORKERS:
            for name, rate in ((OURS, _ours), (PROCRASTINATE, _procrastinate), (Q2, _q2)):
                with _fresh():
                    seen.setdefault((name, workers), []).append(rate(workers, sizes.queued))
    return [*_told(seen), *beside.measure(sizes), *_deep(sizes)]


def _told(seen: dict[tuple[str, int], list[float]]) -> list[Figure]:
    figures = [median(f"{name}, {workers} workers", rates, "jobs/s") for (name, workers), rates in seen.items()]
    for workers in WORKERS:
        for peer, least in ((PROCRASTINATE, 2), (Q2, 4)):
            pairs = zip(seen[OURS, workers], seen[peer, workers], strict=True)
            ratios = [mine / theirs for mine, theirs in pairs]
            figures.append(median(f"ours / {peer}, {workers} workers", ratios, "x", least, at_least=True))
    return figures


def _deep(sizes: Sizes) -> list[Figure]:
    """Drain as many jobs with as many more behind them, and with `deep` behind them."""
    rates = []
    with _fresh():
        _ours_made()
        for behind in (sizes.queued, sizes.deep):
            _run("benchmarks.queueapp.fill", str(sizes.queued + behind))
            rates.append(_drained([_module("benchmarks.queueapp.drain", str(sizes.queued // 4))] * 4, sizes.queued))
    note = f"{rates[0]:,.0f} jobs/s with {sizes.queued:,} behind, {rates[1]:,.0f} with {sizes.deep:,}"
    return [Figure("deep / shallow queue, 4 workers", rates[1] / rates[0], "x", 0.9, at_least=True, note=note)]


@contextmanager
def _fresh() -> Iterator[None]:
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {NAME}")
        try:
            yield
        finally:
            server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")


def _ours(workers: int, count: int) -> float:
    _ours_made()
    _run("benchmarks.queueapp.fill", str(count))
    return _drained([_module("benchmarks.queueapp.drain", str(count))] * workers, count)


def _ours_made() -> None:
    _run("django", "migrate", "--verbosity", "0")


def _procrastinate(workers: int, count: int) -> float:
    command = [str(peers.python()), str(peers.HERE / "procrastinate_worker.py"), URL]
    for words in (["make"], ["fill", str(count)]):
        subprocess.run([*command, *words], check=True)
    return _drained([[*command, "work"]] * workers, count)


def _q2(workers: int, count: int) -> float:
    """Its cluster starts by itself, so the clock runs from the first task's start to the last one's end."""
    _ours_made()
    fill = f"""
import django; django.setup()
from django_q.models import OrmQ
from django_q.signing import SignedPackage
from django_q.tasks import async_task
for _ in range({count}): async_task("benchmarks.queueapp.tasks.nothing_of_q2")
"""
    env = _environment(BENCH_PLAIN_Q="true", BENCH_WORKERS=str(workers))
    subprocess.run([sys.executable, "-c", fill], env=env, cwd=ROOT, check=True, capture_output=True)
    cluster = subprocess.Popen(_module("django", "qcluster"), env=env, cwd=ROOT, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, preexec_fn=kernel.die_with_parent)  # fmt: skip
    try:
        with psycopg.connect(URL, autocommit=True) as database:
            ask = "SELECT count(*), extract(epoch FROM max(stopped) - min(started)) FROM django_q_task"
            done, took = 0, 0.0
            deadline = time.monotonic() + 600
            while done < count:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"django-q2 did {done} of {count}")
                time.sleep(0.25)
                done, took = database.execute(ask).fetchone() or (0, 0.0)
    finally:
        cluster.terminate()
        cluster.wait(30)
    return count / float(took)


def _drained(commands: Sequence[Sequence[str]], count: int) -> float:
    """Start the workers, let them go together when all are ready, and return jobs a second until the last is done."""
    ends = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    more = {"env": _environment(), "cwd": ROOT, "preexec_fn": kernel.die_with_parent}
    running = [subprocess.Popen(command, **ends, **more) for command in commands]  # type: ignore[call-overload]
    for one in running:
        assert one.stdout is not None
        if one.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{one.args!r} did not start")
    began = time.perf_counter()
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in running:
        assert one.stdout is not None
        one.stdout.readline()
    took = time.perf_counter() - began
    if any(one.wait(60) for one in running):
        raise RuntimeError("a worker failed")
    return count / took


def _module(*words: str) -> list[str]:
    return [sys.executable, "-m", *words]


def _run(*words: str) -> None:
    done = subprocess.run(_module(*words), env=_environment(), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEXUS_", "LONA_", "REDIS_"))}
    ours = {"DATABASE_URL": URL, "DJANGO_SETTINGS_MODULE": "benchmarks.queueapp.settings", "NEXUS_DEBUG": "true"}
    return {**kept, **ours, "NEXUS_HOME": str(ROOT / "build" / "bench" / "queue-home"), **more}
