"""The data-quality board: the worst first, codes counted, refused rows by state, table and code."""

from __future__ import annotations

import pytest

from datasets.models import LakeQuarantine
from tests.kit import lake

pytestmark = pytest.mark.django_db
URL = "/lakehouse/quality/"


def test_the_worst_stand_first_and_each_has_one_action(owner, browse, golden, tmp_path):
    fine = lake.registered(owner, "BINANCE:SOL-BTC")
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily([1.0] * 10), fine))
    text = browse(owner).get(URL).content.decode()
    worst = text.split("Worst entries")[1].split("Refused rows")[0]
    assert "BINANCE:ETH-BTC" in worst
    assert "ledger/?status=RED" in worst
    held = LakeQuarantine.of(owner.tenant.id).get()
    assert f"/lakehouse/quarantine/{held.ref}/" in text
    assert "Held <b>1</b>" in text


def test_codes_are_counted_over_the_lake(owner, stranger, browse, golden):
    text = browse(owner).get(f"{URL}_codes/").content.decode()
    assert "TOXIC" in text
    assert "<b>1</b> session in 1 entry" in text
    assert "No session is amber or red" in browse(stranger).get(f"{URL}_codes/").content.decode()


def test_refused_rows_by_state_table_and_code(owner, browse, golden):
    browser = browse(owner)
    assert "None is dismissed" in browser.get(f"{URL}?state=dismissed").content.decode()
    assert "2024-11-06" in browser.get(f"{URL}?table=crypto_bars_1d&code=TOXIC").content.decode()
    assert "None of this table and code" in browser.get(f"{URL}?table=trades").content.decode()
    assert browser.get(f"{URL}?state=lost").status_code == 400
    assert browser.get(f"{URL}?code=NONE").status_code == 400


def test_an_empty_lake_and_another_workspace_have_nothing_to_judge(stranger, browse, golden):
    text = browse(stranger).get(URL).content.decode()
    assert "nothing to judge yet" in text
    assert "ETH-BTC" not in text
