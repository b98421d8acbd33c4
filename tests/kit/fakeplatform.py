"""A small HTTP server that speaks the API as its contract writes it, for tests of clients: a double at the door only.

It checks what it receives (credential, Idempotency-Key of every POST, tus headers, known fields) and remembers
complaints in `problems`. `fail` answers in place of the next calls, `cut_after` breaks the connection in the middle of
a PATCH or a download.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "nx_test_secretsecretsecret"
TIME = "2024-01-02T03:04:05.123456Z"


def new_id(prefix: str) -> str:
    """Return a typed id."""
    return f"{prefix}_{uuid.uuid4().hex}"


@dataclass
class Refusal:
    """An answer that stands in for the real one, `times` times, for calls that match."""

    pattern: str
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1


@dataclass
class Upload:
    """One tus resource."""

    id: str
    dataset_id: str
    length: int | None  # None: a PATCH tells it later
    filename: str
    data: bytearray = field(default_factory=bytearray)
    duplicate_of: str | None = None
    concat: str | None = None


class FakePlatform:
    """The server and its state: `datasets`, `uploads`, `jobs`, `seen` (method, path, body), `problems`."""

    def __init__(self) -> None:
        self.datasets: dict[str, dict[str, Any]] = {}
        self.uploads: dict[str, Upload] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.answers: dict[str, Any] = {}
        self.replays: dict[str, tuple[bytes, int, dict[str, Any]]] = {}
        self.seen: list[tuple[str, str, Any]] = []
        self.headers_seen: list[tuple[str, str, dict[str, str]]] = []
        self.problems: list[str] = []
        self.refusals: list[Refusal] = []
        self.cuts: list[int] = []
        self.questions: list[dict[str, Any]] = []
        self.job_states: list[str] = ["running", "succeeded"]
        self.grade = "GREEN"
        self.duplicate_of: str | None = None
        self.file = b""
        self.max_bytes = 1 << 40
        self.version = "0.1.0"
        self.patch_limit = 0
        self.lock = threading.RLock()
        platform = self
        handler = type("Bound", (Handler,), {"platform": platform})
        from tests.kit.fakeroutes import ROUTES  # the routes need the classes of this module

        self.routes = ROUTES
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> FakePlatform:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(
        self,
        pattern: str,
        status: int,
        code: str = "",
        times: int = 1,
        *,
        headers: dict[str, str] | None = None,
        details: Any = None,
        body: Any = None,
    ) -> None:
        """Answer the next `times` calls whose `METHOD /path` matches with a refusal."""
        if body is None:
            error = {"code": code or f"CODE_{status}", "message": f"refused with {status}"}
            body = {"error": error | ({"details": details} if details else {}), "requestId": "req-test"}
        self.refusals.append(Refusal(pattern, status, body, headers or {}, times))

    def cut_after(self, *sizes: int) -> None:
        """Break the connection of the next PATCHes after so many bytes of their body."""
        self.cuts += sizes

    def dataset(self, name: str = "btc", **more: Any) -> dict[str, Any]:
        """Add a dataset with one version."""
        item = {
            "id": new_id("ds"),
            "name": name,
            "filename": f"{name}.csv",
            "contentType": "text/csv",
            "sizeBytes": 1000,
            "status": "ready",
            "kind": "bars",
            "versionId": new_id("dsv"),
            "version": 1,
            "sha256": "ab" * 32,
            "rowCount": 1234567,
            "timeRange": {"start": TIME, "end": TIME},
            "symbols": ["BTC-USD"],
            "grade": "GREEN",
            "createdAt": TIME,
            "updatedAt": TIME,
            "providerDataId": None,
            "uploadUrl": None,
        } | more
        self.datasets[item["id"]] = item
        return item

    def job(self, kind: str, **more: Any) -> dict[str, Any]:
        """Add a job that walks through `job_states` as it is asked for."""
        item = {
            "id": new_id("job"),
            "kind": kind,
            "state": "queued",
            "attempts": 1,
            "progress": None,
            "links": {},
            "result": None,
            "error": None,
            "steps": list(self.job_states),
        } | more
        self.jobs[item["id"]] = item
        return item

    def posts(self, path: str) -> list[Any]:
        """Return the bodies of the POSTs to paths that end so."""
        return [body for method, where, body in self.seen if method == "POST" and where.endswith(path)]


class Handler(BaseHTTPRequestHandler):
    platform: FakePlatform
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body go separately: the body would wait 40 ms for a word about the head

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_HEAD(self) -> None:
        self._serve("HEAD")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def do_OPTIONS(self) -> None:
        self.send(204, None, {"Tus-Max-Size": str(self.platform.max_bytes)})

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        parts = urlsplit(self.path)
        path = parts.path
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.platform.headers_seen.append((method, path, dict(self.headers)))
        body = b"" if method == "PATCH" else self.rfile.read(int(self.headers.get("Content-Length") or 0))
        refusal = self._refusal(f"{method} {path}")
        if refusal is not None:
            if method == "PATCH":
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return self.send(refusal.status, refusal.body, refusal.headers)
        if path.startswith("/v1") and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            if method == "PATCH":
                self.close_connection = True
            return self.refuse(401, "AUTH_REQUIRED", "a key is needed")
        if method == "PATCH":
            return self._patch(path)
        self._json(method, path, body)

    def _refusal(self, call: str) -> Refusal | None:
        with self.platform.lock:
            for refusal in self.platform.refusals:
                if refusal.times > 0 and re.search(refusal.pattern, call):
                    refusal.times -= 1
                    return refusal
        return None

    def _json(self, method: str, path: str, raw: bytes) -> None:
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            return self.refuse(400, "VALIDATION_ERROR", "not JSON")
        with self.platform.lock:
            self.platform.seen.append((method, path, body))
            if method == "POST" and self._replayed(path, raw):
                return
            for verb, pattern, function in self.platform.routes:
                match = re.fullmatch(pattern, path)
                if verb == method and match:
                    return function(self, body, *match.groups())
            if path in self.platform.answers:
                return self.ok(self.platform.answers[path])
            if path in self.platform.lists:
                return self.page(self.platform.lists[path])
        self.refuse(404, "NOT_FOUND", f"no such address: {path}")

    def _replayed(self, path: str, raw: bytes) -> bool:
        self.key = self.headers.get("Idempotency-Key")
        if not self.key or not 8 <= len(self.key) <= 128:
            self.platform.problems.append(f"POST {path} without a proper Idempotency-Key")
            return False
        known = self.platform.replays.get(f"{path} {self.key}")
        self.raw = raw
        self.where = path
        if known is None:
            return False
        if known[0] != raw:
            self.refuse(409, "IDEMPOTENCY_KEY_CONFLICT", "other body under this key")
        else:
            self.send(known[1], known[2], {"Idempotent-Replay": "true"})
        return True

    def ok(self, body: dict[str, Any], status: int = 200) -> None:
        answer = {"requestId": "req-test", **body}
        if self.command == "POST" and getattr(self, "key", None):
            self.platform.replays[f"{self.where} {self.key}"] = (self.raw, status, answer)
        self.send(status, answer)

    def refuse(
        self, status: int, code: str, message: str, details: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        error = {"code": code, "message": message} | ({"details": details} if details else {})
        self.send(status, {"error": error, "requestId": "req-test"}, headers)

    def send(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "X-Request-Id": "req-test",
            "X-Nexus-Version": self.platform.version,
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        if status != 204 and "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(data)

    def page(self, items: list[dict[str, Any]]) -> None:
        limit, start = int(self.query.get("limit", 50)), int(self.query.get("cursor", 0))
        if limit > 200:
            return self.refuse(400, "VALIDATION_ERROR", "limit over 200")
        following = str(start + limit) if start + limit < len(items) else None
        self.ok({"items": items[start : start + limit], "nextCursor": following})

    def _patch(self, path: str) -> None:
        platform = self.platform
        length = int(self.headers.get("Content-Length") or -1)
        upload = platform.uploads.get(path.rsplit("/", 1)[-1])
        for name, wanted in (("Tus-Resumable", "1.0.0"), ("Content-Type", "application/offset+octet-stream")):
            if self.headers.get(name) != wanted:
                platform.problems.append(f"PATCH with {name} {self.headers.get(name)!r}")
        if length < 0 or self.headers.get("Transfer-Encoding"):
            platform.problems.append("PATCH without a length")
        if upload is None:
            self.close_connection = True
            return self.refuse(404, "NOT_FOUND", "no such upload")
        if platform.patch_limit and length > platform.patch_limit:
            self.close_connection = True
            return self.send(413, b"<html>413 Request Entity Too Large</html>")
        if int(self.headers["Upload-Offset"]) != len(upload.data):
            self.close_connection = True
            return self.refuse(
                409, "OFFSET", "wrong offset", {"offset": len(upload.data)}, {"Upload-Offset": str(len(upload.data))}
            )
        cut = platform.cuts.pop(0) if platform.cuts else None
        self._receive(upload, length if cut is None else min(cut, length))
        if cut is not None:
            self.close_connection = True
            self.connection.close()
            return
        upload.length = upload.length or int(self.headers.get("Upload-Length") or 0) or None
        self.send(204, None, {"Upload-Offset": str(len(upload.data)), "Tus-Resumable": "1.0.0"})

    def _receive(self, upload: Upload, length: int) -> None:
        while length:
            block = self.rfile.read(min(65536, length))
            if not block:
                return
            upload.data += block
            length -= len(block)
