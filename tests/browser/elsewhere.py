"""Another site than ours: its page, in a real browser, sends files to a real server that names its origin.

with Elsewhere(chromium, folder, PAGE, script) as elsewhere:
    with elsewhere.page() as page: ...                    # a window of its own; `page.sent` is what it asked for
    elsewhere.finish(url, file)                           # what went up is handed over: its sha256 must be the file's
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tests.kit.server import Server

LONG_MS = 60_000
ENDED = {"succeeded", "failed", "cancelled"}
TUS = {"Tus-Resumable": "1.0.0"}
# Both clients tell here how far they are.
TOLD = "<script>window.told = { sent: 0, ended: null }</script><input type=file multiple>"


@contextlib.contextmanager
def site(folder: Path, page: str, script: Path) -> Iterator[str]:
    """Serve a page that loads the script; the value is its origin."""
    folder.mkdir()
    (folder / "index.html").write_text(f'<!doctype html><script src="/{script.name}"></script>{TOLD}{page}')
    (folder / script.name).write_bytes(script.read_bytes())
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Page:
    """A window at the other site."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self._line = page.context.new_cdp_session(page)  # a second one could not lift the limits of the first
        self._line.send("Network.enable")
        self.requests: list[tuple[str, dict[str, str]]] = []
        page.on("request", lambda request: self.requests.append((request.method, request.headers)))

    def choose(self, *files: Path) -> None:
        """Choose files as a person does."""
        self.page.set_input_files("input", files)

    def call(self, function: str, options: Any = None) -> Any:
        """Call a function of the page; return what it returns."""
        return self.page.evaluate(f"options => {function}(options)", options)

    def slow(self, bytes_per_s: int) -> None:
        """Send at that speed from now on; -1 is no limit."""
        limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_s}
        self._line.send("Network.emulateNetworkConditions", limits)

    def until_sent(self, least: int) -> None:
        """Wait until so many bytes have left."""
        self.page.wait_for_function("least => told.sent >= least || told.ended", arg=least, timeout=LONG_MS)
        assert self.page.evaluate("told.ended") is None, "it was sent before it could be stopped"

    def ended(self) -> Any:
        """Wait for the end; return what the page says of it."""
        self.page.wait_for_function("told.ended", timeout=LONG_MS)
        return self.page.evaluate("told.ended")

    def offsets(self) -> list[int]:
        """Where each of the requests with bytes began."""
        return [int(headers["upload-offset"]) for _, headers in self.requests if "upload-offset" in headers]


class Elsewhere:
    """The site, the server that lets it in, and a worker."""

    def __init__(self, chromium: Any, folder: Path, page: str, script: Path) -> None:
        self._chromium, self._open = chromium, contextlib.ExitStack()
        self.site = self._open.enter_context(site(folder / "site", page, script))
        self.server = Server(folder, NEXUS_CORS_ORIGINS=self.site)

    def __enter__(self) -> Self:
        self._open.enter_context(self.server)
        self._open.enter_context(self.server.working())
        self.api = self._open.enter_context(self.server.client(accept="application/json"))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def options(self, port: int | None = None, **more: Any) -> dict[str, Any]:
        """What both clients are told: where to, and a key."""
        endpoint = f"http://127.0.0.1:{port or self.server.port}/v1/uploads/"
        return {"endpoint": endpoint, "headers": {"Authorization": f"Bearer {self.server.owner}"}, **more}

    @contextlib.contextmanager
    def page(self) -> Iterator[Page]:
        """Open the site's page in a window with a storage of its own."""
        context = self._chromium.new_context()
        try:
            page = context.new_page()
            page.goto(self.site)
            yield Page(page)
        finally:
            context.close()

    def newest(self, count: int = 1) -> list[str]:
        """The addresses of the uploads that were begun last."""
        return [item["uploadUrl"] for item in self.api.get("/v1/uploads").json()["items"][:count]]

    def head(self, url: str) -> httpx.Response:
        """Ask where an upload stands."""
        return self.api.head(urlsplit(url).path, headers=TUS)

    def until_gone(self, url: str) -> None:
        """Wait until an upload is gone."""
        deadline = time.monotonic() + 30
        while (answer := self.head(url)).status_code != 410:
            assert time.monotonic() < deadline, answer
            time.sleep(0.05)

    def finish(self, url: str, file: Path) -> dict[str, Any]:
        """Hand an upload over with its file's digest; return it once its dataset was found to have the same."""
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        upload = self.api.get(urlsplit(url).path).json()["upload"]
        dataset = f"/v1/datasets/{upload['datasetId']}"
        answer = self.api.post(f"{dataset}/uploads:complete", json={"sha256": digest})
        assert answer.status_code == 202, answer.text
        job = self._ended(answer.json()["job"]["id"])
        assert job["state"] == "succeeded", job
        found = self.api.get(dataset).json()["dataset"]
        assert (found["status"], found["sha256"], found["sizeBytes"]) == ("uploaded", digest, file.stat().st_size)
        return upload

    def _ended(self, job: str) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while (found := self.api.get(f"/v1/jobs/{job}").json()["job"])["state"] not in ENDED:
            assert time.monotonic() < deadline, json.dumps(found)
            time.sleep(0.05)
        return found


def file_of(folder: Path, size: int, name: str = "trades.csv") -> Path:
    """Write a file of so many random bytes: a byte at a wrong place changes its digest."""
    path = folder / name
    path.write_bytes(os.urandom(size))
    return path
