"""Fixes on pages: what the report proposes, a preview with before and after, a new version; the same for the lake."""

from __future__ import annotations

import html
import json

import numpy as np
import pytest

from datasets import validation
from datasets.models import DatasetVersion, LakeEntry, LakeQuarantine
from tests.kit import lake, raw
from tests.lona.worker import work
from tradenexus import db

pytestmark = pytest.mark.django_db(transaction=True)
FAR = json.dumps([{"op": "drop", "where": [{"column": "close", "op": ">", "value": 1e6}]}])
WHY = "the vendor quoted cents that day"


@pytest.fixture
def red(owner):
    rows = [f"{1_700_002_800 + at * 3600},10,{5 if at % 32 < 1 else 12},8,10,{at}\n" for at in range(200)]
    version = raw.uploaded(owner, ("time,open,high,low,close,volume\n" + "".join(rows)).encode(), symbol="A")
    with db.atomic():
        validation.request(owner.actor, version.dataset, 1, {})
    work()
    return version


@pytest.fixture
def held(owner, tmp_path):
    closes = 100 + np.arange(60) / 8
    closes[50] *= 100
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), lake.registered(owner)))
    return LakeQuarantine.of(owner.tenant.id).get()


def page(browser, url):
    answer = browser.get(url)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_from_the_quality_tab_over_a_preview_to_a_good_version(owner, browse, red):
    browser, base = browse(owner), f"/datasets/{red.dataset.ref}/v/1/"
    assert f"{base}fix/" in page(browser, f"{base}quality/")
    assert f"{base}fix/" in page(browser, f"/datasets/{red.dataset.ref}/quality/")
    form = page(browser, f"{base}fix/")
    assert "Drop the rows that ohlc.high_low names" in form
    assert "nexus transform fix" in form
    answer = browser.post(f"{base}fix/", {"use": ["0"], "action": "preview"})
    assert answer.status_code == 303
    address = answer["Location"].partition("#")[0]
    assert "Being tried on the rows" in page(browser, address)
    work()
    told = page(browser, address)
    assert "193 of 200 rows would be left" in told
    assert "high 5.0" in told
    assert "Make version 2" in told
    assert DatasetVersion.of(owner.tenant.id).count() == 1
    answer = browser.post(f"{base}fix/", {"use": ["0"], "action": "apply", "note": "swapped columns"})
    assert answer["Location"] == f"/datasets/{red.dataset.ref}/v/2/quality/"
    work()
    report = page(browser, answer["Location"])
    assert "Made by a fix of version 1" in report
    assert "swapped columns" in report
    lineage = page(browser, f"/datasets/{red.dataset.ref}/v/2/lineage/")
    assert "drop the rows that ohlc.high_low names" in lineage


def test_steps_of_ones_own_are_kept_in_the_form_and_what_they_touch_is_told(owner, browse, red):
    browser, url = browse(owner), f"/datasets/{red.dataset.ref}/v/1/fix/"
    address = browser.post(url, {"more": FAR, "action": "preview"})["Location"].partition("#")[0]
    work()
    told = page(browser, address)
    assert "touches nothing" in told
    assert '"value": 1000000.0' in told


@pytest.mark.parametrize("more", ["{", "3", '[{"op": "melt"}]', ""])
def test_what_is_no_recipe_is_told_above_the_form_and_nothing_is_started(owner, browse, red, more):
    answer = browse(owner).post(f"/datasets/{red.dataset.ref}/v/1/fix/", {"more": more, "action": "apply"})
    assert answer.status_code == 422
    assert "form-error" in answer.content.decode()
    assert DatasetVersion.of(owner.tenant.id).count() == 1


def test_refused_rows_are_fixed_from_their_page(owner, browse, held):
    browser, url = browse(owner), f"/lakehouse/quarantine/{held.ref}/"
    assert f"{url}fix/" in page(browser, url)
    form = page(browser, f"{url}fix/")
    assert "by 1/100" in form
    assert "nexus lake fix" in form
    address = browser.post(f"{url}fix/", {"use": ["0"], "action": "preview"})["Location"].partition("#")[0]
    work()
    assert "106.25" in page(browser, address)
    assert "Being released" not in page(browser, url)
    said = {"use": ["0"], "action": "apply", "commit": "on", "policy": "refuse"}
    assert browser.post(f"{url}fix/", {**said, "reason": "no"}).status_code == 422
    answer = browser.post(f"{url}fix/", {**said, "reason": WHY})
    assert answer["Location"].startswith("/jobs/job_")
    work()
    held.refresh_from_db()
    assert held.state == "fixed"
    settled = page(browser, url)
    assert "entered the lake in place of these rows" in settled
    assert LakeEntry.of(owner.tenant.id).get().rows == 60


def test_who_looks_on_has_no_form_and_strangers_find_nothing(owner, browse, viewer, stranger, red, held):
    for url in (f"/datasets/{red.dataset.ref}/v/1/fix/", f"/lakehouse/quarantine/{held.ref}/fix/"):
        assert "Your role looks on only" in page(browse(viewer), url)
        assert browse(viewer).post(url, {"more": FAR, "action": "apply"}).status_code == 403
        assert browse(stranger).get(url).status_code == 404
        assert browse(stranger).post(url, {"more": FAR, "action": "apply"}).status_code == 404
