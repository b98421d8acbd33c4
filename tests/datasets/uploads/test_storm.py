"""Many uploads at once whose connections are cut, closed and silenced at random bytes while their server is killed.

Each client believes only what it was told: an offset once given may never go back, the bytes before it must be the
sent ones, and in the end each file has the SHA-256 that its client counted.

NEXUS_STORM_SEED=N repeats a storm. `make soak` runs 300 uploads of up to 64 MiB with 20 kills (NEXUS_STORM_UPLOADS,
NEXUS_STORM_MIB, NEXUS_STORM_KILLS).
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import httpx
import pytest

from tests.kit import tus
from tests.kit.proxy import Proxy, random_plan
from tests.kit.server import Server

LEAF = 8 << 20
AT_ONCE = 10
PATIENCE_S = 4.0  # how long a client waits for an answer before it believes its connection dead
ATTEMPTS = 200


class Sender:
    """One client: sends one file through its own bad line until it is whole, then completes it."""

    def __init__(self, server: Server, seed: str, most_bytes: int) -> None:
        dice = random.Random(seed)
        self.server = server
        self.size = dice.choice([1, dice.randrange(1, LEAF // 4), *[dice.randrange(1, most_bytes + 1)] * 6])
        self.data = dice.randbytes(self.size)
        self.chunk = dice.choice([self.size, dice.randrange(1 << 16, LEAF)])
        cuts = islice(random_plan(dice.randrange(1 << 30), max(2, self.size)), dice.randrange(1, 6))
        self.proxy = Proxy(server.port, plan=list(cuts))
        self.promised = 0
        self.url = self.dataset = ""

    def run(self) -> None:
        """Send it all; AssertionError when a promise is broken or no attempt helps."""
        with self.proxy:
            for _ in range(ATTEMPTS):
                base = f"http://127.0.0.1:{self.proxy.port}"
                headers = {"Authorization": f"Bearer {self.server.owner}"}
                with httpx.Client(base_url=base, headers=headers, timeout=PATIENCE_S) as client:
                    try:
                        self._begin(client)
                        self._send(client)
                        self._complete(client)
                        return
                    except httpx.TransportError:
                        continue
        raise AssertionError(f"{self.url} did not get through: {self.proxy.met}")

    def _begin(self, client: httpx.Client) -> None:
        if not self.url:
            self.url = tus.create(client, self.size)
        if not self.dataset:
            self.dataset = client.get(self.url).json()["upload"]["datasetId"]

    def _send(self, client: httpx.Client) -> None:
        at = self._ask(client)
        while at < self.size:
            answer = tus.patch(client, self.url, at, self.data[at : at + self.chunk])
            if answer.status_code in (409, 423, 503):  # an older request still holds the file, or the server goes
                time.sleep(0.2)
                at = self._ask(client)
                continue
            assert answer.status_code == 204, (answer.status_code, answer.text)
            at = self.promised = int(answer.headers["upload-offset"])

    def _ask(self, client: httpx.Client) -> int:
        answer = client.head(self.url, headers=tus.HEADERS)
        assert answer.status_code == 200, answer.status_code
        at = int(answer.headers["upload-offset"])
        assert at >= self.promised, f"{self.url}: {self.promised} was promised, now it is {at}"
        with tus.path_of(self.server, self.url).open("rb") as stored:
            assert stored.read(at) == self.data[:at], f"{self.url}: other bytes before {at}"
        self.promised = at
        return at

    def _complete(self, client: httpx.Client) -> None:
        body = {"sha256": hashlib.sha256(self.data).hexdigest()}
        answer = client.post(f"/v1/datasets/{self.dataset}/uploads:complete", json=body)
        assert answer.status_code == 202, answer.text


class Reaper(threading.Thread):
    """Kills the server each time another share of the uploads is through, and starts it again."""

    def __init__(self, server: Server, kills: int, uploads: int, dice: random.Random) -> None:
        super().__init__()
        self.server, self.kills, self.dice = server, 0, dice
        self.through = 0
        self._due = [uploads * number // (kills + 1) for number in range(kills)]

    def run(self) -> None:
        for due in self._due:
            while self.through < due:
                time.sleep(0.02)
            time.sleep(self.dice.uniform(0.0, 0.7))
            self.server.kill()
            self.kills += 1
            self.server.start()


def storm(folder, uploads: int, most_bytes: int, kills: int) -> None:
    """Send, kill, ingest, and check every file."""
    seed = int(os.environ.get("NEXUS_STORM_SEED") or time.time_ns() % 100_000)
    print(f"NEXUS_STORM_SEED={seed}")
    limits = {"NEXUS_TENANT_OPEN_UPLOADS": "10000", "NEXUS_TENANT_QUOTA_BYTES": str(1 << 40)}
    with Server(folder, NEXUS_UPLOAD_IDLE_S="8", **limits) as server:
        reaper = Reaper(server, kills, uploads, random.Random(seed))
        reaper.start()

        def send(number: int) -> tuple[str, str, Counter[str]]:
            sender = Sender(server, f"{seed}-{number}", most_bytes)
            try:
                sender.run()
            finally:
                reaper.through += 1
            met = Counter(fault.end for fault in sender.proxy.met if fault.end)
            return sender.dataset, hashlib.sha256(sender.data).hexdigest(), met

        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                sent = list(pool.map(send, range(uploads)))
        finally:
            reaper.join()
        assert reaper.kills == kills
        print(f"{uploads} uploads, {kills} kills, met {sum((met for *_, met in sent), Counter())}")
        compare(server, {dataset: digest for dataset, digest, _ in sent})


def compare(server: Server, wanted: dict[str, str]) -> None:
    """Run the ingest jobs; each dataset then has one version, with the digest its client counted."""
    with server.client() as client:

        def shown(dataset: str) -> tuple[str, int, str]:
            found = client.get(f"/v1/datasets/{dataset}").json()["dataset"]
            return found["status"], found["version"], found["sha256"]

        for _ in range(40):
            server.work()
            found = {dataset: shown(dataset) for dataset in wanted}
            if all(status != "uploading" for status, *_ in found.values()):
                break
    assert found == {dataset: ("uploaded", 1, digest) for dataset, digest in wanted.items()}


def test_a_storm_loses_no_byte_and_no_promise(tmp_path):
    storm(tmp_path, uploads=10, most_bytes=9 << 20, kills=1)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_a_long_storm_loses_no_byte_and_no_promise(tmp_path):
    def given(name: str, usual: int) -> int:
        return int(os.environ.get(f"NEXUS_STORM_{name}") or usual)

    storm(tmp_path, given("UPLOADS", 300), given("MIB", 64) << 20, given("KILLS", 20))
