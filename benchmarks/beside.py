"""A web write beside a busy queue, on SQLite: one database file, one writer at a time.

Workers of the platform claim and end jobs that do nothing at a steady rate in the home of a running server, while a
client changes a dataset through the API, one request after another.
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from benchmarks.figures import Figure, percentile
from benchmarks.installation import ROOT, Installation
from benchmarks.sizes import Sizes
from tradenexus.stack import kernel

WORKERS, RATE = 2, 300
TARGET_MS = 50


def measure(sizes: Sizes) -> list[Figure]:
    """Time `writes` PATCH requests with the queue at rest, then with it at work; and the rate that it kept."""
    with Installation() as stack:
        said = {"filename": "a.csv", "contentType": "text/csv", "sizeBytes": 1, "name": "beside", "venue": "SIM"}
        path = f"/v1/datasets/{stack.post('/v1/datasets/uploads:init', **said)['datasetId']}"
        _written(stack, path, sizes.writes // 10)  # the first ones warm the server up
        alone = _written(stack, path, sizes.writes)
        with _busy(stack, 100 * sizes.writes) as cycles:
            began, before = time.monotonic(), cycles()
            beside = _written(stack, path, sizes.writes)
            rate = (cycles() - before) / (time.monotonic() - began)
    note = f"{len(beside)} PATCH of a dataset, {WORKERS} workers, SQLite"
    return [
        Figure("jobs claimed and ended beside web writes", rate, "jobs/s", note=f"{RATE} were asked for"),
        Figure("web write with the queue at rest, p50", percentile(alone, 0.5), "ms"),
        Figure("web write with the queue at rest, p99", percentile(alone, 0.99), "ms"),
        Figure("web write beside the queue, p50", percentile(beside, 0.5), "ms", note=note),
        Figure("web write beside the queue, p99", percentile(beside, 0.99), "ms", TARGET_MS, note=note),
    ]


def _written(stack: Installation, path: str, count: int) -> list[float]:
    """Return how many ms each of so many PATCH requests took; each changes the dataset and is audited."""
    pauses, took = random.Random(1), []
    for number in range(count):
        time.sleep(pauses.uniform(0, 0.02))
        began = time.perf_counter()
        answer = stack.http.patch(path, json={"vendor": f"vendor {time.time_ns()} {number}"})
        took.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()
    return took


@contextmanager
def _busy(stack: Installation, jobs: int) -> Iterator[Callable[[], int]]:
    """Keep the queue at work while the block runs; yields what counts the jobs that are done."""
    env = {**stack.env, "NEXUS_HOME": str(stack.folder), "DJANGO_SETTINGS_MODULE": "benchmarks.queueapp.settings"}
    words = [sys.executable, "-m", "benchmarks.queueapp.fill", str(jobs)]
    subprocess.run(words, env=env, cwd=ROOT, check=True, capture_output=True)
    words = [sys.executable, "-m", "benchmarks.queueapp.drain", str(jobs), str(RATE / WORKERS)]
    ends = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    running = [
        subprocess.Popen(words, env=env, cwd=ROOT, preexec_fn=kernel.die_with_parent, **ends)  # type: ignore[call-overload]
        for _ in range(WORKERS)
    ]
    try:
        for one in running:
            if one.stdout.readline().strip() != "ready":
                raise RuntimeError("a worker did not start")
        for one in running:
            one.stdin.write("go\n")
            one.stdin.flush()
        time.sleep(1)
        yield lambda: _done(stack)
        if any(one.poll() is not None for one in running):
            raise RuntimeError("the jobs were all done before the writes were")
    finally:
        for one in running:
            one.kill()
            one.wait()


def _done(stack: Installation) -> int:
    with closing(sqlite3.connect(f"file:{stack.folder / 'nexus.sqlite3'}?mode=ro", uri=True)) as database:
        ask = "SELECT count(*) FROM jobs_job WHERE kind = 'bench.nothing' AND state = 'succeeded'"
        return database.execute(ask).fetchone()[0]
