"""A real Dask cluster for tests: a scheduler and some workers, each a process that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.kit.server import ROOT

WITHIN_S = 60


class Cluster:
    """`with Cluster(folder, 2) as cluster: cluster.compute` is the setting that names it."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder, self._count = folder, workers
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "scheduler.json"
        self._scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
        self._until(file.exists)
        from distributed import Client

        with Client(scheduler_file=str(file), set_as_default=False) as client:
            self.compute = client.scheduler.address.replace("tcp://", "dask://")
            for _ in range(self._count):
                self.workers.append(self._start("worker", "--scheduler-file", str(file), "--nthreads", "1",
                                                "--no-nanny", "--local-directory", str(self._folder)))  # fmt: skip
            client.wait_for_workers(self._count, timeout=WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.workers, self._scheduler):
            process.kill()
            process.wait()

    def kill_worker(self, number: int) -> None:
        """End a worker without a word."""
        self.workers[number].send_signal(signal.SIGKILL)
        self.workers[number].wait()

    def _start(self, kind: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--dashboard-address", "127.0.0.1:0", *words]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        log = (self._folder / f"{kind}-{time.monotonic_ns()}.log").open("wb")
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)

    def _until(self, holds) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError("the Dask scheduler did not start")
            time.sleep(0.05)
