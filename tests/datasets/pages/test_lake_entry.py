"""An entry's page: why it is golden, chart and adjustment, calendar, revisions, time travel, files; another tenant."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from django.core.files.storage import storages

from datasets.models import LakeRevision, LakeSegment
from datasets.pages import lake_entry
from tests.kit import factories, lake
from tradenexus.web import figures

pytestmark = pytest.mark.django_db
URL = "/lakehouse/crypto_bars_1d/BINANCE:ETH-BTC/"


def text_of(answer, status=200):
    assert answer.status_code == status, answer.content[:400]
    return answer.content.decode()


def test_it_says_why_it_is_golden_and_where_it_comes_from(owner, browse, golden):
    text = text_of(browse(owner).get(URL))
    assert "0 for a red or missing session" in text
    assert "40 expected sessions" in text
    assert f"{URL}ledger/?code=TOXIC" in text
    assert f"{URL}ledger/?code=MISSING" in text
    assert golden.digest in text
    assert "replay" in text
    assert "Quarantine 1" in text
    assert "duckdb.read_parquet" in text
    assert "nexus lake rows crypto_bars_1d/BINANCE:ETH-BTC" in text
    assert "lake.pandas(&#x27;crypto_bars_1d&#x27;, &#x27;BINANCE:ETH-BTC&#x27;)" in text


def test_a_commit_leads_to_the_version_it_came_from(owner, browse, golden, tmp_path):
    version = factories.version_in(owner, "ready", name="origin")
    rows = lake.daily([105.0], first_day=lake.MONDAY + 40)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, golden.instrument), operation="promote", source=version.ref)
    text = text_of(browse(owner).get(URL))
    assert f'<a href="/datasets/{version.dataset.ref}/v/1/">origin v1</a>' in text


def test_the_chart_has_the_rows_and_leaves_out_what_was_refused(owner, browse, golden):
    drawn = browse(owner).get(f"{URL}chart.json?limit=1500").json()
    assert len(drawn["bars"]) == 38
    assert (drawn["interval"], drawn["downsampled"], drawn["revision"]) == ("1d", False, 2)
    assert drawn["bars"][0]["time"] == "2024-10-07T00:00:00Z"
    assert max(float(bar["high"]) for bar in drawn["bars"]) < 200
    part = browse(owner).get(f"{URL}chart.json?start=2024-10-10&end=2024-10-12").json()
    assert [bar["close"] for bar in part["bars"]] == ["100.375", "100.5"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("limit=0", 400), ("limit=x", 400), ("start=soon", 400), ("adjustment=most", 400), ("as_of=2001-01-01", 404)],
)
def test_the_chart_refuses_what_it_cannot_draw(owner, browse, golden, query, status):
    assert browse(owner).get(f"{URL}chart.json?{query}").status_code == status
    assert browse(owner).get(f"{URL}?{query.replace('limit', 'start')}").status_code == status


def test_prices_are_adjusted_where_there_are_corporate_actions(owner, browse, tmp_path):
    name = lake.registered(owner, "XNAS:AAPL", "equity", "24/7")
    split = {"ts_event": np.array([(lake.MONDAY + 5) * lake.DAY]).astype("datetime64[ns]"), "action": ["split"]}
    actions = lake.shaped(split | {"value": [4.0], "witnesses": ["sec"]}, "corporate_actions")
    lake.put(owner, tmp_path, lake.offer(tmp_path, actions, name, table="corporate_actions"))
    closes = np.array([400.0] * 5 + [100.0] * 5)
    rows = lake.daily(closes, table="equities_bars")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name, table="equities_bars"))
    browser, url = browse(owner), "/lakehouse/equities_bars/XNAS:AAPL/"
    text = text_of(browser.get(f"{url}?adjustment=split"))
    assert 'aria-label="Adjustment"' in text
    assert "adjustment=split" in text.split("Get it")[1]
    raw, split = (browser.get(f"{url}chart.json?adjustment={kind}").json()["bars"] for kind in ("raw", "split"))
    assert (raw[0]["close"], split[0]["close"], split[9]["close"]) == ("400", "100", "100")
    assert 'aria-label="Adjustment"' not in text_of(browser.get("/lakehouse/corporate_actions/XNAS:AAPL/"))


def test_a_suspected_split_is_shown_with_what_settles_it_and_drawn_as_traded(owner, browse, tmp_path):
    name = lake.registered(owner, "XNAS:HALF", "equity", "24/7")
    rows = lake.daily([100.0] * 20 + [50.0] * 20, table="equities_bars")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name, table="equities_bars"))
    browser, url = browse(owner), "/lakehouse/equities_bars/XNAS:HALF/"
    text = text_of(browser.get(f"{url}?adjustment=split"))
    assert "no second witness says that it was one" in text
    assert "The chart shows prices as traded" in text
    assert "Suspected splits" in text
    assert 'suspects/2024-10-27/"' in text
    assert browser.get(f"{url}chart.json?adjustment=split").status_code == 409
    assert "prices as traded" not in text_of(browser.get(url))


def test_the_calendar_tells_each_day(golden):
    found = lake_entry.calendar(golden)
    states = {index: cell[0] for index, cell in enumerate(found["cells"])}
    assert (found["first"], len(found["cells"])) == ("2024-10-07", 40)
    assert (states[0], states[10], states[30]) == ("available", "missing", "quarantined")
    assert found["months"][-1]["red"] == "17"


def test_revisions_say_what_was_replaced_and_lead_back_in_time(owner, browse, golden, tmp_path):
    rows = lake.daily([250.5], first_day=lake.MONDAY)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, golden.instrument, policy="newer"))
    browser = browse(owner)
    text = text_of(browser.get(f"{URL}revisions/"))
    assert "Revision 3" in text
    assert "<b>1</b> replaced" in text
    assert "250.5" in text
    first = LakeRevision.objects.get(entry=golden, number=1)
    then = quote(figures.iso(first.created_at))
    assert f"?as_of={then}" in text
    past = text_of(browser.get(f"{URL}?as_of={then}"))
    assert "Time travel" in past
    assert "revision 1 of 3" in past
    drawn = browser.get(f"{URL}chart.json?as_of={then}").json()
    assert (len(drawn["bars"]), drawn["bars"][0]["close"]) == (10, "100")
    assert f"asOf={then}" in past
    assert LakeSegment.of(owner.tenant.id).get(commit=first.commit).sha256 in text_of(
        browser.get(f"{URL}files/?as_of={then}")
    )


def test_files_are_named_by_digest_and_key(owner, browse, golden):
    text = text_of(browse(owner).get(f"{URL}files/"))
    held = LakeSegment.of(owner.tenant.id).get(members__until_revision=None)
    assert held.sha256 in text
    assert held.key in text
    assert "1 segment in force, one a year" in text


def test_ticks_and_series_are_drawn_and_the_rest_is_not(owner, browse, tmp_path):
    name = lake.registered(owner, "X:T", "spot", "")
    stamps = (lake.MONDAY * lake.DAY + np.arange(50) * 10**9).astype("datetime64[ns]")
    trades = lake.shaped({"ts_event": stamps, "price": np.arange(50) + 1.0, "size": np.ones(50)}, "trades")
    lake.put(owner, tmp_path, lake.offer(tmp_path, trades, name, table="trades"))
    days = (np.arange(5) + lake.MONDAY) * lake.DAY
    series = lake.shaped({"ts_event": days.astype("datetime64[ns]"), "value": np.arange(5.0)}, "macro_series")
    lake.put(owner, tmp_path, lake.offer(tmp_path, series, name, table="macro_series"))
    browser = browse(owner)
    ticks = browser.get("/lakehouse/trades/X:T/chart.json?limit=20").json()
    assert (ticks["span"], len(ticks["bars"]), ticks["bars"][0]["close"]) == ("5s", 10, "5")
    assert [bar["close"] for bar in browser.get("/lakehouse/macro_series/X:T/chart.json").json()["bars"]][-1] == "4"
    assert "nx-chart" in text_of(browser.get("/lakehouse/macro_series/X:T/"))


@pytest.mark.parametrize("end", ["", "chart.json", "ledger/", "quarantine/", "revisions/", "files/"])
def test_another_workspace_and_a_wrong_name_find_nothing(stranger, owner, browse, golden, end):
    assert browse(stranger).get(URL + end).status_code == 404
    assert browse(owner).get(f"/lakehouse/crypto_bars_1d/BINANCE:NONE/{end}").status_code == 404
    assert browse(owner).get(f"/lakehouse/nonsense/BINANCE:ETH-BTC/{end}").status_code == 404
    assert browse(owner).get(f"/lakehouse/crypto_bars_1d/nonsense/{end}").status_code == 400


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_an_entry_whose_file_was_harmed_is_still_shown_and_says_so(owner, browse, golden, harm):
    for segment in LakeSegment.everyone.all():
        path = Path(storages["data"].path(segment.key))
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-100]) if harm == "cut" else path.unlink()
    text = text_of(browse(owner).get(URL))
    assert "Not all of its rows can be read" in text
    assert "<nx-chart" not in text
    assert "40 expected sessions" in text
    LakeSegment.everyone.update(damaged_at=golden.updated_at)
    assert "damaged" in text_of(browse(owner).get(f"{URL}files/"))
