"""Killed while an upload is followed, or while a validation takes that over: the result is that of a whole reading."""

from __future__ import annotations

import os
import threading

import pytest

from tests.datasets.uploads import test_following as following
from tests.kit import tus
from tests.kit.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server"), **following.SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def data():
    return following.trades()


@pytest.fixture(scope="module")
def fresh(server, data):
    return following.from_zero(server, data)


def test_killed_before_it_is_kept_the_validation_reads_all(server, client, data, fresh):
    place = "follow.scanned"
    dying = threading.Thread(target=server.work_until_killed, args=(place,))
    url = tus.create(client, len(data))
    assert tus.patch(client, url, 0, data[: following.PART]).status_code == 204
    dying.start()
    following.until(lambda: following.scan(client, url).get("state") == "following")
    assert tus.patch(client, url, following.PART, data[following.PART :]).status_code == 204
    dying.join()
    assert following.scan(client, url)["state"] == "following"
    with server.working():
        found = following.validated(client, following.completed(client, url, data))
    following.refused(found, fresh, "cut short")
    assert following.staging(server, url) == []


@pytest.mark.parametrize("place", ["storage.put:2", "jobs.effect", "follow.settled"])
def test_killed_while_it_is_taken_over_it_is_taken_over_once(server, client, data, fresh, place):
    with server.working():
        url = following.begun(client, data)
        following.ready(client, url, data)
        dataset = following.completed(client, url, data)
    assert client.post(f"/v1/datasets/{dataset}/validate", json={}).status_code == 202
    server.work_until_killed(place)
    settled = place == "follow.settled"
    assert following.scan(client, url)["state"] == ("reused" if settled else "ready")
    (room,) = following.staging(server, url)
    server.work()
    if settled:
        os.utime(room, (0, 0))
        assert swept(server) == 1
    assert following.staging(server, url) == []
    assert following.scan(client, url)["state"] == "reused"
    lineage = client.get(f"/v1/datasets/{dataset}/lineage").json()["nodes"]
    content = next(node["details"]["contentDigest"] for node in lineage if node["kind"] == "version")
    assert content == fresh["content"]
    assert swept(server) == 0


def swept(server: Server) -> int:
    code = "import django; django.setup()\nfrom datasets import staged; print(staged.sweep())"
    return int(server.run(code).split()[-1])


def test_what_nobody_takes_over_goes_with_the_sweep_and_what_is_awaited_stays(server, client, data):
    with server.working():
        url = following.begun(client, data)
        following.ready(client, url, data)
        dataset = following.completed(client, url, data)
    (room,) = following.staging(server, url)
    os.utime(room, (0, 0))
    assert swept(server) == 0
    server.run(
        "import django; django.setup()\n"
        "from datetime import timedelta; from datasets.models import ProvisionalScan; from tradenexus import db\n"
        "ProvisionalScan.everyone.filter(state='ready').update(updated_at=db.now() - timedelta(days=30))"
    )
    assert swept(server) == 1
    assert following.staging(server, url) == []
    with server.working():
        following.refused(following.validated(client, dataset), None, "in time")
