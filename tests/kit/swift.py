"""A real S3 server of a test run's own: OpenStack Swift with its s3api, four processes on one folder, from PyPI.

with Swift(folder) as server:
    server.url, server.access_key, server.secret_key     # s3v4, path addressing
    server.make_bucket()                                  # a new bucket, empty
    server.variables(bucket)                              # the product's settings for it, as environment variables
"""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / "build" / "swift-venv"
START_S = 60

_HASHES = """
[swift-hash]
swift_hash_path_suffix = tests
"""
_BACK = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
workers = 0
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
db_preallocation = off
log_level = WARNING
recon_cache_path = {folder}
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
# symlink stands after versioned_writes, or Swift refuses the pipeline.
_PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
workers = 0
swift_dir = {folder}
log_level = WARNING
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats s3api tempauth slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
check_bucket_owner = false
max_upload_part_num = 10000
dns_compliant_bucket_names = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
"""
_RINGS = """
import sys
from swift.common.ring import RingBuilder
folder = sys.argv[1]
for name, port in zip(("account", "container", "object"), sys.argv[2:]):
    builder = RingBuilder(4, 1, 0)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "one", "weight": 1.0})
    builder.rebalance()
    builder.get_ring().save(f"{folder}/{name}.ring.gz")
"""


class CannotRun(RuntimeError):
    """Swift cannot be installed or cannot store on this file system; the message says why."""


def install() -> None:
    """Make Swift's virtual environment, once for all test processes; CannotRun with the installer's last words."""
    VENV.parent.mkdir(exist_ok=True)
    with (VENV.parent / "swift-venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [str(ROOT / "requirements" / "install.sh"), str(VENV), "swift"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(f"Swift cannot be installed: {done.stderr.strip()[-500:]}")


class Swift:
    """The processes, their address and a client with the rights of their one user."""

    access_key = "test:tester"
    region = "us-east-1"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secret_key = uuid4().hex
        (folder / "devices" / "one").mkdir(parents=True)
        try:
            os.setxattr(folder / "devices" / "one", "user.nexus", b"1")
        except OSError as error:
            raise CannotRun(f"no extended attributes in {folder}: {error}") from error
        install()
        self.ports = dict(zip(("account", "container", "object", "proxy"), _free_ports(4), strict=True))
        self.url = f"http://127.0.0.1:{self.ports['proxy']}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._configure()

    def _configure(self) -> None:
        (self.folder / "swift.conf").write_text(_HASHES)
        given = {"folder": self.folder, "user": getpass.getuser(), "secret": self.secret_key}
        for name, port in self.ports.items():
            text = _PROXY if name == "proxy" else _BACK
            (self.folder / f"{name}.conf").write_text(text.format(name=name, port=port, **given))
        rings = [str(self.ports[name]) for name in ("account", "container", "object")]
        subprocess.run([VENV / "bin" / "python", "-c", _RINGS, self.folder, *rings], check=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start its processes and wait until all answer."""
        for name in self.ports:
            self._launch(name)
        for name in self.ports:
            self._await(name)

    def _launch(self, name: str) -> None:
        command = [VENV / "bin" / "python", VENV / "bin" / f"swift-{name}-server", self.folder / f"{name}.conf", "-v"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, env={**os.environ, "PYTHONWARNINGS": "ignore"}, stdout=log, stderr=log
            )

    def _await(self, name: str) -> None:
        deadline = time.monotonic() + START_S
        while not _listens(self.ports[name]):
            if time.monotonic() > deadline or self._processes[name].poll() is not None:
                self.stop()
                raise RuntimeError(f"swift-{name}-server: {(self.folder / f'{name}.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End all its processes at once."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        self._processes.clear()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let nobody reach it for the time of the block."""
        self._processes["proxy"].kill()
        self._processes["proxy"].wait()
        try:
            yield
        finally:
            self._launch("proxy")
            self._await("proxy")

    def client(self) -> Any:
        """Return a boto3 client of the server's user."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def make_bucket(self) -> str:
        """Make a new bucket and return its name."""
        name = f"nexus-{uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name

    def variables(self, bucket: str, prefix: str = "") -> dict[str, str]:
        """Return the environment variables that make the product keep its data there."""
        return {
            "NEXUS_STORAGE": f"s3://{bucket}/{prefix}".rstrip("/"),
            "NEXUS_S3_ENDPOINT": self.url,
            "NEXUS_S3_ACCESS_KEY": self.access_key,
            "NEXUS_S3_SECRET_KEY": self.secret_key,
        }


def _free_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
