"""Connections that are cut, go silent, or lose their server: what was received stays, and HEAD tells the truth."""

from __future__ import annotations

import hashlib
import os
import random
import threading
import time

import httpx
import pytest

from tests.kit import tus
from tests.kit.server import Server

LEAF = 8 << 20


def stored(server: Server, url: str) -> bytes:
    return tus.path_of(server, url).read_bytes()


@pytest.mark.parametrize("size", [1, 65_535, 300_000, (1 << 20) + 1, LEAF + 12_345])
def test_a_polite_cut_loses_no_byte(server, client, size):
    data = os.urandom(size)
    url = tus.create(client, size + 1000)
    wire = tus.Wire(server, url, 0, size + 1000)
    wire.send(data)
    wire.finish()
    assert tus.settled(client, url, size) == size
    assert stored(server, url) == data


def test_after_any_cut_the_offset_head_gives_is_accepted(server, client):
    dice = random.Random(7)
    data = os.urandom(3 << 20)
    url = tus.create(client, len(data))
    at = cuts = 0
    while at < len(data):
        size = dice.randrange(1, 700_000)
        wire = tus.Wire(server, url, at, len(data) - at)
        wire.send(data[at : at + size])
        if at + size >= len(data):
            assert wire.status() == 204
        dice.choice([wire.finish, wire.reset])()
        at, cuts = tus.offset(client, url), cuts + 1
        assert stored(server, url)[:at] == data[:at]
    assert cuts > 3
    assert hashlib.sha256(stored(server, url)).digest() == hashlib.sha256(data).digest()


def test_a_cut_body_with_a_checksum_counts_for_nothing(server, client):
    url = tus.create(client, 1000)
    wire = tus.Wire(server, url, 0, 1000, "Upload-Checksum: sha1 " + "A" * 27 + "=")
    wire.send(b"x" * 999)
    wire.finish()
    time.sleep(0.3)
    assert tus.offset(client, url) == 0
    assert tus.patch(client, url, 0, b"y" * 1000).status_code == 204
    assert stored(server, url) == b"y" * 1000


def test_a_silent_body_is_cut_and_its_prefix_kept(server, client):
    url = tus.create(client, 1000)
    wire = tus.Wire(server, url, 0, 1000)
    wire.send(b"x" * 400)
    assert wire.status() == 408
    assert tus.offset(client, url) == 400


def test_head_takes_over_from_a_connection_that_died_without_a_word(server, client):
    url = tus.create(client, 1000)
    wire = tus.Wire(server, url, 0, 1000)
    wire.send(b"x" * 400)
    assert tus.begun(server, url)
    assert tus.settled(client, url, 400) == 400
    assert tus.patch(client, url, 400, b"y" * 600).status_code == 204
    assert wire.status() == 423


def test_a_newer_writer_gets_the_lock_of_a_silent_one(server, client):
    url = tus.create(client, 1000)
    wire = tus.Wire(server, url, 0, 1000)
    assert tus.begun(server, url)
    assert tus.patch(client, url, 0, b"y" * 1000).status_code == 204
    assert wire.status() == 423
    assert stored(server, url) == b"y" * 1000


