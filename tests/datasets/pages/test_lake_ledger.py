"""The ledger of an entry: filters, one session open, a reviewer's verdict, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from datasets.models import LakeEntry, LakePartition
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db
URL = "/lakehouse/crypto_bars_1d/BINANCE:ETH-BTC/ledger/"
TOXIC = "2024-11-06"


def tomorrow(days=30):
    return str((datetime.now(UTC) + timedelta(days=days)).date())


def test_sessions_by_verdict_and_code(owner, browse, golden):
    browser = browse(owner)
    text = browser.get(URL).content.decode()
    assert text.count('data-label="of"') == 40
    red = browser.get(f"{URL}?status=RED").content.decode()
    assert [TOXIC in red, "2024-10-17" in red, red.count('data-label="of"')] == [True, True, 2]
    assert "nexus lake partitions crypto_bars_1d/BINANCE:ETH-BTC --status RED" in red
    assert browser.get(f"{URL}?code=MISSING").content.decode().count('data-label="of"') == 1
    assert "0 of 40 sessions match" in browser.get(f"{URL}?code=STALLED").content.decode()
    assert browser.get(f"{URL}?status=BLUE").status_code == 400
    assert browser.get(f"{URL}?code=NONE").status_code == 400
    assert browser.get(f"{URL}?day=someday").status_code == 400


def test_an_open_session_says_why_and_leads_to_its_refused_rows(owner, browse, golden):
    text = browse(owner).get(f"{URL}?day={TOXIC}").content.decode()
    assert "toxic_up_pct" in text
    assert "/lakehouse/quarantine/qrt_" in text
    assert "/partitions/2024-11-06/override" in text
    assert "nexus lake override crypto_bars_1d/BINANCE:ETH-BTC 2024-11-06" in text
    assert "no session on this day" in browse(owner).get(f"{URL}?day=2001-01-01").content.decode()


def test_an_override_stands_and_is_taken_back(owner, browse, golden):
    browser = browse(owner)
    said = {"status": "AMBER", "reason": "true news that day", "until": tomorrow()}
    answer = browser.post(f"{URL}?day={TOXIC}", said)
    assert (answer.status_code, answer["Location"]) == (303, f"{URL}?day={TOXIC}")
    assert LakeEntry.of(owner.tenant.id).get().amber == 1
    text = browser.get(answer["Location"]).content.decode()
    assert "Overridden: AMBER" in text
    assert "true news that day" in text
    assert "judged RED" in text
    again = browser.post(f"{URL}?day={TOXIC}", {"action": "back", "reason": "no news after all"})
    assert again.status_code == 303
    assert LakePartition.objects.get(entry=golden, session=TOXIC).override_status == ""
    assert Entry.of(owner.tenant.id).filter(action="lake.override").count() == 2


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"status": "AMBER", "reason": "x", "until": tomorrow()}, "at least 3"),
        ({"status": "AMBER", "reason": "   x ", "until": tomorrow()}, "at least 3"),
        ({"status": "BLUE", "reason": "because", "until": tomorrow()}, "valid choice"),
        ({"status": "AMBER", "reason": "because", "until": "2020-01-01"}, "future"),
        ({"status": "AMBER", "reason": "because"}, "required"),
        ({"action": "back", "reason": ""}, "required"),
    ],
)
def test_what_is_incomplete_is_refused_in_the_form(owner, browse, golden, said, words):
    if said.get("action"):
        browse(owner).post(f"{URL}?day={TOXIC}", {"status": "AMBER", "reason": "news", "until": tomorrow()})
    before = LakePartition.objects.get(entry=golden, session=TOXIC).override_status
    answer = browse(owner).post(f"{URL}?day={TOXIC}", said)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert LakePartition.objects.get(entry=golden, session=TOXIC).override_status == before


def test_who_looks_on_gets_no_form_and_changes_nothing(owner, viewer, browse, golden):
    assert "Override the verdict" not in browse(viewer).get(f"{URL}?day={TOXIC}").content.decode()
    said = {"status": "AMBER", "reason": "because", "until": tomorrow()}
    assert browse(viewer).post(f"{URL}?day={TOXIC}", said).status_code == 403
    assert browse(owner).post(f"{URL}?day=2001-01-01", said).status_code == 404
