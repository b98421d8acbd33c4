"""A page of another origin in a real browser sends to /v1 with tus-js-client: if its origin is named, and only then."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.server import ROOT, Server

pytestmark = pytest.mark.browser
TUS = ROOT / "node_modules" / "tus-js-client" / "dist" / "tus.min.js"
TEXT = "time,price,size\n" + "1704067200000,1,2\n" * 200_000
PAGE = """<!doctype html><script src="/tus.min.js"></script><script>
function send(options, text) {
  return new Promise((done, failed) => {
    const upload = new tus.Upload(new Blob([text]), { ...options, onError: failed, onSuccess: () => done(upload.url) })
    upload.start()
  }).catch((error) => `error ${error}`)
}
</script>"""


@pytest.fixture
def site(tmp_path) -> Iterator[str]:
    """Another site, with tus-js-client on its page."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE)
    (folder / "tus.min.js").write_bytes(TUS.read_bytes())
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@contextlib.contextmanager
def page_of(chromium: Any, site: str) -> Iterator[Any]:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(site)
    yield page
    context.close()


def send(page: Any, server: Server, **options: Any) -> str:
    options |= {"endpoint": f"{server.url}/v1/uploads/", "headers": {"Authorization": f"Bearer {server.owner}"}}
    options |= {"metadata": {"filename": "t.csv", "filetype": "text/csv"}, "retryDelays": None}
    return page.evaluate("([options, text]) => send(options, text)", [options, TEXT])


@pytest.mark.parametrize(
    "options",
    [{}, {"chunkSize": 1_000_000}, {"parallelUploads": 3}, {"uploadDataDuringCreation": True}],
    ids=["one request", "chunks", "parts", "data with the creation"],
)
def test_a_page_of_a_named_origin_uploads(chromium, site, tmp_path, options):
    with Server(Path(tmp_path), NEXUS_CORS_ORIGINS=site) as server, page_of(chromium, site) as page:
        url = send(page, server, **options)
        assert url.startswith(server.url), url
        with server.client() as client:
            dataset = client.get(url).json()["upload"]["datasetId"]
            body = {"sha256": hashlib.sha256(TEXT.encode()).hexdigest()}
            assert client.post(f"/v1/datasets/{dataset}/uploads:complete", json=body).status_code == 202
            server.work()
            assert client.get(f"/v1/datasets/{dataset}").json()["dataset"]["sha256"] == body["sha256"]


def test_a_page_of_another_origin_cannot(chromium, site, tmp_path):
    with (
        Server(Path(tmp_path), NEXUS_CORS_ORIGINS="https://desk.example") as server,
        page_of(chromium, site) as page,
        server.client() as client,
    ):
        assert send(page, server).startswith("error")
        assert client.get("/v1/uploads").json()["items"] == []