def test_two_hundred_connections_of_a_byte_a_second_do_not_stop_others(server, client):
    slow: list[tus.Wire] = []
    over = threading.Event()

    def drip() -> None:
        while not over.wait(1):
            for wire in list(slow):
                wire.send(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()  # before all are there: none may be silent so long that it is cut
    try:
        for _ in range(200):
            slow.append(tus.Wire(server, tus.create(client, 1000), 0, 1000))
        for _ in range(3):
            time.sleep(0.7)
            url = tus.create(client, 1 << 20)
            began = time.monotonic()
            assert tus.patch(client, url, 0, bytes(1 << 20)).status_code == 204
            assert tus.offset(client, url) == 1 << 20
            assert time.monotonic() - began < 10
    finally:
        over.set()
        dripping.join()
        for wire in slow:
            wire.reset()


@pytest.fixture(scope="module")
def fragile(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("fragile")) as running:
        yield running


def test_killed_in_mid_patch_it_resumes_to_the_right_bytes(fragile):
    data = os.urandom(40 << 20)
    with fragile.client() as client:
        url = tus.create(client, len(data))
        promised = 0
        for round_ in range(4):
            at = tus.offset(client, url)
            assert at >= promised
            killer = threading.Timer(0.03 + 0.03 * round_, fragile.kill)
            wire = tus.Wire(fragile, url, at, len(data) - at)
            killer.start()
            try:
                for start in range(at, len(data), 1 << 18):
                    wire.send(data[start : start + (1 << 18)])
            except OSError:
                pass
            killer.join()
            fragile.start()
            promised = tus.offset(client, url)
            assert stored(fragile, url)[:promised] == data[:promised]
        assert tus.patch(client, url, promised, data[promised:]).status_code == 204
    assert hashlib.sha256(stored(fragile, url)).digest() == hashlib.sha256(data).digest()


def test_killed_it_loses_at_most_one_batch_of_what_it_had_taken(fragile):
    size = 5 << 20  # below one leaf: nothing was recorded yet
    with fragile.client() as client:
        url = tus.create(client, LEAF)
        wire = tus.Wire(fragile, url, 0, LEAF)
        wire.send(os.urandom(size))
        deadline = time.monotonic() + 10
        while len(stored(fragile, url)) < size - (1 << 20) and time.monotonic() < deadline:
            time.sleep(0.02)
        fragile.kill()
        fragile.start()
        assert tus.offset(client, url) >= size - (1 << 20)


def test_a_tail_from_before_a_reboot_is_not_promised(fragile):
    with fragile.client() as client:
        url = tus.create(client, LEAF)
        assert tus.patch(client, url, 0, b"x" * 1000).status_code == 204
        path = tus.path_of(fragile, url)
        fragile.kill()
        fragile.run(
            "import django; django.setup()\n"
            "from datasets.models import UploadSession\n"
            "UploadSession.everyone.update(tail_boot='another kernel')"
        )
        with path.open("ab") as handle:
            handle.write(b"y" * 5000)
        fragile.start()
        assert tus.offset(client, url) == 1000
        assert tus.patch(client, url, 1000, b"z" * 10).headers["upload-offset"] == "1010"
        assert path.read_bytes() == b"x" * 1000 + b"z" * 10


def test_bytes_that_vanished_from_the_disk_are_not_promised(fragile):
    with fragile.client() as client:
        url = tus.create(client, LEAF + 100)
        assert tus.patch(client, url, 0, b"x" * (LEAF + 50)).status_code == 204
        path = tus.path_of(fragile, url)
        os.truncate(path, 1000)
        assert tus.offset(client, url) == 1000
        path.unlink()
        assert tus.offset(client, url) == 0
        assert tus.patch(client, url, 0, b"y" * (LEAF + 100)).status_code == 204


def test_sigterm_saves_what_arrived_and_a_new_server_goes_on(fragile):
    data = os.urandom(3 << 20)
    with fragile.client() as client:
        url = tus.create(client, len(data))
        wire = tus.Wire(fragile, url, 0, len(data))
        wire.send(data[: 2 << 20])
        time.sleep(0.2)
        answers: list[int] = []
        reader = threading.Thread(target=lambda: answers.append(wire.status()))
        reader.start()
        assert fragile.stop() < 10
        reader.join()
        assert answers == [503]
        fragile.start()
        assert tus.offset(client, url) == 2 << 20
        assert tus.patch(client, url, 2 << 20, data[2 << 20 :]).status_code == 204
    assert stored(fragile, url) == data


def test_a_full_disk_keeps_what_was_taken_and_names_itself(tmp_path):
    with Server(tmp_path, NEXUS_MAX_UPLOAD_BYTES=str(1 << 60), NEXUS_TENANT_QUOTA_BYTES=str(1 << 60)) as server:
        with server.client() as client:
            answer = client.post("/v1/uploads/", headers={**tus.HEADERS, "Upload-Length": str(1 << 50)})
            assert answer.status_code == 507
            assert tus.error(answer) == "INSUFFICIENT_STORAGE"
            assert client.get("/v1/uploads").json()["items"] == []
        assert not list((server.home / "uploads").glob("*/*"))


def test_the_server_survives_garbage(server, client):
    import socket

    for text in (b"PATCH /v1/uploads/ HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00", b"GET" * 100_000):
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(text)
    assert httpx.options(f"{server.url}/v1/uploads/").status_code == 204
