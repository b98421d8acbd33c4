"""Killed at each step of shipping, server and ingest job alike: it goes on from what is recorded."""

from __future__ import annotations

import contextlib
import hashlib
import os

import httpx
import pytest

from tests.kit import tus
from tests.kit.server import Server
from tests.kit.stores import Bucket

LEAF = 8 << 20
DATA = os.urandom(2 * LEAF + 5_000)
_SWEEP = """
import django; django.setup()
from django.conf import settings
from datasets.uploads import expiry
settings.NEXUS_JOB_LIMIT_S = -2  # nothing is too young
print(expiry.sweep("req"))
"""


@pytest.fixture(scope="module")
def place(swift, swift_bucket):
    return Bucket(swift, swift_bucket)


@pytest.fixture(scope="module")
def fragile(place, tmp_path_factory):
    given = place.server.variables(place.bucket, place.prefix)
    with Server(tmp_path_factory.mktemp("killed"), **given) as running:
        yield running


@pytest.mark.parametrize("step", ["uploads.shipment_begun", "uploads.part_recorded", "uploads.part_sent:2"])
def test_the_server_killed_at_a_step_ships_on(fragile, place, step):
    with fragile.client() as client:
        url = tus.create(client, len(DATA))
        fragile.kill()
        fragile.start(NEXUS_FAIL_AT=step)
        with contextlib.suppress(httpx.HTTPError):
            tus.patch(client, url, 0, DATA)
        fragile.wait_killed(step)
        fragile.start()
        at = tus.offset(client, url)
        assert at >= LEAF
        if at < len(DATA):
            assert tus.patch(client, url, at, DATA[at:]).status_code == 204
        finish(fragile, place, client, url)


@pytest.mark.parametrize("step", ["uploads.part_sent", "ingest.stored", "ingest.committed"])
def test_the_ingest_killed_at_a_step_runs_again(fragile, place, step):
    with fragile.client() as client:
        url = tus.create(client, len(DATA))
        assert tus.patch(client, url, 0, DATA).status_code == 204
        dataset = client.get(url).json()["upload"]["datasetId"]
        client.post(f"/v1/datasets/{dataset}/uploads:complete", json={})
        fragile.work_until_killed(step)
        finish(fragile, place, client, url)


def finish(server: Server, place: Bucket, client: httpx.Client, url: str) -> None:
    """Complete the upload and check that one version came of it, with the right bytes and nothing beside it."""
    dataset = client.get(url).json()["upload"]["datasetId"]
    digest = hashlib.sha256(DATA).hexdigest()
    answer = client.post(f"/v1/datasets/{dataset}/uploads:complete", json={"sha256": digest})
    assert answer.status_code == 202, answer.text
    server.work()
    shown = client.get(f"/v1/datasets/{dataset}").json()["dataset"]
    assert (shown["status"], shown["version"], shown["sha256"]) == ("uploaded", 1, digest)
    stored = client.get(f"/v1/datasets/{dataset}/download", follow_redirects=True)
    assert hashlib.sha256(stored.content).hexdigest() == digest
    server.run(_SWEEP)
    assert place.begun() == []
