"""`nexus upload URL`: fetched here, with resume, refused by name where it is no data file, then sent as any other."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tradenexus.cli import urls
from tradenexus.cli.failures import Usage

DATA = b"time,price,size\n" + b"".join(b"%d,1.%02d,2\n" % (n, n % 100) for n in range(60_000))
PAGE = b"<!-- hello -->\n<!DOCTYPE html><html><body>Please sign in</body></html>"


class Elsewhere(BaseHTTPRequestHandler):
    """Some host on the net: ranges, and whatever goes wrong there."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *words) -> None:
        pass

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        name = self.path.partition("?")[0]
        if name == "/moved.csv":
            return self._say(302, b"", {"Location": "/btc.csv"})
        if name == "/away.csv":
            return self._say(302, b"", {"Location": "ftp://127.0.0.1/btc.csv"})
        if name == "/round.csv":
            return self._say(302, b"", {"Location": "/round.csv"})
        if name not in ("/btc.csv", "/page.csv", "/"):
            return self._say(404, PAGE, {"Content-Type": "text/html"})
        body = PAGE if name == "/page.csv" else DATA
        start = int(self.headers.get("Range", "bytes=0-")[6:-1]) if self.headers.get("If-Range") == '"v1"' else 0
        told = {"ETag": '"v1"'}
        if start:
            told["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self._say(206 if start else 200, body[start:], told)

    def _say(self, status: int, body: bytes, told: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **told}.items():
            self.send_header(name, value)
        self.end_headers()
        sent = body[: self.server.cuts.pop(0)] if self.server.cuts else body
        self.wfile.write(sent)
        self.close_connection = len(sent) < len(body)


@pytest.fixture
def elsewhere():
    """Another server; `cuts` are the bytes after which it breaks the next answers off."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    server.seen, server.cuts = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def kept(tmp_path):
    """A function that lists what lies fetched on this machine."""
    return lambda: [path for path in (tmp_path / "state").rglob("fetched/*/*") if path.is_file()]


def sent(platform):
    [upload] = platform.uploads.values()
    return upload.filename, bytes(upload.data)


def test_a_url_is_fetched_sent_and_not_kept(platform, nexus, elsewhere, kept):
    ran = nexus("upload", f"{elsewhere.url}/btc.csv?key=secret", "--name", "btc", "--no-validate", "--json")
    assert ran.code == 0, ran.err
    assert sent(platform) == ("btc.csv", DATA)
    assert ran.json["file"] == f"{elsewhere.url}/btc.csv"
    assert kept() == []


def test_the_token_stays_at_home(platform, nexus, elsewhere):
    nexus("upload", f"{elsewhere.url}/btc.csv", "--no-validate")
    assert elsewhere.seen
    assert all("Authorization" not in headers for _, headers in elsewhere.seen)


def test_a_broken_fetch_goes_on_with_a_range(platform, nexus, elsewhere):
    elsewhere.cuts = [300_000, 100_000]
    ran = nexus("upload", f"{elsewhere.url}/btc.csv", "--no-validate")
    assert ran.code == 0, ran.err
    assert sent(platform) == ("btc.csv", DATA)
    assert [headers.get("Range") for _, headers in elsewhere.seen] == [None, "bytes=300000-", "bytes=400000-"]


def test_what_was_fetched_is_kept_until_it_is_sent(platform, nexus, elsewhere, kept):
    platform.fail("uploads:init", 409, "STATE_CONFLICT")
    assert nexus("upload", f"{elsewhere.url}/btc.csv", "--no-validate").code == 6
    assert [path.read_bytes() for path in kept()] == [DATA]
    again = nexus("upload", f"{elsewhere.url}/btc.csv", "--no-validate")
    assert (again.code, "fetched before" in again.err) == (0, True)
    assert len(elsewhere.seen) == 1
    assert kept() == []


def test_a_redirect_is_followed(platform, nexus, elsewhere):
    assert nexus("upload", f"{elsewhere.url}/moved.csv", "--no-validate").code == 0
    assert sent(platform) == ("moved.csv", DATA)


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/page.csv", "URL_IS_A_PAGE", "is a web page, no data file"),
        ("/gone.csv", "URL_FAILED", "answered 404"),
        ("/away.csv", "URL_FAILED", "leads nowhere"),
        ("/round.csv", "URL_FAILED", "leads nowhere"),
    ],
)
def test_what_is_no_file_is_told_by_name_and_nothing_is_sent(platform, nexus, elsewhere, kept, path, code, words):
    ran = nexus("upload", f"{elsewhere.url}{path}", "--no-validate", "--json")
    assert ran.code != 0
    assert (ran.error["code"], words in ran.error["message"]) == (code, True)
    assert platform.uploads == {}
    assert kept() == []


def test_a_file_beyond_the_platforms_limit_is_not_fetched(platform, nexus, elsewhere, kept):
    platform.max_bytes = len(DATA) - 1
    ran = nexus("upload", f"{elsewhere.url}/btc.csv", "--no-validate", "--json")
    assert ran.error["code"] == "UPLOAD_TOO_LARGE"
    assert kept() == []


@pytest.mark.parametrize(
    "url", ["ftp://example.org/a.csv", "file:///etc/passwd", "http://", "https://:80/a", "s3://b/k"]
)
def test_other_schemes_are_refused(platform, nexus, url):
    ran = nexus("upload", url)
    assert (ran.code, "only http and https" in ran.err) == (2, True)


def test_nobody_there_is_told_at_once(platform, nexus, elsewhere):
    elsewhere.shutdown()
    elsewhere.server_close()
    assert nexus("upload", f"{elsewhere.url}/btc.csv").code == 10


def test_a_dry_run_fetches_nothing(platform, nexus, elsewhere):
    assert nexus("upload", f"{elsewhere.url}/btc.csv", "--dry-run").code == 2
    assert elsewhere.seen == []


def test_a_name_is_made_of_the_path_alone_and_secrets_are_not_shown():
    assert urls.shown("https://me:secret@example.org/a/b.csv?token=1#x") == "https://example.org/a/b.csv"
    with pytest.raises(Usage, match=r"ftp://example\.org/x cannot"):
        urls.checked("ftp://me:secret@example.org/x?y")
