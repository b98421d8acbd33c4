"""A real server process (uvicorn, its own home and SQLite file) for tests that talk to it over sockets.

with Server(tmp_path) as server:
    server.owner, server.stranger          # API keys of two workspaces
    server.kill(); server.start()          # as often as wanted, on the same data
    server.work()                          # run the queued jobs until none is due
    with server.working(): ...             # run them as they come
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
_SEED = """
import json, django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tests.kit import people
from tradenexus.tenancy.models import Tenant
first, second = Tenant.objects.create(name="first"), Tenant.objects.create(name="second")
made = {"owner": people.make("owner@example.org", first), "viewer": people.make("viewer@example.org", first, "viewer"),
        "stranger": people.make("stranger@example.org", second)}
print(json.dumps({name: person.key for name, person in made.items()}))
"""
_WORK = """
import time, django; django.setup()
from tradenexus.jobs import runner, sweep
from tradenexus.jobs.models import LIVE, Job
done, deadline = 0, time.monotonic() + 30
while time.monotonic() < deadline:
    sweep.gone()
    done += runner.wake()
    if not Job.everyone.filter(state__in=LIVE).exists():
        break
    time.sleep(0.2)
print(done)
"""
_WORKER = """
import os, time, django; django.setup()
from tradenexus.jobs import runner, sweep
parent = os.getppid()
while os.getppid() == parent:
    sweep.gone()
    if not runner.wake():
        time.sleep(0.05)
"""


_seeded: dict[str, Any] = {}


class Server:
    """The process, its address and the keys of its people."""

    def __init__(self, folder: Path, **settings: str):
        self.home = folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        given = os.environ.get("DATABASE_URL", "")
        self._postgres = given if given.startswith("postgres") else ""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEXUS_", "DATABASE_"))}
        self.environment = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "tradenexus.settings",
            "NEXUS_HOME": str(self.home),
            "NEXUS_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ",
            "PYTHONPATH": str(ROOT),
            # Counted as ever, but tests ask faster than people and programs may.
            "NEXUS_READS_PER_MIN": "1000000",
            "NEXUS_WRITES_PER_MIN": "1000000",
            **settings,
        }
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.patience_s = 120.0  # for code and jobs run beside the server
        keys = self._seed()
        self.owner, self.viewer, self.stranger = keys["owner"], keys["viewer"], keys["stranger"]

    def _seed(self) -> dict[str, str]:
        """Make the database with its people, or copy the one that an earlier server of this run made."""
        if self._postgres:
            self.environment["DATABASE_URL"] = _database(self._postgres, _seeded.get("database"))
        file = self.home / "nexus.sqlite3"
        if not _seeded:
            _seeded["keys"] = json.loads(self.run(_SEED).splitlines()[-1])
            if self._postgres:
                _seeded["database"] = self.environment["DATABASE_URL"]
                self.environment["DATABASE_URL"] = _database(self._postgres, _seeded["database"])
            else:
                with contextlib.closing(sqlite3.connect(file)) as connection:
                    _seeded["copy"] = connection.serialize()
        elif not self._postgres:
            file.write_bytes(_seeded["copy"])
        return dict(_seeded["keys"])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._listener.close()
        if self._postgres:
            _drop(self._postgres, self.environment["DATABASE_URL"])

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self, **settings: str) -> None:
        """Start the process on the same address and wait until it answers."""
        descriptor = self._listener.fileno()
        log = (self.home / "server.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tradenexus.stack.web", "tradenexus.asgi:application", str(descriptor)],
            env={**self.environment, **settings},
            cwd=ROOT,
            pass_fds=[descriptor],
            stdout=log,
            stderr=log,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.options(f"{self.url}/v1/uploads/", timeout=5).status_code == 204:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(f"the server did not start: {(self.home / 'server.log').read_text()[-4000:]}")

    def wait_killed(self, place: str = "") -> None:
        """Wait until the process has died of itself, at the place (tradenexus.failpoints) when one was armed."""
        assert self._process is not None
        assert self._process.wait(30) == -signal.SIGKILL
        last = (self.home / "server.log").read_text().rpartition("NEXUS_FAIL_AT: killed at ")[2]
        assert not place or last == f"{place.partition(':')[0]}\n"

    def work_until_killed(self, place: str) -> None:
        """Run jobs until the process that runs them dies at the place."""
        try:
            self.work(NEXUS_FAIL_AT=place)
        except RuntimeError as death:
            assert f"killed at {place.partition(':')[0]}\n" in str(death)  # noqa: PT017 - the caller must not need it
        else:
            raise AssertionError(f"{place} was not reached")

    def kill(self) -> None:
        """End the process at once (SIGKILL)."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self, wait_s: float = 30) -> float:
        """End the process politely (SIGTERM); return how many seconds it took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(wait_s)
        return time.monotonic() - began

    def run(self, code: str, **settings: str) -> str:
        """Run Python code in the server's environment; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**self.environment, **settings},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=self.patience_s,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-4000:])
        return done.stdout

    def work(self, **settings: str) -> int:
        """Run jobs until none is left, those of dead workers included; return how many ran."""
        return int(self.run(_WORK, **settings).split()[-1])

    @contextlib.contextmanager
    def working(self, code: str = _WORKER) -> Iterator[None]:
        """Run jobs as they come (or other code that does not end), in a process of its own, while the block lasts."""
        with (self.home / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-c", code], env=self.environment, cwd=ROOT, stdout=log, stderr=log
            )
        try:
            yield
            assert worker.poll() is None, (self.home / "worker.log").read_text()[-4000:]
        finally:
            worker.kill()
            worker.wait()

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        """Return an HTTP client with a key (default the owner's)."""
        given = {"Authorization": f"Bearer {key or self.owner}", **headers}
        return httpx.Client(base_url=self.url, headers=given, timeout=60)

    def resident_bytes(self) -> int:
        """Return the process's resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")


def log_of(server: Server) -> list[dict[str, Any]]:
    """Return the server's log lines that are JSON."""
    lines = (server.home / "server.log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def _database(url: str, template: str | None) -> str:
    """Make a PostgreSQL database, empty or as a copy; return its address."""
    import psycopg

    name = f"nexus_kit_{uuid4().hex[:12]}"
    source = f" TEMPLATE {template.rsplit('/', 1)[1]}" if template else ""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}{source}")
    if template is None:
        atexit.register(_drop, url, name)
    return f"{url.rsplit('/', 1)[0]}/{name}"


def _drop(url: str, address: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {address.rsplit('/', 1)[-1]} WITH (FORCE)")
