"""Publishes in the browser."""

from __future__ import annotations

import pytest

from lona.models import Publication
from tests.lona.pages.conftest import publication_of
from tests.lona.versions import place

pytestmark = pytest.mark.django_db
PART = {"headers": {"HX-Request": "true"}}


def test_the_list_names_provider_state_and_symbol(browser, version):
    row = publication_of(version)
    text = browser.get("/publishes/").content.decode()
    for words in ("Sandbox (local)", f"/publishes/{row.ref}/", "sym-1", "xrp@1", 'data-state="published"'):
        assert words in text


def test_htmx_gets_the_list_alone(browser, version):
    publication_of(version)
    assert "<html" not in browser.get("/publishes/", **PART).content.decode()


def test_empty_and_filtered_empty_are_told_apart(browser, version):
    assert "Nothing has been sent yet" in browser.get("/publishes/").content.decode()
    publication_of(version)
    assert "No publish matches" in browser.get("/publishes/?state=failed").content.decode()
    assert browser.get("/publishes/?state=odd").status_code == 400


def test_publishes_of_a_dataset(browser, owner, version, make_bars):
    from tests.lona.bars import times

    mine, other = publication_of(version), publication_of(make_bars(owner, times(5)))
    text = browser.get(f"/publishes/?dataset={version.dataset.ref}").content.decode()
    assert mine.ref in text
    assert other.ref not in text


def test_a_stranger_sees_none_of_it(strangers_browser, version):
    row = publication_of(version)
    assert row.ref not in strangers_browser.get("/publishes/").content.decode()
    assert strangers_browser.get(f"/publishes/{row.ref}/").status_code == 404
    assert strangers_browser.get(f"/publishes/_version/{version.ref}/").status_code == 404
    assert strangers_browser.post(f"/publishes/_version/{version.ref}/", {"mode": "explicit"}).status_code == 404


def test_one_publication_tells_what_was_sent(browser, version):
    row = publication_of(version, csv_sha256="c" * 64, size_bytes=512_891)
    text = browser.get(f"/publishes/{row.ref}/").content.decode()
    for words in ("c" * 64, "513 kB", "Sandbox (local)", "timestamp, open, high, low, close"):
        assert words in text


def test_a_failed_publication_says_why_and_is_published_again(browser, version):
    error = {"code": "LONA_REJECTED", "message": "the provider refused: <b>too few</b>", "details": {}}
    row = publication_of(version, "failed", error=error, lona_symbol_id="")
    place(version, "publish_failed")
    text = browser.get(f"/publishes/{row.ref}/").content.decode()
    assert "&lt;b&gt;too few&lt;/b&gt;" in text
    answer = browser.post(f"/publishes/{row.ref}/")
    again = Publication.of(version.tenant_id).exclude(id=row.id).get()
    assert (answer.status_code, answer["Location"]) == (303, f"/publishes/{again.ref}/")
    assert (again.state, again.start_ns) == ("queued", row.start_ns)


def test_the_part_of_a_version_says_what_a_publish_would_send(browser, version):
    text = browser.get(f"/publishes/_version/{version.ref}/", **PART).content.decode()
    assert "<html" not in text
    assert "<b>1</b> symbol" in text
    assert "<b>100</b> bars" in text
    assert "Publish to" in text


def test_a_version_that_cannot_be_published_says_why(browser, version):
    place(version, "ready", kind="trades")
    assert "make candles first" in browser.get(f"/publishes/_version/{version.ref}/", **PART).content.decode()
    assert browser.post(f"/publishes/_version/{version.ref}/", {"mode": "explicit"}, **PART).status_code == 422


def test_publishing_a_version_queues_its_slices_once(browser, version):
    for _ in range(2):
        answer = browser.post(f"/publishes/_version/{version.ref}/", {"mode": "explicit"}, **PART)
        assert answer.status_code == 200
    row = Publication.of(version.tenant_id).get()
    assert row.state == "queued"
    assert "All of it is there or on its way" in answer.content.decode()


def test_a_plain_form_leads_back_to_the_dataset(browser, version):
    answer = browser.post(f"/publishes/_version/{version.ref}/", {"mode": "explicit"})
    assert answer["Location"] == f"/datasets/{version.dataset.ref}/v/1/publish/"


def test_days_of_the_form_are_whole_and_both_counted(browser, version):
    days = {"mode": "explicit", "first": "2019-10-11", "last": "2019-10-11", "symbols": "XRPETH"}
    browser.post(f"/publishes/_version/{version.ref}/", days, **PART)
    row = Publication.of(version.tenant_id).get()
    assert row.start_ns == version.start_ns
    assert row.end_ns == version.end_ns + 1


@pytest.mark.parametrize(
    "wrong",
    [{"first": "2019-10-12", "last": "2019-10-11"}, {"symbols": "NOPE"}, {"first": "0001-01-01"}, {"mode": "odd"}],
)
def test_a_slice_that_does_not_fit_is_refused_in_the_form(browser, version, wrong):
    answer = browser.post(f"/publishes/_version/{version.ref}/", {"mode": "explicit", **wrong}, **PART)
    assert answer.status_code == 422
    assert not Publication.of(version.tenant_id).exists()


def test_a_viewer_may_look_and_not_publish(viewers_browser, version):
    row = publication_of(version, "failed")
    assert "Your role may look" in viewers_browser.get(f"/publishes/_version/{version.ref}/", **PART).content.decode()
    assert viewers_browser.post(f"/publishes/_version/{version.ref}/", {"mode": "explicit"}).status_code == 403
    assert viewers_browser.post(f"/publishes/{row.ref}/").status_code == 403


def test_a_provider_that_is_away_is_told_and_the_page_works(browser, version, settings):
    settings.LONA_GATEWAY_URL = "http://127.0.0.1:9"
    settings.LONA_ALLOW_PRIVATE = True
    publication_of(version)
    strip = browser.get("/publishes/_provider/", **PART).content.decode()
    assert "does not answer" in strip
    assert "strip warn" in strip
    page = browser.get("/publishes/")
    assert page.status_code == 200
    assert "does not answer" in page.content.decode()
    assert "sym-1" in page.content.decode()
