"""One server for the tests of this folder; those that kill it start their own."""

from __future__ import annotations

import pytest

from tests.kit.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with Server(
        tmp_path_factory.mktemp("server"),
        NEXUS_MAX_UPLOAD_BYTES=str(1 << 30),
        NEXUS_TENANT_OPEN_UPLOADS="1000",
        NEXUS_UPLOAD_IDLE_S="8",
    ) as running:
        yield running


@pytest.fixture
def client(server):
    with server.client() as made:
        yield made
