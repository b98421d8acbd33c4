"""/v1/lake/candidates and /v1/lake/ingests."""

import pytest

from backfill.models import IngestItem, IngestRun
from tests.kit.answering import page
from tests.kit.lake import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)


def post(person, body, query="", **headers):
    return person.api.post(f"/v1/lake/candidates{query}", body, format="json", headers=headers)


def test_candidates_are_taken_in_and_followed(owner, answering, work):
    answering["X:A"] = (page(MONDAY, [1.0]),)
    answer = post(owner, {"candidates": ["X:A", "bad"]})
    assert answer.status_code == 202
    told = answer.json()
    assert answer["Location"] == f"/v1/lake/ingests/{told['ingest']['id']}"
    assert told["plan"]["words"] == "0 fresh, 1 will be fetched, 1 refused"
    assert told["ingest"]["refused"][0]["candidate"] == "bad"
    assert [job["kind"] for job in told["jobs"]] == ["backfill.ingest"]
    work()
    found = owner.api.get(answer["Location"]).json()["ingest"]
    assert (found["state"], found["counts"]["committed"]) == ("finished", 1)
    (item,) = owner.api.get(f"{answer['Location']}/items").json()["items"]
    assert (item["outcome"], item["rows"], item["jobId"]) == ("committed", 1, told["jobs"][0]["id"])
    assert item["commitId"].startswith("cmt_")
    assert [each["id"] for each in owner.api.get("/v1/lake/ingests").json()["items"]] == [found["id"]]


@pytest.mark.parametrize("body", [["X:A"], {"data": ["X:A"]}, {"data": [{"symbol": "A"}], "meta": {"venue": "X"}}])
def test_a_list_and_an_object_with_meta_are_the_same(owner, answering, body):
    answer = post(owner, body, "?plan=1")
    assert answer.status_code == 200, answer.json()
    assert [each["instrument"] for each in answer.json()["plan"]["queued"]] == ["X:A"]


def test_a_plan_changes_nothing(owner, answering):
    answer = post(owner, {"candidates": ["X:A", "X:B"]}, "?plan=1", **{"Idempotency-Key": "the-same-key"})
    assert answer.json()["plan"]["words"] == "0 fresh, 2 will be fetched"
    assert not IngestRun.of(owner.tenant.id).exists()
    taken = post(owner, {"candidates": ["X:A", "X:B"]}, **{"Idempotency-Key": "the-same-key"})
    assert taken.status_code == 202


def test_a_repeat_under_the_same_key_is_the_same_run(owner, answering):
    key = {"Idempotency-Key": "candidates-1"}
    one, other = (post(owner, {"candidates": ["X:A"]}, **key) for _ in range(2))
    assert other["Idempotent-Replay"] == "true"
    assert one.json()["ingest"]["id"] == other.json()["ingest"]["id"]
    assert IngestRun.of(owner.tenant.id).count() == 1
    changed = post(owner, {"candidates": ["X:B"]}, **key)
    assert (changed.status_code, changed.json()["error"]["code"]) == (409, "IDEMPOTENCY_KEY_CONFLICT")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "VALIDATION_ERROR"),
        ({"candidates": ["X:A"], "data": []}, 400, "VALIDATION_ERROR"),
        ({"candidates": "X:A"}, 400, "CANDIDATES_MALFORMED"),
        ({"candidates": None}, 400, None),
        ({"candidates": []}, 422, "INGEST_NOTHING_ACCEPTED"),
        ({"candidates": ["no"]}, 422, "INGEST_NOTHING_ACCEPTED"),
        ({"candidates": ["X:A"], "freshnessHours": -1}, 400, "VALIDATION_ERROR"),
        ({"candidates": ["X:A"], "freshnessHours": "nan"}, 400, "VALIDATION_ERROR"),
        ({"candidates": ["X:A"], "policy": "older"}, 400, "VALIDATION_ERROR"),
        ({"candidates": ["X:A"], "vendor": "nobody"}, 404, "VENDOR_UNKNOWN"),
        ({"candidates": ["X:A"], "other": 1}, 400, "VALIDATION_ERROR"),
    ],
)
def test_what_cannot_be_taken_in_is_refused_with_a_code(owner, answering, body, status, code):
    answer = post(owner, body)
    assert answer.status_code == status, answer.json()
    assert code is None or answer.json()["error"]["code"] == code
    assert not IngestRun.of(owner.tenant.id).exists()


def test_items_are_listed_by_outcome(owner, answering):
    run = IngestRun.everyone.create(tenant=owner.tenant, total=2)
    for number, state in enumerate(("fresh", "failed"), 1):
        IngestItem.objects.create(run=run, number=number, table="trades", instrument=f"X:{state}", state=state)
    path = f"/v1/lake/ingests/{run.ref}/items"
    assert [each["instrument"] for each in owner.api.get(f"{path}?outcome=failed").json()["items"]] == ["X:failed"]
    assert len(owner.api.get(path).json()["items"]) == 2
    assert owner.api.get(f"{path}?outcome=lost").status_code == 400


def test_a_stranger_sees_nothing_of_it(owner, stranger, answering):
    run = IngestRun.everyone.create(tenant=owner.tenant, total=0)
    assert stranger.api.get("/v1/lake/ingests").json()["items"] == []
    for path in (f"/v1/lake/ingests/{run.ref}", f"/v1/lake/ingests/{run.ref}/items"):
        assert stranger.api.get(path).status_code == 404
