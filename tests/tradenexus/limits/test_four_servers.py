"""Four server processes on one database count as one: over HTTP, with and without Redis."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import websockets
from websockets.sync.client import connect

from tests.kit import redis
from tests.kit.server import ROOT, Server
from tests.tradenexus.limits.conftest import needs_redis

TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
LIMITS = {"NEXUS_READS_PER_MIN": "60", "NEXUS_WRITES_PER_MIN": "40", "NEXUS_OPEN_SOCKETS": "6"}


class Fleet:
    """Four servers, each at an address of its own, and the people of their one installation."""

    def __init__(self, folder, url):
        self.first = Server(folder, REDIS_URL=url, **LIMITS)
        self.urls = []

    def __enter__(self):
        self.processes = [self._start() for _ in range(4)]
        deadline = time.monotonic() + 120
        for url in self.urls:
            while not self._alive(url):
                assert time.monotonic() < deadline, (self.first.home / "server.log").read_text()[-2000:]
                time.sleep(0.1)
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
        self.first.__exit__()

    def _start(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.urls.append(f"http://127.0.0.1:{listener.getsockname()[1]}")
        command = [sys.executable, "-m", "tradenexus.stack.web", "tradenexus.asgi:application", str(listener.fileno())]
        with listener, (self.first.home / "server.log").open("ab") as log:
            return subprocess.Popen(
                command, env=self.first.environment, cwd=ROOT, pass_fds=[listener.fileno()], stdout=log, stderr=log
            )

    def _alive(self, url):
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
        return False

    def ask(self, each, method, path, key, **more):
        """Ask every server `each` times, all at once; return the answers."""
        clients = [httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=60) for url in self.urls]
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(client.request, method, path, **more) for _ in range(each) for client in clients]
            return [one.result() for one in asked]

    def watch(self, stack, number, key):
        """Open a socket at one of the servers; return it with its first frame, or what it was closed with."""
        address = self.urls[number % 4].replace("http", "ws") + "/ws/events"
        watcher = stack.enter_context(connect(address, additional_headers={"X-API-Key": key}))
        try:
            return watcher, json.loads(watcher.recv(10))["type"]
        except websockets.ConnectionClosed as closed:
            return watcher, (closed.rcvd.code, closed.rcvd.reason)


@pytest.fixture(scope="module", params=["no redis", pytest.param("redis", marks=needs_redis)])
def fleet(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(redis.RedisServer(folder)).url if request.param == "redis" else ""
        yield stack.enter_context(Fleet(folder, url))


def codes(answers):
    return Counter(answer.status_code for answer in answers)


def test_writes_and_reads_are_counted_once_each_over_four_servers(fleet):
    body = {"description": "short"}
    assert codes(fleet.ask(25, "POST", "/v1/strategies", fleet.first.owner, json=body)) == {400: 40, 429: 60}
    answers = fleet.ask(25, "GET", "/v1/me", fleet.first.owner)
    assert codes(answers) == {200: 60, 429: 40}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {answer.json()["error"]["code"] for answer in refused} == {"RATE_LIMITED"}
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
    # The key is used up at every server; other keys of the workspace and other workspaces are not touched.
    assert codes(fleet.ask(1, "GET", "/v1/me", fleet.first.owner)) == {429: 4}
    assert codes(fleet.ask(1, "GET", "/v1/me", fleet.first.viewer)) == {200: 4}
    assert codes(fleet.ask(1, "GET", "/v1/me", fleet.first.stranger)) == {200: 4}
    assert codes(fleet.ask(20, "GET", "/healthz", fleet.first.owner)) == {200: 80}


def test_upload_bytes_are_not_counted(fleet):
    with httpx.Client(base_url=fleet.urls[0], headers={"X-API-Key": fleet.first.stranger}, timeout=60) as client:
        said = {"filename": "a.csv", "contentType": "text/csv", "sizeBytes": 100}
        where = client.post("/v1/datasets/uploads:init", json=said).json()["uploadUrl"]
        where = httpx.URL(where).path
        for offset in range(100):
            head = {**TUS, "Upload-Offset": str(offset)}
            assert client.patch(where, content=b"x", headers=head).status_code == 204
            assert client.head(where, headers=TUS).headers["Upload-Offset"] == str(offset + 1)


def test_sockets_are_counted_over_four_servers_and_a_closed_one_comes_free(fleet):
    with contextlib.ExitStack() as stack:
        watchers = [fleet.watch(stack, number, fleet.first.viewer) for number in range(8)]
        full = (4029, "6 sockets are open for this key or person; close one, or poll")
        assert Counter(told for _, told in watchers) == {"hello": 6, full: 2}
        assert fleet.watch(stack, 0, fleet.first.stranger)[1] == "hello"
        watchers[0][0].close()
        deadline = time.monotonic() + 10
        while (told := fleet.watch(stack, 3, fleet.first.viewer)[1]) != "hello":  # the server notices a moment later
            assert time.monotonic() < deadline, told


@needs_redis
def test_a_lost_redis_stops_no_request(tmp_path):
    with redis.RedisServer(tmp_path) as server, Server(tmp_path, REDIS_URL=server.url, **LIMITS) as one:
        with one.client() as client:
            assert client.get("/v1/me").status_code == 200
            server.kill()
            assert [client.get("/v1/me").status_code for _ in range(20)] == [200] * 20
            server.start()
            time.sleep(5.5)
            assert client.get("/v1/me").status_code == 200
            assert len(server.client.keys("nexus:limit:reads:key:*")) == 1
