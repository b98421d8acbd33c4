"""A file far larger than memory may be goes up, is hashed and stored with the memory of all processes flat.

Nothing of it lies at the client: it is made while it is sent. NEXUS_HUGE_MIB (usually 10,240) says how large it is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kit import tus
from tests.kit.server import Server
from tradenexus.stack import kernel

MIB = 1 << 20
ROLES = {b"tradenexus.stack.web": "web", b"datasets.engine.forkserver": "child", b"\0-c\0": "worker"}


class Sampler(threading.Thread):
    """Looks at the resident memory of our processes ten times a second and keeps the peak of each role."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak: dict[str, int] = {}
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.1):
            for pid in kernel.descendants(os.getpid()):
                self._look(Path(f"/proc/{pid}"))

    def _look(self, process: Path) -> None:
        try:
            command, status = (process / "cmdline").read_bytes(), (process / "status").read_text()
        except OSError:  # it has ended meanwhile
            return
        role = next((role for mark, role in ROLES.items() if mark in command), "")
        held = [int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS")]
        if role and held:
            self.peak[role] = max(self.peak.get(role, 0), held[0])

    def stop(self) -> dict[str, int]:
        """End; return the peaks in MiB."""
        self._over.set()
        self.join()
        return {role: size // MIB for role, size in self.peak.items()}


def blocks(count: int, digest) -> Iterator[bytes]:
    """Yield so many different MiB, and feed them to the digest."""
    base = os.urandom(MIB - 8)
    for number in range(count):
        block = number.to_bytes(8) + base
        digest.update(block)
        yield block


def wanted_mib(folder: Path) -> int:
    """Return how large the file is to be; skip where the disk has not the room for it and a tenth more."""
    size = int(os.environ.get("NEXUS_HUGE_MIB") or 10_240)
    free = shutil.disk_usage(folder).free // MIB
    if free < size * 1.1:
        pytest.skip(f"{size} MiB are to go up and {free} MiB are free (NEXUS_HUGE_MIB makes it smaller)")
    return size


@pytest.fixture
def room(tmp_path):
    yield tmp_path
    shutil.rmtree(tmp_path)  # the last runs' folders are kept, but not gigabytes


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_a_file_of_ten_gigabytes_goes_up_and_in_with_flat_memory(room):
    size, digest = wanted_mib(room), hashlib.sha256()
    limits = {"NEXUS_MAX_UPLOAD_BYTES": str(1 << 40), "NEXUS_TENANT_QUOTA_BYTES": str(1 << 41)}
    with Server(room, **limits) as server, server.client() as client:
        server.patience_s = 3_000
        client.timeout = httpx.Timeout(600)
        warm(client)
        before, sampler = server.resident_bytes() // MIB, Sampler()
        sampler.start()
        url = tus.create(client, size * MIB)
        headers = {**tus.BODY, "Upload-Offset": "0", "Content-Length": str(size * MIB)}
        assert client.patch(url, content=blocks(size, digest), headers=headers).status_code == 204
        dataset = client.get(url).json()["upload"]["datasetId"]
        path = f"/v1/datasets/{dataset}/uploads:complete"
        assert client.post(path, json={"sha256": digest.hexdigest()}).status_code == 202
        server.work()
        shown = client.get(f"/v1/datasets/{dataset}").json()["dataset"]
        assert (shown["status"], shown["sha256"]) == ("uploaded", digest.hexdigest())
        peak = sampler.stop()
        print(f"{size} MiB: web {before} MiB at rest, peaks {peak}")
        assert peak["web"] - before < 64
        assert peak["worker"] < 200


def warm(client: httpx.Client) -> None:
    """Let the server have had its first upload."""
    url = tus.create(client, 8 * MIB)
    assert tus.patch(client, url, 0, bytes(8 * MIB)).status_code == 204
    client.delete(url, headers=tus.HEADERS)
