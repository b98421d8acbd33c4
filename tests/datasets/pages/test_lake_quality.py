"""The data-quality board: the worst first, codes counted, refused rows by state, table and code."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets.models import LakeEntry, LakePartition, LakeQuarantine
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


@pytest.mark.parametrize(
    ("url", "most"),
    [
        *(("/lakehouse/" + query, 8) for query in ("", "?grade=RED", "?freshness=late", "?vendor=replay&q=X:")),
        ("/lakehouse/?table=crypto_bars_1d", 8),
        (URL, 10),
        (f"{URL}_codes/", 1),
        ("/v1/lake/entries?limit=200", 1),
        ("/v1/lake/entries?q=X:&grade=RED&freshness=late&limit=200", 1),
    ],
)
def test_a_page_is_no_more_statements_the_more_entries_there_are(owner, browse, golden, url, most):
    client = owner.api if url.startswith("/v1/") else browse(owner)
    counts = []
    for number in range(2):
        _filled(golden, number)
        with CaptureQueriesContext(connection) as seen:
            assert client.get(url).status_code == 200
        counts.append(len([one["sql"] for one in seen if '"datasets_lake' in one["sql"]]))
    assert counts[0] == counts[1] <= most, counts


def _filled(golden, times):
    """Put sixty entries like this one beside it, each with its ledger."""
    facts = {name: getattr(golden, name) for name in ("table", "vendor", "grade", "expected_next", "fetched_at")}
    facts |= {"tenant": golden.tenant, "updated_at": golden.updated_at, "sessions": 40, "green": 38, "red": 2}
    made = LakeEntry.everyone.bulk_create(
        LakeEntry(**facts, instrument=f"X:S{times}-{number}") for number in range(300)
    )
    days = list(LakePartition.objects.filter(entry=golden).values())
    LakePartition.objects.bulk_create(
        LakePartition(**(day | {"id": None, "entry_id": entry.id})) for entry in made for day in days
    )
