"""A whole installation for one test: web server, provider (the sandbox) and as many `manage.py worker` as wanted.

with Installation(tmp_path) as here:
    ref = here.uploaded(content)        # over tus, finished and validated
    here.sandbox.fault(...)             # what the provider does wrong
    here.done("POST", f"/v1/datasets/{ref}/publish/lona")  # the answer, and its job at its end
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import httpx

from tests.kit import tus
from tests.kit.server import ROOT, Server
from tests.lona.sandbox.process import Agent, Sandbox
from tradenexus.jobs import processes

ENDED = {"succeeded", "failed", "cancelled", "stalled"}


class Installation:
    """The processes, and an HTTP client with the owner's key."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.sandbox = Sandbox(folder / "provider")
        agent = Agent(self.sandbox, "platform")
        settings = {
            "LONA_GATEWAY_URL": self.sandbox.url,
            "LONA_AGENT_ID": agent.headers["X-User-Id"],
            "LONA_AGENT_TOKEN": agent.headers["X-API-Key"],
            "LONA_ALLOW_PRIVATE": "1",
            "LONA_POLL_S": "0.2",
            "LONA_SETTLE_S": "5",
            "NEXUS_JOB_LEASE_S": "4",
            "NEXUS_JOB_HEARTBEAT_S": "1",
            **settings,
        }
        self.server = Server(folder, **settings)
        self.workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.server.start()
        self.client: httpx.Client = self.server.client()
        self.worker()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                processes.kill_tree(worker.pid)
                worker.wait()
        self.client.close()
        self.server.__exit__()
        self.sandbox.stop()

    def worker(self, concurrency: int = 2) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        with (self.folder / f"worker-{len(self.workers)}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "worker", "--concurrency", str(concurrency)],
                cwd=ROOT, env=self.server.environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.workers.append(process)
        return process

    def restart_provider(self) -> None:
        """Bring a killed provider back at its old address."""
        self.sandbox.start(int(self.sandbox.url.rpartition(":")[2]))

    def uploaded(self, content: bytes, **declared: Any) -> str:
        """Upload over tus, finish and validate; return the dataset's id."""
        given = {"filename": "t.csv", "contentType": "text/csv", "sizeBytes": len(content), **declared}
        made = self.client.post("/v1/datasets/uploads:init", json=given).json()
        assert tus.patch(self.client, made["uploadUrl"], 0, content).status_code == 204
        ref = made["datasetId"]
        for action in ("uploads:complete", "validate"):
            job = self.done("POST", f"/v1/datasets/{ref}/{action}", json={})["job"]
            assert job["state"] == "succeeded", job
        return ref

    def start(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Start something; return the answer."""
        answer = self.client.request(method, path, **more)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def done(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Start something and wait for its job; return the answer with the job as it ended."""
        answer = self.start(method, path, **more)
        return {**answer, "job": self.ended(answer["job"]["id"])}

    def ended(self, job: str, within_s: float = 60.0) -> dict[str, Any]:
        """Wait for a job to end."""
        until = time.monotonic() + within_s
        while (found := self.get(f"/v1/jobs/{job}", wait=5)["job"])["state"] not in ENDED:
            assert time.monotonic() < until, found
        return found

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """GET a path; return the JSON."""
        answer = self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def kill_worker(self, number: int = 0) -> None:
        """Kill the parent of a worker (SIGKILL); its processes end with it."""
        self.workers[number].send_signal(signal.SIGKILL)
        self.workers[number].wait()
