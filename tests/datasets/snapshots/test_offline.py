"""With the network off everything works: a snapshot, its proof, its files, its matrix; and nothing tries to connect."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.kit import stocked
from tests.kit.server import ROOT, Server

_CODE = (
    """
import socket

def refuse(*arguments):
    raise AssertionError(f"something connects: {arguments[1:]}")

def outside():
    try:
        real(socket.socket(), ("127.0.0.1", 9))
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
real = socket.socket.connect
reachable = outside()
socket.socket.connect = socket.socket.connect_ex = refuse
"""
    + stocked.CODE
    + """
import json
from datasets.selector import matrices
from datasets.snapshots import freeze, materialise, verify
from tradenexus import db
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job
with db.atomic():
    verify.request(owner.actor, snapshot)
    materialise.request(owner.actor, snapshot, "segments")
    materialise.request(owner.actor, snapshot, "single")
    matrix, _ = matrices.request(owner.actor, snapshot, list(stocked.NAMES))
while runner.wake():
    pass
jobs = {f"{job.kind} {job.params.get('layout', '')}".strip(): job.state for job in Job.everyone.all()}
matrix.refresh_from_db()
print(json.dumps({"jobs": jobs, "matrix": matrix.sha256, "reachable": reachable}))
"""
)


@pytest.fixture
def server(tmp_path):
    if os.environ.get("DATABASE_URL", "").startswith("postgres") or os.environ.get("REDIS_URL"):
        pytest.skip("database or Redis are reached over the network here")
    return Server(tmp_path)


def told(server, *before: str) -> dict:
    command = [*before, sys.executable, "-c", _CODE]
    done = subprocess.run(
        command, env=server.environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["jobs"].values()) == {"succeeded"}
    assert len(found["jobs"]) == 4
    assert len(found["matrix"]) == 64
    return found


def test_no_socket_is_connected(server):
    assert told(server)["reachable"] is True


def test_everything_works_with_the_network_off(server):
    off = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    if not shutil.which("unshare") or subprocess.run([*off, "true"], check=False).returncode:
        pytest.skip("this system lets no process leave the network")
    assert told(server, *off)["reachable"] is False
