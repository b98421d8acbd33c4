"""Off-the-shelf clients: tuspy as it is."""

from __future__ import annotations

import io
import os

import pytest
from tusclient import client as tuspy

from tests.kit import tus


@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("metadata", [None, {"filename": "trades.csv", "symbol": "BTC-USD"}])
def test_tuspy_uploads(server, client, checksum, metadata):
    data = os.urandom(700_000)
    peer = tuspy.TusClient(f"{server.url}/v1/uploads/", headers={"Authorization": f"Bearer {server.owner}"})
    uploader = peer.uploader(
        file_stream=io.BytesIO(data), chunk_size=200_000, metadata=metadata, upload_checksum=checksum
    )
    uploader.upload()
    assert uploader.offset == len(data)
    assert tus.offset(client, uploader.url) == len(data)


def test_tuspy_resumes_after_a_cut(server, client):
    data = os.urandom(500_000)
    url = tus.create(client, len(data))
    wire = tus.Wire(server, url, 0, len(data))
    wire.send(data[:123_456])
    wire.finish()
    assert tus.settled(client, url, 123_456) == 123_456
    peer = tuspy.TusClient(f"{server.url}/v1/uploads/", headers={"Authorization": f"Bearer {server.owner}"})
    uploader = peer.uploader(file_stream=io.BytesIO(data), url=server.url + url, chunk_size=100_000)
    assert uploader.offset == 123_456
    uploader.upload()
    (path,) = (server.home / "uploads").glob(f"*/{url.rsplit('_', 1)[1]}/data")
    assert path.read_bytes() == data
