"""Killed at each durable step, of the server and of the ingest job: the promise holds and the bytes are right."""

from __future__ import annotations

import contextlib
import hashlib
import os

import httpx
import pytest

from tests.kit import tus
from tests.kit.server import Server

LEAF = 8 << 20
DATA = os.urandom(2 * LEAF + 5_000)


@pytest.fixture(scope="module")
def fragile(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("killed")) as running:
        yield running


@pytest.mark.parametrize("place", ["uploads.written:2", "uploads.synced", "uploads.synced:3", "uploads.recorded:2"])
def test_the_server_killed_at_a_step_resumes(fragile, place):
    with fragile.client() as client:
        url = tus.create(client, len(DATA))
        fragile.kill()
        fragile.start(NEXUS_FAIL_AT=place)
        with contextlib.suppress(httpx.HTTPError):
            tus.patch(client, url, 0, DATA)
        fragile.wait_killed(place)
        fragile.start()
        at = tus.offset(client, url)
        (path,) = (fragile.home / "uploads").glob(f"*/{url.rsplit('_', 1)[1]}/data")
        assert path.read_bytes()[:at] == DATA[:at]
        assert at >= LEAF * (int(place[-1]) - 1 if place[-1].isdigit() else 0)
        if at < len(DATA):
            assert tus.patch(client, url, at, DATA[at:]).status_code == 204
        finish(fragile, client, url)


def test_killed_while_it_creates_nothing_is_there(fragile):
    with fragile.client() as client:
        before = [item["id"] for item in client.get("/v1/uploads").json()["items"]]
        fragile.kill()
        fragile.start(NEXUS_FAIL_AT="uploads.created")
        with contextlib.suppress(httpx.HTTPError):
            tus.create(client, 10)
        fragile.wait_killed("uploads.created")
        fragile.start()
        assert [item["id"] for item in client.get("/v1/uploads").json()["items"]] == before


INGEST = ["ingest.verified", "storage.begun", "storage.synced", "storage.linked", "storage.put"]
INGEST += ["ingest.stored", "jobs.effect", "ingest.committed"]


@pytest.mark.parametrize("place", INGEST)
def test_the_ingest_killed_at_a_step_runs_again(fragile, place):
    with fragile.client() as client:
        url = tus.create(client, len(DATA))
        assert tus.patch(client, url, 0, DATA).status_code == 204
        dataset = client.get(url).json()["upload"]["datasetId"]
        client.post(f"/v1/datasets/{dataset}/uploads:complete", json={})
        fragile.work_until_killed(place)
        finish(fragile, client, url)


def test_killed_while_the_length_is_told_it_is_told_again(fragile):
    with fragile.client() as client:
        url = tus.defer(client)
        assert tus.patch(client, url, 0, DATA[:LEAF]).status_code == 204
        fragile.kill()
        fragile.start(NEXUS_FAIL_AT="uploads.declaring")
        told = {"Upload-Length": str(len(DATA))}
        with contextlib.suppress(httpx.HTTPError):
            tus.patch(client, url, LEAF, b"", **told)
        fragile.wait_killed("uploads.declaring")
        fragile.start()
        assert client.head(url, headers=tus.HEADERS).headers["upload-defer-length"] == "1"
        assert tus.patch(client, url, LEAF, DATA[LEAF:], **told).status_code == 204
        finish(fragile, client, url)


PIECES = [DATA[:5_000], DATA[5_000 : LEAF + 70_000], DATA[LEAF + 70_000 :]]


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("place", ["join.copied:2", "join.synced", "jobs.effect", "join.recorded"])
def test_the_join_killed_at_a_step_runs_again(fragile, place, asked):
    with fragile.client() as client:
        parts = [tus.partial(client, piece) for piece in PIECES]
        url = tus.final(client, parts).headers["location"]
        dataset = client.get(url).json()["upload"]["datasetId"]
        if asked:
            assert client.post(f"/v1/datasets/{dataset}/uploads:complete", json={}).status_code == 202
        fragile.work_until_killed(place)
        fragile.work()
        finish(fragile, client, url)
        assert [client.get(part).json()["upload"]["state"] for part in parts] == ["joined"] * 3


def test_killed_while_a_final_upload_is_created_the_parts_are_as_before(fragile):
    with fragile.client() as client:
        parts = [tus.partial(client, piece) for piece in PIECES]
        fragile.kill()
        fragile.start(NEXUS_FAIL_AT="uploads.created")
        with contextlib.suppress(httpx.HTTPError):
            tus.final(client, parts)
        fragile.wait_killed("uploads.created")
        fragile.start()
        assert [client.get(part).json()["upload"]["state"] for part in parts] == ["open"] * 3
        url = tus.final(client, parts).headers["location"]
        fragile.work()
        finish(fragile, client, url)


def damaged(server: Server, client: httpx.Client) -> str:
    """Return an upload whose first leaf was found damaged; all else is kept."""
    url = tus.create(client, len(DATA))
    assert tus.patch(client, url, 0, DATA).status_code == 204
    with tus.path_of(server, url).open("r+b") as file:
        file.write(b"!damage!")
    dataset = client.get(url).json()["upload"]["datasetId"]
    client.post(f"/v1/datasets/{dataset}/uploads:complete", json={})
    server.work()
    assert client.get(url).json()["upload"]["keptBytes"] == len(DATA)
    return url


@pytest.mark.parametrize("place", ["uploads.part_written", "uploads.part_synced"])
def test_killed_while_a_part_is_mended_it_is_mended_again(fragile, place):
    with fragile.client() as client:
        url = damaged(fragile, client)
        fragile.kill()
        fragile.start(NEXUS_FAIL_AT=place)
        with contextlib.suppress(httpx.HTTPError):
            client.put(f"{url}/parts/0", content=DATA[:LEAF], headers=tus.BODY)
        fragile.wait_killed(place)
        fragile.start()
        assert tus.offset(client, url) == 0
        assert client.put(f"{url}/parts/0", content=DATA[:LEAF], headers=tus.BODY).status_code == 204
        finish(fragile, client, url)


def test_killed_while_what_was_kept_is_dropped_no_damage_is_taken_over(fragile):
    with fragile.client() as client:
        url = damaged(fragile, client)
        fragile.kill()
        fragile.start(NEXUS_FAIL_AT="uploads.forgotten")
        with contextlib.suppress(httpx.HTTPError):
            tus.patch(client, url, 0, DATA)
        fragile.wait_killed("uploads.forgotten")
        fragile.start()
        assert tus.offset(client, url) == 0
        assert tus.patch(client, url, 0, DATA).status_code == 204
        finish(fragile, client, url)


def finish(server: Server, client: httpx.Client, url: str) -> None:
    """Complete the upload and check that one version came of it, with the right bytes."""
    dataset = client.get(url).json()["upload"]["datasetId"]
    digest = hashlib.sha256(DATA).hexdigest()
    answer = client.post(f"/v1/datasets/{dataset}/uploads:complete", json={"sha256": digest})
    assert answer.status_code == 202, answer.text
    server.work()
    shown = client.get(f"/v1/datasets/{dataset}").json()["dataset"]
    assert (shown["status"], shown["version"], shown["sha256"]) == ("uploaded", 1, digest)
    raw = [path for path in (server.home / "data" / "raw").glob(f"*/{dataset[3:]}/*") if path.is_file()]
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in raw] == [digest]
