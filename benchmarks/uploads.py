"""Uploads beside the reference server: bytes a second at 1 and 8 clients, and the server's memory meanwhile.

Ours digests each leaf and answers only when the bytes are durable (it has no other mode); @tus/server with its file
store hashes nothing and syncs nothing. Both serve the same clients on the same disk in the same run, taking turns.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from benchmarks import peers
from benchmarks.figures import Figure, median
from benchmarks.installation import Installation
from benchmarks.sizes import Sizes
from tradenexus.stack import kernel

TUS = {"Tus-Resumable": "1.0.0"}
CLIENTS = (1, 8)
OURS, PLAIN, SHA256 = "ours", "@tus/server", "ours, sha256 sent"


def measure(sizes: Sizes) -> list[Figure]:
    """Send files of `upload_bytes` by 1 and by 8 clients to each server, in turn; return speeds, memory and ratios."""
    with tempfile.TemporaryDirectory(prefix="nexus-bench-") as folder, Installation() as stack:
        body = Path(folder, "body")
        body.write_bytes(os.urandom(1 << 20) * (sizes.upload_bytes >> 20))
        digest = base64.b64encode(hashlib.sha256(body.read_bytes()).digest()).decode()
        with _Peer(Path(folder, "peer")) as peer:
            ours = _Target(_port(stack.url), "/v1/uploads/", _web(stack), {"Authorization": f"Bearer {stack.key}"})
            theirs = _Target(peer.port, "/files", peer.pid, {})
            signed = {"Upload-Checksum": f"sha256 {digest}"}
            turns: dict[str, Callable[[int], tuple[float, float]]] = {
                OURS: lambda clients: ours.take(body, clients),
                PLAIN: lambda clients: theirs.take(body, clients),
                SHA256: lambda clients: ours.take(body, clients, signed),
            }
            seen = {(name, clients): [] for name in turns for clients in CLIENTS}  # type: ignore[var-annotated]
            for number in range(sizes.rounds + 1):
                for clients in CLIENTS:
                    for name in list(turns) if number % 2 else list(turns)[::-1]:
                        told = turns[name](clients)
                        if number:  # the first round warms up
                            seen[name, clients].append(told)
    return _figures(seen, sizes)


def _figures(seen: Mapping[tuple[str, int], list[tuple[float, float]]], sizes: Sizes) -> list[Figure]:
    note = f"{sizes.upload_bytes >> 20} MiB each"
    told = []
    for (name, clients), samples in seen.items():
        memory = max(rss for _, rss in samples)
        told.append(median(f"{name}, {clients} clients", [speed for speed, _ in samples], "MB/s",
                           note=f"{note}, server {memory:.0f} MiB"))  # fmt: skip
    for clients in CLIENTS:
        for name, least in ((OURS, 1.1), (SHA256, 0.85)):
            pairs = zip(seen[name, clients], seen[PLAIN, clients], strict=True)
            ratios = [mine[0] / theirs[0] for mine, theirs in pairs]
            told.append(median(f"{name} / {PLAIN}, {clients} clients", ratios, "x", least, at_least=True))
        mine, theirs = (statistics.median(rss for _, rss in seen[name, clients]) for name in (OURS, PLAIN))
        told.append(Figure(f"server memory / {PLAIN}, {clients} clients", mine / theirs, "x", 0.6))
    return told


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1].strip("/"))


def _web(stack: Installation) -> int:
    """Return the process that takes the bytes."""
    return int(stack.home.read_state()["pids"]["web"])


class _Peer:
    """@tus/server over a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        self.folder.mkdir()
        self.process = subprocess.Popen(["node", "tus.js", self.folder], cwd=peers.node(), stdout=subprocess.PIPE,
                                        text=True, preexec_fn=kernel.die_with_parent)  # fmt: skip
        assert self.process.stdout is not None
        self.port, self.pid = int(self.process.stdout.readline()), self.process.pid
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Target:
    """A tus server: takes files from clients on plain sockets and tells how fast, and how large it grew."""

    def __init__(self, port: int, path: str, pid: int, headers: Mapping[str, str]) -> None:
        self.port, self.path, self.pid, self.headers = port, path, pid, {**TUS, **headers}

    def take(self, body: Path, clients: int, more: Mapping[str, str] | None = None) -> tuple[float, float]:
        """Send the file once by each of `clients` at the same time -> (MB/s of all together, peak RSS in MiB)."""
        size = body.stat().st_size
        name = base64.b64encode(b"tape.csv").decode()
        made = {"Upload-Length": str(size), "Upload-Metadata": f"filename {name}"}
        places = [self._ask("POST", self.path, made)["location"] for _ in range(clients)]
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # the peak starts anew
        gate, failed = threading.Barrier(clients + 1), list[str]()
        threads = [
            threading.Thread(target=self._send, args=(place, body, more or {}, gate, failed)) for place in places
        ]
        for thread in threads:
            thread.start()
        gate.wait()
        began = time.perf_counter()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - began
        peak = _peak_mib(self.pid)
        for place in places:
            self._ask("DELETE", place, {})
        if failed:
            raise RuntimeError(f"{self.path}: {failed[0]}")
        return clients * size / took / 1e6, peak

    def _send(
        self, place: str, body: Path, more: Mapping[str, str], gate: threading.Barrier, failed: list[str]
    ) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as wire, body.open("rb") as file:
            given = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0", **more}
            head = self._head("PATCH", place, {**given, "Content-Length": str(body.stat().st_size)})
            gate.wait()
            wire.sendall(head)
            wire.sendfile(file)
            answer = wire.recv(4096).decode("latin-1")
            if " 204 " not in answer.partition("\r\n")[0]:
                failed.append(answer)

    def _ask(self, method: str, place: str, given: Mapping[str, str]) -> dict[str, str]:
        with socket.create_connection(("127.0.0.1", self.port)) as wire:
            wire.sendall(self._head(method, place, {"Content-Length": "0", "Connection": "close", **given}))
            answer = b"".join(iter(lambda: wire.recv(4096), b"")).decode("latin-1")
        first, *lines = answer.partition("\r\n\r\n")[0].split("\r\n")
        if first.split()[1] not in ("201", "204"):
            raise RuntimeError(f"{method} {place}: {answer}")
        pairs = (line.partition(":") for line in lines)
        return {key.lower(): value.strip() for key, _, value in pairs}

    def _head(self, method: str, place: str, given: Mapping[str, str]) -> bytes:
        path = place if place.startswith("/") else "/" + place.split("/", 3)[3]
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{key}: {value}" for key, value in {**self.headers, **given}.items()]
        return "\r\n".join([*lines, "", ""]).encode()


def _peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
