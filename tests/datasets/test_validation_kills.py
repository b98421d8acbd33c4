"""Validation and candles, their worker killed at each durable step: the next one ends them once, with equal bytes."""

from __future__ import annotations

import hashlib

import pytest

from tests.kit import raw, tus
from tests.kit.server import Server

STEPS = ["storage.begun", "storage.synced", "storage.linked", "storage.put", "jobs.effect", "jobs.effect_committed"]
FEW = {"storage.linked", "jobs.effect"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("killed")) as running:
        yield running


@pytest.fixture
def client(server):
    with server.client() as made:
        yield made


@pytest.fixture(scope="module")
def calm(server):
    """What an undisturbed validation and its candles leave."""
    with server.client() as client:
        dataset = uploaded(server, client)
        ask(client, dataset, "validate")
        server.work()
        ask(client, dataset, "transform/candles", frequency="5m")
        server.work()
        return left(client, dataset, 1), left(client, dataset, 2), held(server, dataset)


def uploaded(server: Server, client) -> str:
    data = raw.trades()
    url = tus.create(client, len(data), symbol="BTC-USD")
    assert tus.patch(client, url, 0, data).status_code == 204
    dataset = client.get(url).json()["upload"]["datasetId"]
    assert client.post(f"/v1/datasets/{dataset}/uploads:complete", json={}).status_code == 202
    server.work()
    return dataset


def ask(client, dataset: str, what: str, **body) -> None:
    answer = client.post(f"/v1/datasets/{dataset}/{what}", json=body)
    assert answer.status_code == 202, answer.text


def left(client, dataset: str, number: int) -> tuple:
    """Return what a version has become: its state, grade and rows."""
    found = client.get(f"/v1/datasets/{dataset}/versions/{number}").json()["version"]
    return found["status"], found["grade"], found["rowCount"]


def held(server: Server, dataset: str) -> list[str]:
    """Return the digests of all files that lie in the dataset's folders, whoever names them."""
    files = [path for path in (server.home / "data").glob(f"*/*/{dataset[3:]}/**/*") if path.is_file()]
    return sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)


@pytest.mark.parametrize(
    "step", [step if step in FEW else pytest.param(step, marks=pytest.mark.soak) for step in STEPS]
)
def test_killed_at_a_step_the_next_worker_ends_it_once(server, client, calm, step):
    dataset = uploaded(server, client)
    for number, (what, body) in enumerate([("validate", {}), ("transform/candles", {"frequency": "5m"})], 1):
        ask(client, dataset, what, **body)
        server.work_until_killed(step)
        server.work()
        assert left(client, dataset, number) == calm[number - 1]
    versions = client.get(f"/v1/datasets/{dataset}/versions").json()
    assert len(versions["items"]) == 2, versions
    assert held(server, dataset) == calm[2]
    assert len(calm[2]) == 3
