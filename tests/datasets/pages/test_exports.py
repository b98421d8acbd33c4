"""The pages of exports: a calendar of nights, Build now, what a bundle holds and what it held back."""

from __future__ import annotations

import re

import pytest

from datasets.models import ExportBundle
from tests.kit import exports
from tests.lona.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_empty_lake_says_what_a_bundle_is_and_offers_no_button(owner, browse):
    text = browse(owner).get("/exports/").content.decode()
    assert "the lake of one night" in text
    assert "nexus export build --wait" in text
    assert "Build now" not in text


def test_build_now_leads_to_the_bundle_which_tells_all_of_itself(owner, viewer, browse, tmp_path):
    exports.fill(owner, tmp_path)
    browser = browse(owner)
    first = browser.get("/exports/").content.decode()
    assert "Build now" in first
    assert "curl" in first
    answer = browser.post("/exports/", {})
    row = ExportBundle.of(owner.tenant.id).get()
    assert (answer.status_code, answer["Location"]) == (303, f"/exports/{row.night}/")
    assert "Waiting for a worker" in browser.get(answer["Location"]).content.decode()
    work()
    row.refresh_from_db()
    text = browser.get(answer["Location"]).content.decode()
    for told in (row.manifest_sha256, f"nexus export pull {row.night} --to bundles", "crypto_bars_1d", "TOXIC"):
        assert told in text
    assert "BINANCE_BTC~F_X/2024.parquet" in text
    assert text.count('<td><span class="chip') == 3  # each session that is held back
    assert len(re.findall(r'class="ex-sum"', text)) == 10
    listed = browser.get("/exports/").content.decode()
    assert f'<a href="/exports/{row.night}/"><span class="ex-day">' in listed
    assert "117" in listed
    part = browser.get(f"/exports/{row.ref}/", headers={"HX-Request": "true"}).content.decode()
    assert part.startswith('<div id="export"')
    seen = browse(viewer).get("/exports/").content.decode()
    assert "Build now" not in seen
    assert browse(viewer).post("/exports/", {}).status_code == 403


def test_what_is_refused_is_told_in_words(owner, browse):
    answer = browse(owner).post("/exports/", {})
    assert answer.status_code == 422
    assert "Nothing was started" in answer.content.decode()


def test_a_stranger_finds_no_page_of_it(owner, stranger, browse, tmp_path):
    exports.fill(owner, tmp_path)
    row = exports.build(owner)
    for ref in (row.ref, f"{row.night}", "latest", "2024-13-45"):
        assert browse(stranger).get(f"/exports/{ref}/").status_code == 404


def test_a_build_that_failed_says_why(owner, browse, tmp_path):
    exports.fill(owner, tmp_path)
    row = exports.build(owner)
    ExportBundle.everyone.filter(id=row.id).update(error={"code": "DISK_FULL", "message": "No space <b>left"})
    text = browse(owner).get(f"/exports/{row.night}/").content.decode()
    assert "No space &lt;b&gt;left" in text
    assert "served as it was" in text
