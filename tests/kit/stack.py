"""A running embedded stack (`python -m tradenexus.stack up`) on a home of its own, for tests that tell the story.

Always embedded, whatever the suite runs on, and tied to the tests: a killed run leaves nothing behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from datasets.engine import child
from tradenexus.stack import kernel
from tradenexus.stack.home import Home
from tradenexus.stack.story import Story
from tradenexus.stack.terminal import Nexus

ROOT = Path(__file__).resolve().parents[2]
ROWS = 40_000


class Stack:
    """The stack; `rows` is the length of the tape its story is told with."""

    def __init__(self, root: Path, rows: int = ROWS, **settings: str) -> None:
        self.rows = rows
        self.home = Home(root)
        self.home.make()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("NEXUS_", "LONA_", "DJANGO_"))}
        kept.pop("DATABASE_URL", None)
        kept.pop("REDIS_URL", None)
        # A killed worker's job is taken over soon: the test need not wait a minute.
        kept |= {"NEXUS_JOB_LEASE_S": "4", "NEXUS_JOB_HEARTBEAT_S": "1", **settings}
        command = [sys.executable, "-m", "tradenexus.stack", "up", "--port", "0", "--home", str(root)]
        self.terminal = root.with_name(f"{root.name}.terminal")
        with self.terminal.open("w") as out:
            self.process = subprocess.Popen(
                command, env=kept, cwd=ROOT, stdout=out, stderr=out, preexec_fn=kernel.die_with_parent
            )
        self.state = self._ready()

    def _ready(self) -> dict:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            state = self.home.read_state()
            if state.get("ready") and self.home.api_key_file.exists():
                return state
            time.sleep(0.1)
        self.end()
        raise AssertionError(self.terminal.read_text())

    @property
    def key(self) -> str:
        """The API key of the person at this machine."""
        return self.home.api_key_file.read_text().strip()

    def nexus(self) -> Nexus:
        """Return the real command line, set up for this stack."""
        return Nexus(self.state["url"], self.key, self.home.root / "demo")

    def story(self) -> Story:
        """Return the story, not yet told."""
        return Story(self.nexus(), self.home.root / "demo", rows=self.rows)

    def pids(self) -> dict[str, int]:
        """The processes now, by name; a dead one has none."""
        return {name: pid for name, pid in self.home.read_state().get("pids", {}).items() if pid}

    def ours(self) -> list[int]:
        """Return the ids of all living processes of this stack."""
        return kernel.descendants(self.process.pid)

    def targets(self, victim: str) -> list[int]:
        """Return the processes a victim's name stands for: a service, `idle workers` or `engine`; [] while down."""
        ours = self.ours()
        if victim == "engine":
            return [pid for pid in ours if is_reader(pid)]
        pid = self.pids().get("worker" if victim == "idle workers" else victim)
        if pid not in ours:
            return []
        if victim != "idle workers":
            return [pid]
        return [one for one in kernel.descendants(pid) if one in ours and not is_reader(one)]

    def kill(self, victim: str) -> list[int]:
        """Kill a process of this stack by name, or the worker's own children; return who was hit."""
        hit = self.targets(victim)
        kernel.send(hit, signal.SIGKILL)
        return hit

    def stop(self) -> None:
        """End the stack politely; nothing of it may be left."""
        everyone = self.ours()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        assert not [pid for pid in everyone if Path(f"/proc/{pid}").exists()], "something was left behind"

    def end(self) -> None:
        """Stop unless it has ended already."""
        if self.process.poll() is None:
            self.stop()


def is_reader(pid: int) -> bool:
    """Tell whether it is a capped child that reads a file."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == child.NAME
    except OSError:
        return False
