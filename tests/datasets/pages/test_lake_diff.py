"""The page of a diff: two revisions chosen, figures, sessions in pages, old and new, both drawn; refusals in words."""

from __future__ import annotations

import re
from datetime import timedelta

import numpy as np
import pytest

from datasets.models import LakeEntry, LakeSegment
from tests.kit import lake
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db
URL = "/lakehouse/crypto_bars_1d/BINANCE:ETH-BTC/"


def text_of(answer, status=200):
    assert answer.status_code == status, answer.content[:400]
    return answer.content.decode()


@pytest.fixture
def revised(owner, tmp_path):
    """Ten days; then ninety more, into another year, and one of the first with another close."""
    name = lake.registered(owner)
    closes = 100 + np.arange(100) / 8
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes[:10]), name))
    closes[3] = 101.0625
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), name, policy="newer"))
    return LakeEntry.of(owner.tenant.id).get()


def test_two_revisions_are_chosen_on_their_tab(viewer, browse, revised):
    browser = browse(viewer)
    text = text_of(browser.get(f"{URL}revisions/"))
    assert f'action="{URL}diff/"' in text
    assert f'href="{URL}diff/1...2/"' in text
    assert browser.get(f"{URL}diff/?a=2&b=1")["Location"] == f"{URL}diff/2...1/"
    assert browser.get(f"{URL}diff/")["Location"] == f"{URL}diff/1...2/"
    assert browser.get(f"{URL}diff/?a=9").status_code == 404
    assert browser.get(f"{URL}diff/?a=x").status_code == 400


def test_it_shows_figures_sessions_and_values_old_and_new(viewer, browse, revised):
    text = text_of(browse(viewer).get(f"{URL}diff/1...2/"))
    assert "<b>+90</b> added, <b>-0</b> removed, <b>~1</b> changed" in text
    assert ">100.375<" in text
    assert ">101.0625<" in text
    assert "nexus lake diff crypto_bars_1d/BINANCE:ETH-BTC 1...2" in text
    assert re.search(r'<polyline class="is-a" points="[\d., -]+"', text)
    assert text.count("<polyline") == 2
    assert f'href="{URL}diff/2...1/"' in text


def test_sessions_come_in_pages_and_one_may_be_looked_at(viewer, browse, revised):
    browser = browse(viewer)
    first = text_of(browser.get(f"{URL}diff/1...2/"))
    listed = re.findall(r"day=(\d{4}-\d\d-\d\d)", first)
    following = re.search(r'href="(\?[^"]*cursor=[^"]*)">Next', first)[1].replace("&amp;", "&")
    later = re.findall(r"day=(\d{4}-\d\d-\d\d)", text_of(browser.get(f"{URL}diff/1...2/{following}")))
    assert len(listed) == 50
    assert set(listed).isdisjoint(later)
    assert len({*listed, *later}) == 91
    one = text_of(browser.get(f"{URL}diff/1...2/?day=2024-10-10"))
    assert "whole row" not in one
    assert ">101.0625<" in one


def test_the_same_revision_and_what_is_none(viewer, stranger, browse, revised):
    browser = browse(viewer)
    assert "identical, byte for byte" in text_of(browser.get(f"{URL}diff/2...2/"))
    assert "larger than what one look compares" not in text_of(browser.get(f"{URL}diff/2...2/"))
    for wrong, status in (("1", 400), ("1...3", 404), ("0...1", 404), ("1...2/?day=soon", 400)):
        assert browser.get(f"{URL}diff/{wrong}{'' if '?' in wrong else '/'}").status_code == status
    assert browse(stranger).get(f"{URL}diff/1...2/").status_code == 404
    LakeEntry.everyone.update(oldest_revision=2)
    assert "not kept any more" in text_of(browser.get(f"{URL}diff/1...2/"), 404)
    assert "What it changed" not in text_of(browser.get(f"{URL}revisions/"))


def test_keys_are_drawn_as_their_marks_are(viewer, browse, revised):
    text = text_of(browse(viewer).get(f"{URL}diff/1...2/"))
    for mark in ("a", "b"):
        assert f'<polyline class="is-{mark}"' in text
        assert re.search(rf'<svg class="ds-key"[^>]*><line class="is-{mark}"', text)
    for mark in ("before", "after"):
        assert re.search(rf'<svg class="lk-spread".*<rect class="is-{mark}"', text)
        assert re.search(rf'<svg class="ds-key"[^>]*><rect class="is-{mark}"', text)


