"""The page of a diff: two revisions chosen, figures, sessions in pages, old and new, both drawn; refusals in words."""

from __future__ import annotations

import re

import numpy as np
import pytest

from datasets.models import LakeEntry
from tests.kit import lake

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


def test_a_difference_beyond_the_budget_says_so(viewer, browse, revised, settings):
    settings.NEXUS_LAKE_DIFF_ROWS = 5
    text = text_of(browse(viewer).get(f"{URL}diff/1...2/"))
    assert re.search(r"larger than what one look compares: only rows before [^.]*2024-10-16", text)
    assert "<b>+0</b> added, <b>-0</b> removed, <b>~1</b> changed" in text
