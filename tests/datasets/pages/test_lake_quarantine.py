"""Refused rows on pages: what they are, release and dismiss with a reason, what was settled stays settled."""

from __future__ import annotations

import pytest

from datasets.models import LakeEntry, LakePartition, LakeQuarantine
from tests.kit import factories
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
ENTRY = "/lakehouse/crypto_bars_1d/BINANCE:ETH-BTC/"
WHY = {"reason": "seen at the venue, it is true"}


@pytest.fixture
def held(owner, golden):
    return LakeQuarantine.of(owner.tenant.id).get()


def url(held):
    return f"/lakehouse/quarantine/{held.ref}/"


def test_the_refused_rows_are_shown_exactly(owner, browse, held):
    browser = browse(owner)
    assert url(held) in browser.get(f"{ENTRY}quarantine/").content.decode()
    text = browser.get(url(held)).content.decode()
    assert "90000" in text
    assert "2024-11-06T00:00:00Z" in text
    assert "TOXIC" in text
    assert held.sha256 in text
    assert f"nexus lake release {held.ref}" in text
    assert f"nexus lake dismiss {held.ref}" in text


def test_released_rows_enter_on_a_reviewers_word(owner, browse, held):
    browser = browse(owner)
    answer = browser.post(url(held), WHY | {"action": "release"})
    assert (answer.status_code, answer["Location"]) == (303, url(held))
    assert "Being released" in browser.get(url(held)).content.decode()
    while runner.wake():
        pass
    assert Job.of(owner.tenant.id).get(subject=held.ref).state == "succeeded"
    text = browser.get(url(held)).content.decode()
    assert "nothing is left to settle" in text
    assert WHY["reason"] in text
    assert LakeEntry.of(owner.tenant.id).get().rows == 39
    assert "quarantine, by a reviewer" in browser.get(ENTRY).content.decode()
    assert browser.post(url(held), WHY | {"action": "dismiss"}).status_code == 422


def test_dismissed_rows_stay_out(owner, browse, held):
    assert browse(owner).post(url(held), WHY | {"action": "dismiss"}).status_code == 303
    held.refresh_from_db()
    assert (held.state, held.settled_reason) == ("dismissed", WHY["reason"])
    assert LakePartition.objects.get(entry=held.entry, session=held.session).status == "RED"


@pytest.mark.parametrize("reason", ["", "short", "         x"])
def test_a_reason_of_ten_characters_is_asked_for(owner, browse, held, reason):
    for action in ("release", "dismiss"):
        answer = browse(owner).post(url(held), {"reason": reason, "action": action})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.content.decode()
    held.refresh_from_db()
    assert held.state == "held"


def test_rows_whose_file_is_gone_are_told_in_words(owner, browse):
    ref = factories.catalog_row(owner)["qrt"]
    text = browse(owner).get(f"/lakehouse/quarantine/{ref}/").content.decode()
    assert "They cannot be shown" in text


def test_others_neither_see_nor_settle(stranger, viewer, browse, held):
    assert browse(stranger).get(url(held)).status_code == 404
    assert browse(stranger).post(url(held), WHY).status_code == 404
    assert "can release or dismiss" in browse(viewer).get(url(held)).content.decode()
    assert browse(viewer).post(url(held), WHY).status_code == 403