def test_changed_rows_are_spread_in_bins_drawn_and_told(viewer, browse, revised):
    text = text_of(browse(viewer).get(f"{URL}diff/1...2/"))
    part = re.search(r"How values are spread.*?</section>", text, re.DOTALL)[0]
    assert "Rows that both revisions have with other values" in part
    assert "Returns since the row before, bins of 0.05 % each: 1 before, 1 after" in part
    assert re.search(r'<th scope="row" class="nowrap">0.1 % to 0.15 %</th><td class="num">1</td>', part)
    assert "<b>volume</b>" in part
    assert part.count("View as table") == 4
    assert "1 null" in part  # trades


@pytest.mark.django_db(transaction=True)
def test_a_large_one_is_started_by_a_press_of_who_may(viewer, owner, stranger, browse, revised, settings):
    settings.NEXUS_LAKE_DIFF_ROWS = 5
    text = text_of(browse(viewer).get(f"{URL}diff/1...2/"))
    assert "an editor can start it" in text
    assert "Compare all of it" not in text
    assert "Where they part" not in text
    assert browse(viewer).post(f"{URL}diff/1...2/").status_code == 403
    assert browse(stranger).post(f"{URL}diff/1...2/").status_code == 404
    text = text_of(browse(owner).get(f"{URL}diff/1...2/"))
    assert re.search(
        r'<form [^>]*action="[^"]*diff/1\.\.\.2/" hx-post="[^"]*diff/1\.\.\.2/".*csrfmiddlewaretoken', text
    )
    assert "-X POST" in text
    assert "No row differs" not in text
    assert "The job is gone" in text_of(browse(owner).get(f"{URL}diff/1...2/_progress/"))
    assert not Job.everyone.filter(kind="lake.diff").exists()


@pytest.mark.django_db(transaction=True)
def test_a_large_one_shows_how_far_its_job_is_and_then_the_result(viewer, owner, browse, revised, settings):
    settings.NEXUS_LAKE_DIFF_ROWS = 5
    text = text_of(browse(owner).post(f"{URL}diff/1...2/", headers={"HX-Request": "true"}))
    assert "<html" not in text
    assert "Waits for a worker" in text
    browser = browse(viewer)
    text = text_of(browser.get(f"{URL}diff/1...2/"))
    job = Job.everyone.get(kind="lake.diff")
    assert "Waits for a worker" in text
    assert "Nothing was compared yet; +90 rows in all" in text
    assert f'hx-get="{URL}diff/1...2/_progress/"' in text
    assert "No row differs" not in text
    progress = {"phase": "comparing", "done": 50, "total": 110, "unit": "rows", "rate": 10.0, "eta_s": 6.0, "steps": []}
    lease = {"state": "running", "lease_until": job.created_at + timedelta(days=1), "progress": progress}
    Job.everyone.filter(pk=job.pk).update(**lease)
    text = text_of(browser.get(f"{URL}diff/1...2/_progress/", headers={"HX-Request": "true"}))
    assert re.search(r"45 %</b><span> · 50 of 110 rows</span><span> · 10 rows/s</span><span> · about 6 s left", text), (
        text
    )
    Job.everyone.filter(pk=job.pk).update(state="queued", lease_until=None)
    runner.wake()
    assert 'hx-target="#panel"' in text_of(browser.get(f"{URL}diff/1...2/_progress/"))
    text = text_of(browser.get(f"{URL}diff/1...2/"))
    assert "<b>+90</b> added, <b>-0</b> removed, <b>~1</b> changed" in text
    assert "diff-job" not in text


@pytest.mark.django_db(transaction=True)
def test_a_large_one_that_failed_says_why_and_may_be_retried(viewer, owner, browse, revised, settings):
    settings.NEXUS_LAKE_DIFF_ROWS = 5
    browser = browse(owner)
    assert browser.post(f"{URL}diff/1...2/")["Location"] == f"{URL}diff/1...2/"
    LakeSegment.everyone.update(damaged_at=revised.updated_at)
    runner.wake()
    text = text_of(browser.get(f"{URL}diff/1...2/"))
    assert "LAKE_SEGMENT_DAMAGED" in text
    assert "Not all of it was compared" in text
    job = Job.everyone.get(kind="lake.diff")
    assert f'action="/jobs/{job.ref}/"' in text
    assert 'value="retry"' not in text_of(browse(viewer).get(f"{URL}diff/1...2/"))
