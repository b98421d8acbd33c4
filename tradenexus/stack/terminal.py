"""The demo's `nexus`: the real command line in a process of its own, speaking HTTP to the running stack."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tradenexus.stack.plan import PROJECT

LIMIT_S = 300.0


class CommandFailed(Exception):
    """A command of the story ended with an error; the message is what it printed."""


class Nexus:
    """Runs `nexus --json ...` as a person would, with the address and key of one stack."""

    def __init__(self, url: str, key: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # Its own configuration and transfer ledger: what the person at this machine has set up is not touched.
        self.env = {
            **os.environ,
            "NEXUS_URL": url,
            "NEXUS_TOKEN": key,
            "NEXUS_CONFIG": str(folder / "config.toml"),
            "NEXUS_NO_KEYRING": "1",
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONPATH": str(PROJECT),
        }

    def __call__(self, *words: str, accept: tuple[int, ...] = (0,)) -> Any:
        """Run one command; return its JSON. An exit code not in `accept` raises CommandFailed."""
        command = [sys.executable, "-m", "tradenexus.cli", "--json", "--no-input", "--yes", "--quiet", *words]
        run = subprocess.run(  # noqa: S603 - our own command line
            command, env=self.env, cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        if run.returncode not in accept:
            raise CommandFailed(f"nexus {' '.join(words)} ended with {run.returncode}: {run.stderr.strip()[-800:]}")
        return json.loads(run.stdout) if run.stdout.strip() else None
