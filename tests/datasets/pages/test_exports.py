"""The pages of exports: a calendar of nights, Build now, what a bundle holds and what it held back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from datasets.exports import pulls
from datasets.models import ExportBundle
from tests.kit import exports
from tests.lona.worker import work
from tradenexus import db
from tradenexus.jobs.models import Job

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
    assert text.count("ledger/?code=TOXIC") == 1  # what is held back, by entry and reason
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


def test_the_page_says_who_pulled_it_and_how_much(owner, teammate, browse, tmp_path):
    exports.fill(owner, tmp_path)
    row = exports.build(owner)
    text = browse(owner).get(f"/exports/{row.night}/").content.decode()
    assert "Nobody yet over the API" in text
    for person, size in ((owner, 2_500_000), (owner, 500_000), (teammate, 7)):
        pulls.note(person.actor, row, size, files=1)
    text = browse(owner).get(f"/exports/{row.night}/").content.decode()
    assert [one in text for one in (owner.user.email, teammate.user.email, "3.00 MB", "7 bytes")] == [True] * 4
    assert browse(owner).get("/exports/").context["pager"].items[0].pulled == 2


def test_the_calendar_begins_with_the_first_night_and_marks_those_that_are_missing(owner, browse, tmp_path):
    exports.fill(owner, tmp_path)
    row = exports.build(owner)
    assert len(browse(owner).get("/exports/").context["weeks"]) == 2
    ExportBundle.everyone.filter(id=row.id).update(night=row.night - timedelta(days=20))
    weeks = browse(owner).get("/exports/").context["weeks"]
    cells = [cell for week in weeks for cell in week]
    assert sum(cell["missed"] for cell in cells) == 19
    assert [cell["date"] for cell in cells if cell["bundle"]] == [row.night - timedelta(days=20)]


def test_a_bundle_that_is_late_says_so_and_how_far_it_is(owner, browse, tmp_path, settings):
    exports.fill(owner, tmp_path)
    settings.NEXUS_EXPORT_HOUR = 0
    browser = browse(owner)
    ExportBundle.everyone.create(
        tenant=owner.tenant, night=db.now().date() - timedelta(days=1), created_at=db.now(), state="failed"
    )
    text = browser.get("/exports/").content.decode()
    assert "due 00:00Z" in text
    assert "not begun yet" in text
    browser.post("/exports/", {})
    assert "Waits for a worker" in browser.get("/exports/").content.decode()
    progress = {"phase": "cut", "done": 74, "total": 100, "unit": "files", "eta_s": 41}
    Job.of(owner.tenant.id).update(state="running", progress=progress, lease_until=db.now() + timedelta(hours=1))
    text = browser.get("/exports/").content.decode()
    assert "due 00:00Z" in text
    assert "74 %" in text
    assert "about 41 s left" in text
    Job.of(owner.tenant.id).update(state="queued", lease_until=None)
    work()
    assert "Tonight" not in browser.get("/exports/").content.decode()
