"""Uppy as its package has it, on a page of another origin: sends, pauses, meets with cuts, sends many, cancels."""

from __future__ import annotations

import itertools
import os

import pytest

from tests.browser.elsewhere import Elsewhere, file_of
from tests.kit.clients import node
from tests.kit.proxy import Proxy, fin, reset

pytestmark = pytest.mark.browser
SIZE = 6_000_000
SENT = SIZE // 3  # what has left when it is stopped
SLOW = 2_000_000
PAGE = """<script>
function send({ meta, ...options }) {
  window.uppy = new Uppy.Uppy({ meta }).use(Uppy.Tus, options)
  uppy.on('upload-progress', (file, progress) => { told.sent = progress.bytesUploaded })
  uppy.on('complete', ({ successful, failed }) => {
    told.ended = { failed: failed.map(file => file.error) }
    told.ended.urls = Object.fromEntries(successful.map(file => [file.name, file.uploadURL]))
  })
  uppy.addFiles([...document.querySelector('input').files].map(data => ({ name: data.name, type: data.type, data })))
  uppy.upload()
}
const pause = () => uppy.pauseAll()
const resume = () => uppy.resumeAll()
const remove = () => uppy.removeFiles(uppy.getFiles().map(file => file.id))
</script>"""


@pytest.fixture(scope="module")
def elsewhere(chromium, tmp_path_factory):
    """A site with Uppy; without npm its tests are skipped, by name; with CI=true they fail."""
    try:
        script = node.install() / "uppy" / "dist" / "uppy.min.js"
    except node.CannotInstall as why:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"LEFT OUT: Uppy, {why}")
    with Elsewhere(chromium, tmp_path_factory.mktemp("uppy"), PAGE, script) as running:
        yield running


@pytest.fixture
def page(elsewhere):
    with elsewhere.page() as page:
        yield page


def arrived(page) -> dict[str, str]:
    """Wait until Uppy has ended well; return the addresses by the names of the files."""
    ended = page.ended()
    assert ended["failed"] == []
    return ended["urls"]


def test_a_file_goes_up_with_default_options(elsewhere, page, tmp_path):
    file = file_of(tmp_path, SIZE)
    page.choose(file)
    page.call("send", elsewhere.options(meta={"symbol": "BTC-USD", "venue": "SIM"}))
    upload = elsewhere.finish(arrived(page)[file.name], file)
    assert (upload["filename"], upload["contentType"], upload["sizeBytes"]) == (file.name, "text/csv", SIZE)
    assert page.offsets() == [0]


def test_it_pauses_and_goes_on_where_it_was(elsewhere, page, tmp_path):
    file = file_of(tmp_path, SIZE)
    page.choose(file)
    page.slow(SLOW)
    page.call("send", elsewhere.options())
    page.until_sent(SENT)
    page.call("pause")
    page.slow(-1)
    (url,) = elsewhere.newest()
    kept = int(elsewhere.head(url).headers["upload-offset"])
    page.call("resume")
    elsewhere.finish(arrived(page)[file.name], file)
    assert 0 < kept <= page.offsets()[-1] < SIZE


def test_a_reloaded_page_goes_on_where_it_was(elsewhere, page, tmp_path):
    file = file_of(tmp_path, SIZE)
    page.choose(file)
    page.slow(SLOW)
    page.call("send", elsewhere.options())
    page.until_sent(SENT)
    page.page.reload()
    page.slow(-1)
    page.choose(file)
    page.call("send", elsewhere.options())
    elsewhere.finish(arrived(page)[file.name], file)
    assert 0 < page.offsets()[-1] < SIZE


@pytest.mark.parametrize("cut", [reset, fin])
def test_it_goes_on_by_itself_after_cut_connections(elsewhere, page, tmp_path, cut):
    file = file_of(tmp_path, SIZE)
    page.choose(file)
    with Proxy(elsewhere.server.port, plan=itertools.repeat(cut(SIZE // 4))) as proxy:
        page.call("send", elsewhere.options(proxy.port))
        urls = arrived(page)
        assert proxy.cut >= 3
    elsewhere.finish(urls[file.name], file)
    assert 0 < page.offsets()[-1] < SIZE


def test_several_files_go_up_at_once(elsewhere, page, tmp_path):
    files = [file_of(tmp_path, 500_000 * number, f"{number}.csv") for number in range(1, 9)]
    page.choose(*files)
    page.call("send", elsewhere.options())
    urls = arrived(page)
    assert len(set(urls.values())) == len(files)
    for file in files:
        elsewhere.finish(urls[file.name], file)


def test_a_file_that_is_removed_meanwhile_is_gone(elsewhere, page, tmp_path):
    page.choose(file_of(tmp_path, SIZE))
    page.slow(SLOW)
    page.call("send", elsewhere.options())
    page.until_sent(SENT)
    (url,) = elsewhere.newest()
    page.call("remove")
    elsewhere.until_gone(url)
