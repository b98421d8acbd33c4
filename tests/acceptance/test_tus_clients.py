"""tus-js-client and tuspy as they are, cut in the middle in three ways and resumed: the right sha256 after all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kit import clients
from tests.kit.proxy import Proxy
from tests.kit.server import ROOT, Server

HERE = Path(clients.__file__).parent
SIZE = 12_000_000
CUT = 5_000_000
MODULE = "tus-js-client"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "trades.csv"
    path.write_bytes(os.urandom(SIZE))
    return path


def node_module() -> str:
    """Return the folder of tus-js-client; skip where node or it is absent."""
    for folder in (ROOT / "node_modules", ROOT / "frontend" / "node_modules"):
        if shutil.which("node") and (folder / MODULE).is_dir():
            return str(folder / MODULE)
    pytest.skip("no node, or no tus-js-client in node_modules (make setup)")


class Client:
    """One of the two clients at work on a file, in a process of its own."""

    def __init__(self, kind: str, server: Server, file: Path, **options: Any) -> None:
        options |= {"file": str(file), "headers": {"Authorization": f"Bearer {server.owner}"}}
        if kind == MODULE:
            options |= {"module": node_module(), "retryDelays": [100, 500, 1000, 2000, 3000, 3000, 3000]}
            options["uploadUrl"] = options.pop("url", None)
            command = ["node", str(HERE / "upload.cjs"), json.dumps(options)]
        else:
            command = [sys.executable, str(HERE / "upload.py"), json.dumps(options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []

    def until(self, word: str, least: int = 0) -> str:
        """Read what it says until the event, with at least that number; return its value."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.strip())
            said, _, value = line.strip().partition(" ")
            if said == word and (not least or int(value) >= least):
                return value
        raise AssertionError(f"it ended without '{word}': {self.lines[-5:]}")

    def kill(self) -> None:
        """End it at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def begin(server: Server, file: Path) -> dict[str, Any]:
    """Begin an upload as our own wizard does; return the answer."""
    body = {"filename": file.name, "contentType": "text/csv", "sizeBytes": SIZE}
    with server.client() as client:
        answer = client.post("/v1/datasets/uploads:init", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()


def finish(server: Server, file: Path, dataset: str) -> None:
    """Finish the upload with the file's digest; the dataset's own must then be the same."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with server.client() as client:
        answer = client.post(f"/v1/datasets/{dataset}/uploads:complete", json={"sha256": digest})
        assert answer.status_code == 202, answer.text
        server.work()
        job = client.get(f"/v1/jobs/{answer.json()['job']['id']}").json()["job"]
        assert job["state"] == "succeeded", job
        found = client.get(f"/v1/datasets/{dataset}").json()["dataset"]
    assert (found["status"], found["sha256"], found["sizeBytes"]) == ("uploaded", digest, SIZE)


@pytest.mark.parametrize("kind", [MODULE, "tuspy"])
def test_a_killed_client_goes_on_where_it_was(server, file, kind):
    made = begin(server, file)
    first = Client(kind, server, file, url=made["uploadUrl"], chunkSize=500_000)
    first.until("at", CUT)
    first.kill()
    second = Client(kind, server, file, url=made["uploadUrl"], chunkSize=500_000)
    assert int(second.until("from")) >= CUT - 500_000
    second.until("done")
    finish(server, file, made["datasetId"])


@pytest.mark.parametrize("kind", [MODULE, "tuspy"])
def test_a_client_goes_on_by_itself_after_the_server_was_killed(server, file, kind):
    made = begin(server, file)
    client = Client(kind, server, file, url=made["uploadUrl"], chunkSize=500_000)
    client.until("at", CUT)
    server.kill()
    server.start()
    client.until("done")
    finish(server, file, made["datasetId"])


