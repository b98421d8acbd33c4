"""A running embedded stack for one test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tradenexus.stack import kernel
from tradenexus.stack.home import Home
from tradenexus.stack.story import Story
from tradenexus.stack.terminal import Nexus

ROOT = Path(__file__).resolve().parents[3]
ROWS = 40_000


class Stack:
    """`python -m tradenexus.stack up` on a home of its own, always embedded, whatever the suite runs on."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root)
        self.home.make()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("NEXUS_", "LONA_", "DJANGO_"))}
        kept.pop("DATABASE_URL", None)
        kept.pop("REDIS_URL", None)
        # A killed worker's job is taken over soon: the test need not wait a minute.
        kept |= {"NEXUS_JOB_LEASE_S": "4", "NEXUS_JOB_HEARTBEAT_S": "1"}
        command = [sys.executable, "-m", "tradenexus.stack", "up", "--port", "0", "--home", str(root)]
        # Tied to the tests: a killed run leaves nothing behind.
        self.process = subprocess.Popen(
            command, env=kept, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=kernel.die_with_parent
        )
        self.state = self._ready()

    def _ready(self) -> dict:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            state = self.home.read_state()
            if state.get("ready") and self.home.api_key_file.exists():
                return state
            time.sleep(0.1)
        self.stop()
        raise AssertionError(self.process.stdout.read())

    def story(self) -> Story:
        nexus = Nexus(self.state["url"], self.home.api_key_file.read_text().strip(), self.home.root / "demo")
        return Story(nexus, self.home.root / "demo", rows=ROWS)

    def pids(self) -> dict[str, int]:
        """The processes now, by name; a dead one has none."""
        return {name: pid for name, pid in self.home.read_state().get("pids", {}).items() if pid}

    def kill(self, victim: str) -> list[int]:
        """Kill a process of this stack by name, or the worker's own children; return who was hit."""
        ours = set(kernel.descendants(self.process.pid))
        pid = self.pids().get("worker" if victim == "idle workers" else victim)
        if pid not in ours:
            return []  # down at this moment
        targets = kernel.descendants(pid) if victim == "idle workers" else [pid]
        hit = [target for target in targets if target in ours]
        kernel.send(hit, signal.SIGKILL)
        return hit

    def stop(self) -> None:
        everyone = kernel.descendants(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        assert not [pid for pid in everyone if Path(f"/proc/{pid}").exists()], "something was left behind"


@pytest.fixture
def stack(tmp_path):
    running = Stack(tmp_path / "home")
    yield running
    if running.process.poll() is None:
        running.stop()
