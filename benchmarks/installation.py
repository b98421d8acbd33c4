"""A stack of its own for a benchmark: the real `python -m tradenexus.stack up` on a fresh home, and a client to it."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx

from tradenexus.stack import kernel
from tradenexus.stack.home import Home

ROOT = Path(__file__).resolve().parent.parent
PIECE_BYTES = 32 << 20
TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


def environment() -> dict[str, str]:
    """Return this process's environment without settings: the embedded stack is what is measured.

    Requests and uploads are counted as ever (what that costs is measured too), but none is one too many.
    """
    ours = ("NEXUS_", "LONA_", "DATABASE_URL", "REDIS_URL", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    limits = ("NEXUS_READS_PER_MIN", "NEXUS_WRITES_PER_MIN", "NEXUS_TENANT_OPEN_UPLOADS", "NEXUS_OPEN_SOCKETS")
    return {**kept, **dict.fromkeys(limits, "1000000000")}


class Installation:
    """A running stack; `with Installation() as stack: stack.http.get("/v1/datasets")`. Nothing of it stays.

    Keywords are settings by their names in the environment.
    """

    def __init__(self, **env: str) -> None:
        self.env = {**environment(), **env}
        self.folder = Path(tempfile.mkdtemp(prefix="nexus-bench-"))
        self.home = Home(self.folder)
        self.url = ""

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self) -> None:
        """Stop the stack and start it again on the same home."""
        self._stop()
        self._start()

    def _start(self) -> None:
        began = time.monotonic()
        command = [sys.executable, "-m", "tradenexus.stack", "up", "--port", "0", "--home", str(self.folder)]
        self.log = (self.folder / "up.log").open("wb")
        self.process = subprocess.Popen(command, env=self.env, cwd=ROOT, stdout=self.log, stderr=self.log,
                                        preexec_fn=kernel.die_with_parent)  # fmt: skip
        state: dict[str, Any] = {}
        while not (state.get("ready") and self.home.api_key_file.exists()):
            if self.process.poll() is not None or time.monotonic() > began + 150:
                raise RuntimeError(f"the stack did not come up: {(self.folder / 'up.log').read_text()[-2000:]}")
            time.sleep(0.1)
            state = self.home.read_state()
        self.up_s = time.monotonic() - began
        self.url, self.key = state["url"], self.home.api_key_file.read_text().strip()
        self.http = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=60)

    def _stop(self) -> None:
        self.http.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()

    @property
    def pid(self) -> int:
        """The process below which all of the stack runs (itself a part of it)."""
        return self.process.pid

    def run(self, *words: str) -> str:
        """Run a Python module beside the stack, with its settings; return what it printed."""
        env = {**self.env, "NEXUS_HOME": str(self.folder), "DJANGO_SETTINGS_MODULE": "tradenexus.settings"}
        done = subprocess.run([sys.executable, "-m", *words], env=env, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-4000:])
        return done.stdout

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """POST JSON and return the JSON answer."""
        answer = self.http.post(path, json=body)
        if not answer.is_success:
            raise RuntimeError(f"POST {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    def upload(self, data: bytes, name: str, filename: str = "tape.csv") -> str:
        """Send a file the way a client does; return the dataset's id when the version is `uploaded`."""
        sha256 = hashlib.sha256(data).hexdigest()
        said = {"filename": filename, "contentType": "text/csv", "sizeBytes": len(data), "name": name, "venue": "SIM"}
        opened = self.post("/v1/datasets/uploads:init", **said)
        for offset in range(0, len(data), PIECE_BYTES):
            piece = data[offset : offset + PIECE_BYTES]
            sent = self.http.patch(opened["uploadUrl"], content=piece, headers={**TUS, "Upload-Offset": str(offset)})
            sent.raise_for_status()
        done = self.post(f"/v1/datasets/{opened['datasetId']}/uploads:complete", sha256=sha256)
        self.ended(done["job"])
        return opened["datasetId"]

    def ended(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait for a job and return it; RuntimeError unless it succeeded, or when what it read was found bad."""
        while job["state"] in ("queued", "running"):
            job = self.http.get(f"/v1/jobs/{job['id']}", params={"wait": 20}).json()["job"]
        if job["state"] != "succeeded":
            raise RuntimeError(f"{job['kind']} {job['state']}: {job['error']}")
        if (job["result"] or {}).get("grade") == "RED":
            log = self.http.get(job["links"]["log"]).text
            raise RuntimeError(f"{job['kind']} found the file bad: {log[-1000:]}")
        return job


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds between two times of the API."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
