"""uploads:init, uploads:complete, uploads:sniff and the list."""

from __future__ import annotations

import base64
import hashlib

import crc32c
import pytest

from datasets.models import Dataset, DatasetVersion, UploadSession
from datasets.uploads import local
from tests.datasets.uploads.test_ingest import DATA, SHA256, complete, received
from tests.kit import raw
from tests.lona.worker import work
from tradenexus.tenancy.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)
FILE = {"filename": "trades.csv", "contentType": "text/csv", "sizeBytes": 20_000}


def init(person, **more):
    return person.api.post("/v1/datasets/uploads:init", {**FILE, **more}, format="json")


def test_init_opens_a_version_and_an_upload(owner):
    answer = init(owner, name="my trades", kind="trades", timezone="UTC", columnMapping={"price": "p"})
    body = answer.json()
    assert answer.status_code == 202
    assert set(body) == {
        "requestId",
        "datasetId",
        "versionId",
        "uploadId",
        "uploadUrl",
        "status",
        "expiresAt",
        "chunk",
    }
    assert body["status"] == "uploading"
    assert body["uploadUrl"].endswith(f"/v1/uploads/{body['uploadId']}")
    version = UploadSession.everyone.get().version
    assert version.params == {"kind": "trades", "timezone": "UTC", "columnMapping": {"price": "p"}}
    assert version.dataset.name == "my trades"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sizeBytes", 0),
        ("sizeBytes", -1),
        ("sizeBytes", "many"),
        ("sizeBytes", 1 << 70),
        ("filename", ""),
        ("filename", "x" * 256),
        ("contentType", None),
        ("kind", "book"),
        ("sha256", "abc"),
        ("timestampUnit", "fortnights"),
        ("columnMapping", []),
        ("columnMapping", {"price": "a\0"}),
        ("columnMapping", {"price": ["a"]}),
        ("columnMapping", {"price": {"column": "a"}}),
        ("surprise", 1),
    ],
)
def test_init_names_the_wrong_field(owner, field, value):
    answer = init(owner, **{field: value})
    assert answer.status_code == 400
    assert field in answer.json()["error"]["details"]["fields"]
    assert not Dataset.everyone.exists()


def test_init_refuses_one_column_for_two_measures_and_names_both(owner):
    answer = init(owner, columnMapping={"price": "p", "amount": "p"})
    error = answer.json()["error"]
    assert (answer.status_code, error["details"]["targets"]) == (400, ["price", "size"])
    assert not Dataset.everyone.exists()


def test_init_refuses_text_that_cannot_be_stored(owner):
    text = '{"filename": "t", "contentType": "text/csv", "sizeBytes": 5, "columnMapping": {"a\\ud800": "price"}}'
    for more in ({}, {"HTTP_IDEMPOTENCY_KEY": "surrogate-1"}):
        answer = owner.api.post("/v1/datasets/uploads:init", text, content_type="application/json", **more)
        assert answer.status_code == 400, answer.content


def test_init_refuses_what_is_too_large(owner, settings):
    settings.NEXUS_MAX_UPLOAD_BYTES = 19_999
    answer = init(owner)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "UPLOAD_TOO_LARGE")


def test_init_refuses_past_the_quota_of_the_workspace(owner):
    Tenant.objects.filter(id=owner.tenant.id).update(quota_bytes=30_000)
    assert init(owner).status_code == 202
    answer = init(owner)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "QUOTA_EXCEEDED")
    assert answer.json()["error"]["details"] == {"quotaBytes": 30_000, "heldBytes": 20_000, "askedBytes": 20_000}


def test_init_with_the_same_key_opens_one(owner):
    key = {"HTTP_IDEMPOTENCY_KEY": "init-12345"}
    first, again = (owner.api.post("/v1/datasets/uploads:init", FILE, format="json", **key) for _ in range(2))
    assert first.json() == again.json()
    assert again["Idempotent-Replay"] == "true"
    assert UploadSession.everyone.count() == 1
    other = owner.api.post("/v1/datasets/uploads:init", {**FILE, "filename": "b"}, format="json", **key)
    assert other.json()["error"]["code"] == "IDEMPOTENCY_KEY_CONFLICT"