@pytest.mark.parametrize(
    ("kind", "chunk"), [(MODULE, 10 * SIZE), (MODULE, 3_000_000), ("tuspy", 10 * SIZE), ("tuspy", 3_000_000)]
)
def test_a_client_goes_on_by_itself_after_its_connection_was_reset(server, file, kind, chunk):
    made = begin(server, file)
    with Proxy(server.port, 2_345_678, 1_000_001) as proxy:
        url = made["uploadUrl"].replace(f":{server.port}/", f":{proxy.port}/")
        assert str(proxy.port) in url
        Client(kind, server, file, url=url, chunkSize=chunk).until("done")
        assert proxy.cut == 2
    finish(server, file, made["datasetId"])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunkSize": 1_000_000},
        {"chunkSize": 5_000_000, "uploadDataDuringCreation": True},
        {"chunkSize": 4_000_000, "stream": True, "uploadSize": SIZE},
        {"chunkSize": 4_000_000, "overridePatchMethod": True},
        {"chunkSize": 5_000_000, "piped": True, "uploadLengthDeferred": True},
    ],
    ids=["one request", "chunks", "data with the creation", "stream", "POST only", "length later"],
)
def test_tus_js_client_creates_by_itself_in_each_of_its_modes(server, file, options):
    metadata = {"filename": file.name, "filetype": "text/csv"}
    client = Client(MODULE, server, file, endpoint=f"{server.url}/v1/uploads/", metadata=metadata, **options)
    finish(server, file, dataset_of(server, client.until("done")))


@pytest.mark.parametrize("options", [{}, {"stream": True}, {"chunkSize": 1_500_000}], ids=["buffer", "file", "chunks"])
def test_tus_js_client_sends_parts_at_the_same_time(server, file, options):
    metadata = {"filename": file.name, "filetype": "text/csv"}
    options |= {"endpoint": f"{server.url}/v1/uploads/", "metadata": metadata, "parallelUploads": 3}
    url = Client(MODULE, server, file, **options).until("done")
    with server.client() as client:
        head = client.head(url, headers={"Tus-Resumable": "1.0.0"})
    assert head.headers["upload-length"] == str(SIZE)
    assert head.headers["upload-concat"].startswith("final;")
    finish(server, file, dataset_of(server, url))


def test_tus_js_client_goes_on_with_its_parts_after_it_was_killed(server, file, tmp_path):
    common = {"endpoint": f"{server.url}/v1/uploads/", "chunkSize": 500_000, "ledger": str(tmp_path / "ledger.json")}
    common |= {"metadata": {"filename": file.name, "filetype": "text/csv"}, "parallelUploads": 3}
    first = Client(MODULE, server, file, **common)
    first.until("at", CUT)
    first.kill()
    second = Client(MODULE, server, file, resume=True, **common)
    finish(server, file, dataset_of(server, second.until("done")))
    with server.client() as client:
        parts = [each for each in client.get("/v1/uploads").json()["items"] if each["concat"] == "partial"]
    assert [each["state"] for each in parts[:3]] == ["joined"] * 3


def test_tus_js_client_finds_its_upload_again_in_its_own_ledger(server, file, tmp_path):
    common = {"endpoint": f"{server.url}/v1/uploads/", "chunkSize": 500_000, "ledger": str(tmp_path / "ledger.json")}
    common["metadata"] = {"filename": file.name, "filetype": "text/csv"}
    first = Client(MODULE, server, file, **common)
    first.until("at", CUT)
    first.kill()
    second = Client(MODULE, server, file, resume=True, **common)
    assert int(second.until("from")) >= CUT - 500_000
    finish(server, file, dataset_of(server, second.until("done")))


def test_tuspy_creates_by_itself(server, file):
    metadata = {"filename": file.name, "filetype": "text/csv"}
    client = Client("tuspy", server, file, endpoint=f"{server.url}/v1/uploads/", metadata=metadata, chunkSize=5_000_000)
    finish(server, file, dataset_of(server, client.until("done")))


def dataset_of(server: Server, url: str) -> str:
    """Return the dataset that an upload belongs to."""
    with server.client(accept="application/json") as client:
        answer = client.get(url)
    assert answer.status_code == 200, answer.text
    return answer.json()["upload"]["datasetId"]
