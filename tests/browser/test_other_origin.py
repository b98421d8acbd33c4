"""A page of another origin sends to /v1 with tus-js-client in each of its modes: if its origin is named, only then."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.browser.elsewhere import Elsewhere, file_of
from tests.kit.server import ROOT, Server

pytestmark = pytest.mark.browser
TUS = ROOT / "node_modules" / "tus-js-client" / "dist" / "tus.min.js"
SIZE = 5_000_000
CHUNK = 2_000_000
SENT = 1_000_000  # what has left when a page is stopped: less than a part
SLOW = 1_000_000
PAGE = """<script>
async function send({ streamed, resumed, ...options }) {
  const file = document.querySelector('input').files[0]
  window.upload = new tus.Upload(streamed ? file.stream().getReader() : file, {
    ...options,
    metadata: { filename: file.name, filetype: file.type },
    retryDelays: null,
    onProgress: sent => { told.sent = sent },
    onSuccess: () => { told.ended = { url: upload.url } },
    onError: error => { told.ended = { error: String(error) } },
  })
  if (resumed) {
    const before = await upload.findPreviousUploads()
    if (before.length !== 1) throw new Error(`${before.length} uploads to resume`)
    upload.resumeFromPreviousUpload(before[0])
  }
  upload.start()
}
const abort = () => upload.abort(true)
</script>"""
LATER = {"uploadLengthDeferred": True, "streamed": True, "chunkSize": CHUNK}
# That a stream is over shows when nothing more comes; then an empty PATCH tells the length. tus-js-client sends no data
# with such a creation, and when it was asked to, it goes on at the offset in the answer.
TOLD_LAST = {"POST without length": 1, "PATCH": 3, "PATCH with length": 1}
# What is set and what is then asked for
MODES = {
    "one request": ({}, {"POST": 1, "PATCH": 1}),
    "chunks": ({"chunkSize": CHUNK}, {"POST": 1, "PATCH": 3}),
    "data with the creation": ({"uploadDataDuringCreation": True}, {"POST with bytes": 1}),
    "first chunk with the creation": (
        {"uploadDataDuringCreation": True, "chunkSize": CHUNK},
        {"POST with bytes": 1, "PATCH": 2},
    ),
    "length later": (LATER, TOLD_LAST),
    "length later, data with the creation": ({**LATER, "uploadDataDuringCreation": True}, TOLD_LAST),
    "stream": ({"streamed": True, "uploadSize": SIZE, "chunkSize": CHUNK}, {"POST": 1, "PATCH": 3}),
    "parts": ({"parallelUploads": 3}, {"POST partial": 3, "PATCH partial": 3, "POST final": 1}),
    "parts in chunks": (
        {"parallelUploads": 3, "chunkSize": 1_000_000},
        {"POST partial": 3, "PATCH partial": 6, "POST final": 1},
    ),
    "POST only": ({"overridePatchMethod": True, "chunkSize": CHUNK}, {"POST": 1, "POST as PATCH": 3}),
}


@pytest.fixture(scope="module")
def elsewhere(chromium, tmp_path_factory):
    with Elsewhere(chromium, tmp_path_factory.mktemp("tus"), PAGE, TUS) as running:
        yield running


@pytest.fixture
def page(elsewhere):
    with elsewhere.page() as page:
        yield page


@pytest.fixture
def file(tmp_path):
    return file_of(tmp_path, SIZE)


def kind(method: str, headers: dict[str, str]) -> str:
    """Name a request by what the protocol says of it."""
    if "x-http-method-override" in headers:
        return f"{method} as {headers['x-http-method-override']}"
    concat = headers.get("upload-concat", "").partition(";")[0]
    words = [method, concat, "without length" * ("upload-defer-length" in headers)]
    if method == "POST" and headers.get("content-type") == "application/offset+octet-stream":
        words.append("with bytes")
    if method == "PATCH" and "upload-length" in headers:
        words.append("with length")
    return " ".join(filter(None, words))


@pytest.mark.parametrize("mode", MODES)
def test_a_page_of_a_named_origin_uploads(elsewhere, page, file, mode):
    options, wanted = MODES[mode]
    page.choose(file)
    page.call("send", elsewhere.options(**options))
    ended = page.ended()
    assert "error" not in ended
    assert ended["url"].startswith(elsewhere.server.url)
    assert Counter(kind(*request) for request in page.requests) == wanted
    upload = elsewhere.finish(ended["url"], file)
    assert (upload["filename"], upload["contentType"]) == (file.name, "text/csv")


@pytest.mark.parametrize(
    "options", [{}, {"chunkSize": 500_000}, {"parallelUploads": 3}], ids=["one request", "chunks", "parts"]
)
def test_a_reloaded_page_goes_on_where_it_was(elsewhere, page, file, options):
    page.choose(file)
    page.slow(SLOW)
    page.call("send", elsewhere.options(**options))
    page.until_sent(SENT)
    page.page.reload()
    page.slow(-1)
    page.requests.clear()
    page.choose(file)
    page.call("send", elsewhere.options(resumed=True, **options))
    ended = page.ended()
    assert "error" not in ended
    elsewhere.finish(ended["url"], file)
    made = Counter(kind(*request) for request in page.requests)
    assert (made["POST"], made["POST partial"]) == (0, 0), "it began anew"
    assert page.offsets().count(0) < options.get("parallelUploads", 1)


@pytest.mark.parametrize(
    ("options", "count"),
    [({}, 1), ({"chunkSize": 500_000}, 1), ({"parallelUploads": 3}, 3)],
    ids=["one request", "chunks", "parts"],
)
def test_what_a_page_aborts_and_terminates_is_gone(elsewhere, page, file, options, count):
    page.choose(file)
    page.slow(SLOW)
    page.call("send", elsewhere.options(**options))
    page.until_sent(SENT)
    urls = elsewhere.newest(count)
    page.call("abort")
    for url in urls:
        elsewhere.until_gone(url)
    assert page.page.evaluate("told.ended") is None
    assert [method for method, _ in page.requests].count("DELETE") == count


def test_a_page_of_another_origin_cannot(elsewhere, page, file, tmp_path):
    with Server(tmp_path, NEXUS_CORS_ORIGINS="https://desk.example") as server, server.client() as client:
        page.choose(file)
        page.call("send", {**elsewhere.options(server.port), "headers": {"Authorization": f"Bearer {server.owner}"}})
        assert "error" in page.ended()
        assert client.get("/v1/uploads").json()["items"] == []
