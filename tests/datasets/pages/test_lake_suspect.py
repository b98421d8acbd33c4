"""The page of a suspected split: what is said of it, one press that records it, and each refusal in words."""

from __future__ import annotations

import re

import pytest

from datasets.models import LakeCommit
from tests.kit import halves
from tests.kit.halves import WHY
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
ENTRY = f"/lakehouse/{halves.TABLE}/{halves.NAME}/"
PAGE = f"{ENTRY}suspects/{halves.SESSION}/"


@pytest.fixture
def corroborated(owner, tmp_path):
    halves.halved(owner, tmp_path)
    halves.offered(owner, tmp_path, halves.adjusted())


def text_of(answer, status=200):
    assert answer.status_code == status
    return answer.content.decode()


def form_of(text):
    return dict(re.findall(r'type="hidden" name="(key|evidence)" value="([0-9a-f]+)"', text))


def work():
    while runner.wake():
        pass


def test_one_press_records_what_is_corroborated(teammate, browse, corroborated):
    browser = browse(teammate)
    assert PAGE in text_of(browser.get(ENTRY))
    text = text_of(browser.get(PAGE))
    assert "second: its adjusted closes step by 2 for one here" in text
    assert "0.5000" in text
    assert "nexus lake record-split equities_bars/XNAS:AAPL 2024-11-06 --evidence" in text
    body = form_of(text) | {"action": "record"}
    for _ in range(2):  # pressed twice: done once
        answer = browser.post(PAGE, body)
        assert (answer.status_code, answer["Location"]) == (303, PAGE)
    assert Job.of(teammate.tenant.id).filter(kind="lake.split").count() == 1
    assert "Being recorded" in text_of(browser.get(PAGE))
    work()
    text = text_of(browser.get(PAGE))
    done = LakeCommit.of(teammate.tenant.id).get(operation="split")
    assert "Nothing is left to settle" in text
    assert done.ref in text
    assert "teammate@example.org" in text
    assert "gone or changed since" not in text


def test_what_is_not_corroborated_is_asked_a_ratio_and_a_reason(owner, browse, tmp_path):
    halves.halved(owner, tmp_path)
    browser = browse(owner)
    hidden = form_of(text_of(browser.get(PAGE))) | {"action": "word"}
    for said in ({}, {"ratio": "2", "reason": "short"}, {"ratio": "7", "reason": WHY}, {"ratio": "x", "reason": WHY}):
        assert "form-error" in text_of(browser.post(PAGE, hidden | said), 422)
    assert "no independent series" in text_of(browser.post(PAGE, hidden | {"action": "record"}), 422)
    assert browser.post(PAGE, hidden | {"ratio": "2", "reason": WHY}).status_code == 303
    work()
    assert WHY in text_of(browser.get(PAGE))


def test_what_is_contradicted_shows_both_and_is_refused_in_words(owner, browse, corroborated, tmp_path):
    browser = browse(owner)
    hidden = form_of(text_of(browser.get(PAGE)))
    halves.dataset(owner, tmp_path, halves.adjusted(4))
    assert "has changed" in text_of(browser.post(PAGE, hidden | {"action": "record"}), 422)
    text = text_of(browser.get(PAGE))
    assert "third: its closes step by 4 for one here" in text
    assert "second: its adjusted closes step by 2 for one here" in text
    assert 'data-state="contradicted"' in text
    assert 'name="ratio"' in text


def test_others_neither_see_nor_record(stranger, viewer, browse, corroborated):
    assert browse(stranger).get(PAGE).status_code == 404
    assert browse(stranger).post(PAGE).status_code == 404
    assert "Your role looks on only" in text_of(browse(viewer).get(PAGE))
    assert browse(viewer).post(PAGE).status_code == 403
    assert browse(viewer).get(f"{ENTRY}suspects/2024-11-05/").status_code == 404
    assert browse(viewer).get(f"{ENTRY}suspects/yesterday/").status_code == 404
