"""The lake over HTTP: the catalog, exact rows in every form, verdicts, quarantine, the registry, promotion."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.models import LakePartition, LakeQuarantine
from tests.kit import factories, lake
from tests.kit.lake import DAY, MONDAY
from tradenexus.jobs import runner

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/v1/lake/crypto_bars_1d/BINANCE:ETH-BTC"


@pytest.fixture
def filled(owner, tmp_path):
    """Three hundred days, one of them toxic."""
    name = lake.registered(owner)
    closes = 100 + np.arange(300) / 8
    closes[250] = 90_000
    rows = lake.daily(closes)
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, name))
    return rows.filter(pa.array([number != 250 for number in range(300)]))


def body(response, status=200):
    assert response.status_code == status, response.content[:500]
    return response.json()


def content(response):
    assert response.status_code == 200
    return b"".join(response)


def test_the_catalog_says_what_there_is(owner, filled):
    entry = body(owner.api.get(URL))["entry"]
    assert entry["rows"] == 299
    assert entry["grade"] == "RED"
    assert entry["sessions"] == {"expected": 300, "green": 299, "amber": 0, "red": 1}
    assert entry["timeRange"]["start"] == "2024-10-07T00:00:00Z"
    assert entry["coverage"] == [{"start": "2024-10-07T00:00:00Z", "end": "2025-08-03T00:00:00Z"}]
    assert entry["freshness"] in ("fresh", "late")
    listed = body(owner.api.get("/v1/lake/entries?table=crypto_bars_1d&q=eth&grade=red"))["items"]
    assert [each["id"] for each in listed] == [entry["id"]]
    assert body(owner.api.get("/v1/lake"))["lake"]["rows"] == 299
    assert any(each["name"] == "book" for each in body(owner.api.get("/v1/lake/tables"))["items"])


@pytest.mark.parametrize("form", ["arrow", "parquet", "csv", "json"])
def test_rows_are_the_same_in_every_form(owner, filled, form):
    response = owner.api.get(f"{URL}/rows?format={form}&start=2024-11-01&end=2024-12-01&columns=ts_event,close,volume")
    wanted = filled.filter(pa.array([lake.ns("2024-11-01") <= ns < lake.ns("2024-12-01") for ns in _times(filled)]))
    if form == "json":
        told = body(response)
        frame = pd.DataFrame(told["rows"], columns=told["columns"])
    elif form == "csv":
        frame = pd.read_csv(io.BytesIO(content(response)))
    elif form == "parquet":
        frame = pq.read_table(io.BytesIO(content(response))).to_pandas()
    else:
        frame = pa.ipc.open_stream(content(response)).read_all().to_pandas()
    assert frame["close"].tolist() == wanted["close"].to_pylist()
    assert frame["volume"].tolist() == wanted["volume"].to_pylist()
    times = pd.to_datetime(frame["ts_event"], utc=True)
    assert times.astype("int64").tolist() == _times(wanted) or times.astype("datetime64[ns, UTC]").astype(
        "int64"
    ).tolist() == _times(wanted)


def test_pages_of_the_ledger_show_every_session_once(owner, filled):
    seen, cursor = [], ""
    while cursor is not None:
        page = body(owner.api.get(f"{URL}/partitions?limit=70&cursor={cursor}"))
        seen += [each["session"] for each in page["items"]]
        cursor = page["nextCursor"]
    assert len(seen) == len(set(seen)) == 300
    assert seen == sorted(seen, reverse=True)


def test_pages_of_rows_join_without_a_seam(owner, filled):
    rows, cursor = [], ""
    while True:
        told = body(owner.api.get(f"{URL}/rows?limit=70&columns=close&cursor={cursor}"))
        rows += [row[0] for row in told["rows"]]
        cursor = told["nextCursor"]
        if not cursor:
            break
    assert rows == filled["close"].to_pylist()


def test_pages_of_ticks_of_one_instant_join_without_a_seam(owner, tmp_path):
    name = lake.registered(owner)
    stamps = np.repeat(MONDAY * DAY + np.arange(5), 40)
    ticks = lake.shaped({"ts_event": stamps.astype("datetime64[ns]"), "price": np.arange(200.0) + 1}, "trades")
    lake.put(owner, tmp_path, lake.offer(tmp_path, ticks, name, "trades"))
    rows, cursor = [], ""
    while cursor is not None:
        told = body(owner.api.get(f"/v1/lake/trades/{name}/rows?limit=17&columns=price&cursor={cursor}"))
        rows += [row[0] for row in told["rows"]]
        cursor = told["nextCursor"]
    assert rows == ticks["price"].to_pylist()


def test_the_accept_header_chooses_the_form(owner, filled):
    response = owner.api.get(f"{URL}/rows", HTTP_ACCEPT="application/vnd.apache.arrow.stream")
    assert response["Content-Type"] == "application/vnd.apache.arrow.stream"
    assert pa.ipc.open_stream(content(response)).read_all().num_rows == 299


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("columns=nothing", "VALIDATION_ERROR"),
        ("columns=close,close", "VALIDATION_ERROR"),
        ("start=2024-12-01&end=2024-11-01", "VALIDATION_ERROR"),
        ("start=yesterday", "VALIDATION_ERROR"),
        ("adjustment=halves", "ADJUSTMENT_UNKNOWN"),
        ("format=xlsx", "VALIDATION_ERROR"),
        ("cursor=x", "VALIDATION_ERROR"),
        ("limit=0", "VALIDATION_ERROR"),
        ("asOf=2001-01-01", "NOT_FOUND"),
    ],
)
def test_a_read_that_cannot_be_is_refused_by_name(owner, filled, query, code):
    response = owner.api.get(f"{URL}/rows?{query}")
    assert response.status_code in (400, 404)
    assert response.json()["error"]["code"] == code


def test_verdicts_are_listed_and_may_be_overridden_for_a_time(owner, filled):
    red = body(owner.api.get(f"{URL}/partitions?status=RED"))["items"]
    assert [(each["session"], each["code"], each["rows"]) for each in red] == [("2025-06-14", "TOXIC", 0)]
    asked = {"status": "AMBER", "reason": "seen on two other venues", "until": "2099-01-01T00:00:00Z"}
    told = body(owner.api.post(f"{URL}/partitions/2025-06-14/override", asked, format="json"), 201)["partition"]
    assert (told["status"], told["judged"]) == ("AMBER", "RED")
    assert body(owner.api.get(URL))["entry"]["sessions"]["red"] == 0
    refused = owner.api.post(f"{URL}/partitions/2025-06-14/override", {"status": "GREEN", "reason": "x"}, format="json")
    assert refused.status_code == 400


def test_refused_rows_may_be_released_or_dismissed_with_a_reason(owner, filled):
    held = body(owner.api.get("/v1/lake/quarantine?state=held"))["items"]
    assert [(each["session"], each["code"], each["rows"]) for each in held] == [("2025-06-14", "TOXIC", 1)]
    url = f"/v1/lake/quarantine/{held[0]['id']}"
    assert owner.api.post(f"{url}/release", {"reason": "no"}, format="json").status_code == 400
    body(owner.api.post(f"{url}/release", {"reason": "checked against the venue"}, format="json"), 202)
    while runner.wake():
        pass
    assert body(owner.api.get(url))["quarantine"]["state"] == "released"
    assert body(owner.api.get(URL))["entry"]["rows"] == 300
    assert LakePartition.objects.get(session="2025-06-14").status == "AMBER"
    again = owner.api.post(f"{url}/dismiss", {"reason": "checked against the venue"}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "QUARANTINE_SETTLED")


def test_dismissed_rows_stay_out(owner, filled):
    held = LakeQuarantine.of(owner.actor.tenant_id).get()
    url = f"/v1/lake/quarantine/{held.ref}/dismiss"
    told = body(owner.api.post(url, {"reason": "a broken feed that day"}, format="json"), 201)["quarantine"]
    assert (told["state"], told["reason"]) == ("dismissed", "a broken feed that day")
    assert body(owner.api.get(URL))["entry"]["rows"] == 299


def test_the_registry_remembers_what_was_true_when(owner):
    first = {
        "name": "XNAS:FB",
        "type": "equity",
        "calendar": "XNYS",
        "timezone": "America/New_York",
        "tickSize": "0.01",
    }
    body(owner.api.post("/v1/lake/instruments", first, format="json"), 201)
    body(owner.api.post("/v1/lake/instruments", first, format="json"), 201)
    later = {**first, "tickSize": "0.005", "validFrom": "2024-01-01T00:00:00Z"}
    body(owner.api.post("/v1/lake/instruments", later, format="json"), 201)
    told = body(owner.api.get("/v1/lake/instruments/XNAS:FB"))["items"]
    assert [(each["tickSize"], each["validUntil"]) for each in told] == [
        ("0.005", None),
        ("0.01", "2024-01-01T00:00:00Z"),
    ]
    assert len(body(owner.api.get("/v1/lake/instruments?q=fb"))["items"]) == 1
    for wrong in (
        {"type": "share"},
        {"calendar": "XNOWHERE"},
        {"timezone": "Mars/Olympus"},
        {"tickSize": "0"},
        {"name": "fb"},
    ):
        assert owner.api.post("/v1/lake/instruments", {**first, **wrong}, format="json").status_code == 400


def test_a_version_is_promoted_and_read_back(owner, teammate, tmp_path):
    version = factories.sealed(owner, tmp_path, rows=200)
    asked = {"table": "crypto_bars_1m", "instruments": {"BTC-USD": "X:BTC-USD"}, "type": "spot", "calendar": "24/7"}
    url = f"/v1/datasets/{version.dataset.ref}/promote"
    told = body(teammate.api.post(url, asked, format="json"), 202)
    assert told["job"]["state"] == "queued"
    while runner.wake():
        pass
    assert body(owner.api.get("/v1/lake/crypto_bars_1m/X:BTC-USD"))["entry"]["rows"] == 200
    commits = body(owner.api.get(f"/v1/lake/commits?source={version.ref}"))["items"]
    assert [each["operation"] for each in commits] == ["promote"]
    assert body(owner.api.get(f"/v1/lake/commits/{commits[0]['id']}"))["commit"]["summary"]["added"] == 200
    revisions = body(owner.api.get("/v1/lake/crypto_bars_1m/X:BTC-USD/revisions"))["items"]
    assert [each["number"] for each in revisions] == [1]


def test_another_workspace_sees_nothing_of_it(stranger, filled):
    assert body(stranger.api.get("/v1/lake/entries"))["items"] == []
    for path in ("", "/rows", "/partitions", "/revisions"):
        assert stranger.api.get(URL + path).status_code == 404
    held = LakeQuarantine.everyone.get()
    assert stranger.api.get(f"/v1/lake/quarantine/{held.ref}").status_code == 404


def _times(rows):
    return rows["ts_event"].cast(pa.int64()).to_pylist()