def test_init_hints_at_the_same_bytes(owner, stranger):
    session = received(owner)
    complete(owner, session)
    assert init(owner, sha256=SHA256).json()["duplicateOf"] == session.version.ref
    assert "duplicateOf" not in init(stranger, sha256=SHA256).json()


def test_one_live_upload_a_dataset(owner):
    first = init(owner).json()
    answer = init(owner, datasetId=first["datasetId"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "STATE_CONFLICT")
    assert answer.json()["error"]["details"]["uploadId"] == first["uploadId"]


def test_a_new_version_of_a_dataset(owner, stranger):
    session = received(owner)
    complete(owner, session)
    assert init(stranger, datasetId=session.dataset.ref).status_code == 404
    assert init(owner, datasetId=session.dataset.ref).status_code == 202
    assert sorted(session.dataset.versions.values_list("number", flat=True)) == [1, 2]


def test_a_viewer_cannot_begin(viewer):
    assert init(viewer).status_code == 403


def test_complete_answers_dataset_and_job(owner):
    session = received(owner)
    path = f"/v1/datasets/{session.dataset.ref}/uploads:complete"
    answer = owner.api.post(path, {"uploadToken": session.ref, "sha256": SHA256.upper()}, format="json")
    body = answer.json()
    assert answer.status_code == 202
    assert body["job"]["kind"] == "dataset.ingest"
    assert answer["Location"] == f"/v1/jobs/{body['job']['id']}"
    assert body["dataset"]["id"] == session.dataset.ref
    assert body["versionId"] == session.version.ref


def test_complete_before_the_end_says_how_far(owner):
    session = received(owner, DATA[:7])
    answer = owner.api.post(f"/v1/datasets/{session.dataset.ref}/uploads:complete", {}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "UPLOAD_INCOMPLETE")
    assert answer.json()["error"]["details"] == {"offset": 7, "length": 20_000, "uploadId": session.ref}


@pytest.mark.parametrize("token", ["up_" + "0" * 32, "nonsense", "ds_" + "0" * 32])
def test_complete_of_an_unknown_upload_is_unknown(owner, token):
    session = received(owner)
    path = f"/v1/datasets/{session.dataset.ref}/uploads:complete"
    assert owner.api.post(path, {"uploadToken": token}, format="json").status_code == 404


def test_another_tenants_dataset_cannot_be_completed(owner, stranger):
    session = received(owner)
    path = f"/v1/datasets/{session.dataset.ref}/uploads:complete"
    assert stranger.api.post(path, {}, format="json").status_code == 404


def test_lists_and_shows_uploads_of_the_workspace_only(owner, teammate, stranger):
    session = received(owner)
    items = teammate.api.get("/v1/uploads?state=live").json()["items"]
    assert [item["id"] for item in items] == [session.ref]
    assert items[0]["offset"] == items[0]["sizeBytes"] == 20_000
    assert owner.api.get(f"/v1/uploads/{session.ref}").json()["upload"]["state"] == "open"
    assert stranger.api.get("/v1/uploads").json()["items"] == []
    assert stranger.api.get(f"/v1/uploads/{session.ref}").status_code == 404
    assert owner.api.get("/v1/uploads?state=finished").json()["items"] == []
    assert owner.api.get("/v1/uploads?state=odd").status_code == 400


def sniff(person, data: bytes, **more):
    said = {"filename": "t.csv", "sizeBytes": len(data), "headBase64": base64.b64encode(data).decode(), **more}
    return person.api.post("/v1/datasets/uploads:sniff", said, format="json")


def test_sniff_says_what_a_file_looks_like_and_stores_nothing(owner):
    pytest.importorskip("datasets.formats.sniff")
    rows = "".join(f"{1_700_000_000_000 + i},{100 + i % 7}.5,{i % 5 + 1},buy\n" for i in range(200))
    answer = sniff(owner, f"timestamp,price,size,side\n{rows}".encode(), symbol="BTC-USD")
    assert answer.status_code == 200
    guess = answer.json()["sniff"]
    assert guess["format"] == "csv"
    assert guess["kind"] == "trades"
    assert [column["name"] for column in guess["columns"]] == ["timestamp", "price", "size", "side"]
    assert not UploadSession.everyone.exists()


def test_sniff_refuses_what_is_not_base64(owner):
    answer = sniff(owner, b"x", headBase64="!!!")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")


def test_digests_are_of_the_bytes():
    assert hashlib.sha256(DATA).hexdigest() == SHA256


def test_the_parts_of_an_upload_are_what_was_received(owner, stranger):
    session = received(owner, DATA[:7])
    path = f"/v1/uploads/{session.ref}/parts"
    body = owner.api.get(path).json()
    assert (body["items"], body["nextCursor"]) == ([], None)
    assert body["open"] == {"offset": 0, "sizeBytes": 7, "crc32c": crc32c.crc32c(DATA[:7])}
    assert stranger.api.get(path).status_code == 404


def test_a_whole_upload_has_its_last_part_closed(owner):
    body = owner.api.get(f"/v1/uploads/{received(owner).ref}/parts").json()
    assert body["items"] == [
        {"number": 0, "start": 0, "sizeBytes": 20_000, "crc32c": crc32c.crc32c(DATA), "damaged": False}
    ]
    assert body["open"] is None


def test_sniff_shows_the_first_rows_as_validation_will_read_them(owner):
    body = sniff(owner, raw.trades(200), symbol="BTC-USD").json()["sniff"]
    assert body["preview"]["rows"][0]["values"][0] == "2023-11-14 22:13:20Z"
    assert len(body["preview"]["rows"]) == 50
    asked = sniff(owner, b"time,price,size\n2024-01-02 10:00:00,1,1\n2024-01-02 10:00:01,1,1\n").json()["sniff"]
    assert "preview" not in asked
    assert asked["questions"][0]["id"] == "timezone"


def test_what_was_asked_to_follow_follows_by_itself(owner):
    data = raw.trades()
    then = {"validate": True, "candles": "5m"}
    opened = init(owner, sizeBytes=len(data), symbol="BTC-USD", profile="lenient", then=then).json()
    session = UploadSession.everyone.get()
    local.fill(session, [data])
    owner.api.post(f"/v1/datasets/{opened['datasetId']}/uploads:complete", {}, format="json")
    work()
    made = DatasetVersion.of(owner.tenant.id).order_by("number")
    assert [(one.operation, one.status) for one in made] == [("upload", "validated"), ("candles", "ready")]
    assert made[0].report.profile == "lenient"


def test_a_vendor_and_an_asset_class_are_taken_with_the_file_and_found_by(owner, teammate):
    made = init(owner, vendor="binance", assetClass="crypto").json()
    dataset = owner.api.get(f"/v1/datasets/{made['datasetId']}").json()["dataset"]
    assert (dataset["vendor"], dataset["assetClass"], dataset["resolution"]) == ("binance", "crypto", None)
    init(owner)
    for query in ("vendor=binance", "assetClass=crypto"):
        items = teammate.api.get(f"/v1/datasets?{query}").json()["items"]
        assert [item["id"] for item in items] == [made["datasetId"]]
    assert init(owner, assetClass="stonks").status_code == 400
    plan = owner.api.post(
        "/v1/bulk-actions", {"action": "archive", "filter": {"vendor": "binance"}, "dryRun": True}, format="json"
    )
    assert plan.json()["total"] == 1
