"""Many at once: one writer wins, quota holds, one session each."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.kit import tus
from tests.kit.server import Server


def patched_at_once(server: Server, client: httpx.Client, rounds: int, size: int) -> None:
    """Send eight bodies at one offset, round after round; one is taken, and the file is that one's."""
    clients = [server.client() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(rounds):
            url = tus.create(client, size)
            bodies = [bytes([number]) * size for number in range(8)]
            answers = list(pool.map(tus.patch, clients, [url] * 8, [0] * 8, bodies))
            assert Counter(answer.status_code for answer in answers) == {204: 1, 409: 7}
            (path,) = (server.home / "uploads").glob(f"*/{url.rsplit('_', 1)[1]}/data")
            assert path.read_bytes() == bodies[[answer.status_code for answer in answers].index(204)]
    for one in clients:
        one.close()


def test_of_parallel_patches_exactly_one_wins(server, client):
    patched_at_once(server, client, 12, 200_000)


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_of_parallel_patches_exactly_one_wins_a_hundred_times(server, client):
    patched_at_once(server, client, 100, 200_000)


@pytest.fixture
def tight(tmp_path):
    with Server(tmp_path, NEXUS_TENANT_QUOTA_BYTES="10000", NEXUS_TENANT_OPEN_UPLOADS="7") as running:
        yield running


def creations(server: Server, count: int, length: int) -> list[httpx.Response]:
    headers = {**tus.HEADERS, "Upload-Length": str(length), "Authorization": f"Bearer {server.owner}"}
    with httpx.Client(base_url=server.url, timeout=60) as client, ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: client.post("/v1/uploads/", headers=headers), range(count)))


def test_a_race_of_creations_never_passes_the_quota(tight):
    answers = creations(tight, 50, 2000)
    assert Counter(answer.status_code for answer in answers) == {201: 5, 429: 45}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert tus.error(refused) == "QUOTA_EXCEEDED"
    assert len(list((tight.home / "uploads").glob("*/*/data"))) == 5
    with tight.client() as client:
        assert client.delete(
            answers[[a.status_code for a in answers].index(201)].headers["location"], headers=tus.HEADERS
        )
    assert [answer.status_code for answer in creations(tight, 1, 2000)] == [201]


def test_a_race_of_uploads_without_a_length_never_passes_the_quota(tight):
    with tight.client() as client:
        given = {**tus.HEADERS, "Upload-Defer-Length": "1"}
        urls = [client.post("/v1/uploads/", headers=given).headers["location"] for _ in range(7)]
        with ThreadPoolExecutor(7) as pool:
            answers = list(pool.map(lambda url: tus.patch(client, url, 0, bytes(3000)), urls))
        assert Counter(answer.status_code for answer in answers) == {204: 3, 429: 4}
        assert sum(tus.offset(client, url) for url in urls) == 9000


def test_a_race_of_parts_never_passes_the_quota(tight):
    given = {**tus.HEADERS, "Upload-Length": "2000", "Upload-Concat": "partial"}
    with tight.client() as client, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/uploads/", headers=given), range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 5, 429: 15}


def test_a_race_of_creations_never_passes_the_open_uploads(tight):
    answers = creations(tight, 50, 1)
    assert Counter(answer.status_code for answer in answers) == {201: 7, 429: 43}
    assert tus.error(next(answer for answer in answers if answer.status_code == 429)) == "TOO_MANY_UPLOADS"


def test_of_many_uploads_into_one_dataset_one_opens(server, client):
    first = tus.create(client, 5)
    dataset = client.get(first).json()["upload"]["datasetId"]
    client.delete(first, headers=tus.HEADERS)
    headers = {**tus.HEADERS, "Upload-Length": "5", "Upload-Metadata": tus.metadata(datasetId=dataset)}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/uploads/", headers=headers), range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}


def test_memory_does_not_grow_with_the_upload(server, client):
    size = 96 << 20
    block = os.urandom(1 << 20)
    url = tus.create(client, 8 << 20)
    tus.patch(client, url, 0, bytes(8 << 20))  # warm
    before = server.resident_bytes()
    url = tus.create(client, size)
    headers = {**tus.BODY, "Upload-Offset": "0", "Content-Length": str(size)}
    answer = client.patch(url, content=(block for _ in range(size >> 20)), headers=headers)
    assert answer.status_code == 204
    assert server.resident_bytes() - before < 32 << 20


def completed_at_once(server: Server, client: httpx.Client, pool: ThreadPoolExecutor) -> tuple[str, str]:
    """Complete a new upload from twenty threads: all are answered, with one job. Return its dataset and digest."""
    data = os.urandom(300_000)
    url = tus.create(client, len(data))
    dataset = client.get(url).json()["upload"]["datasetId"]
    tus.patch(client, url, 0, data)
    body = {"sha256": hashlib.sha256(data).hexdigest()}
    path = f"/v1/datasets/{dataset}/uploads:complete"
    answers = list(pool.map(lambda _: client.post(path, json=body), range(20)))
    assert [answer.status_code for answer in answers] == [202] * 20
    assert len({answer.json()["job"]["id"] for answer in answers}) == 1
    server.work()
    assert client.post(path, json=body).json()["job"]["id"] == answers[0].json()["job"]["id"]
    return dataset, body["sha256"]


def completed(server: Server, client: httpx.Client, rounds: int) -> None:
    """See one version, with the right digest, come of each round."""
    with ThreadPoolExecutor(20) as pool:
        for _ in range(rounds):
            dataset, digest = completed_at_once(server, client, pool)
            shown = client.get(f"/v1/datasets/{dataset}").json()["dataset"]
            assert (shown["status"], shown["version"], shown["sha256"]) == ("uploaded", 1, digest)


def test_completed_twenty_times_at_once_it_is_one_version(server, client):
    completed(server, client, 1)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_completed_twenty_times_at_once_again_and_again_it_is_one_version(server, client):
    completed(server, client, int(os.environ.get("NEXUS_COMPLETE_ROUNDS") or 25))


def test_final_uploads_of_the_same_parts_at_once_are_one_and_it_is_completed_once(server, client):
    parts = [os.urandom(200_000) for _ in range(3)]
    urls = [tus.partial(client, part) for part in parts]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: tus.final(client, urls), range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 20}
    (url,) = {answer.headers["location"] for answer in answers}
    dataset = client.get(url).json()["upload"]["datasetId"]
    body = {"sha256": hashlib.sha256(b"".join(parts)).hexdigest()}
    path = f"/v1/datasets/{dataset}/uploads:complete"
    with ThreadPoolExecutor(21) as pool:
        worked = pool.submit(server.work)
        answers = list(pool.map(lambda _: client.post(path, json=body), range(20)))
        worked.result()
    assert [answer.status_code for answer in answers] == [202] * 20
    server.work()
    shown = client.get(f"/v1/datasets/{dataset}").json()["dataset"]
    assert (shown["status"], shown["version"], shown["sha256"]) == ("uploaded", 1, body["sha256"])


def test_of_final_uploads_that_share_a_part_one_takes_it(server, client):
    shared, *others = (tus.partial(client, os.urandom(1000)) for _ in range(9))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda url: tus.final(client, sorted([shared, url])), others))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
    assert {tus.error(answer) for answer in answers if answer.status_code == 409} == {"UPLOAD_PART_UNFIT"}
    states = Counter(client.get(url).json()["upload"]["state"] for url in others)
    assert states == {"joined": 1, "open": 7}
