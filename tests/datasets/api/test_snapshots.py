"""/v1/snapshots over HTTP: freeze, refuse with every fault, prove, put down, pin, expire; and the returns matrix."""

from __future__ import annotations

import hashlib
import io

import pyarrow.parquet as pq
import pytest

from datasets.models import ReturnsMatrix, Snapshot
from datasets.snapshots import keeping
from tests.kit.stocked import NAMES, TABLE, closes
from tests.lona.worker import work
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
BODY = {"name": "run-1", "instruments": list(NAMES), "tables": [TABLE], "start": "2024-10-07", "end": "2025-11-11"}


def post(person, path, body=None, expect=201, **headers):
    answer = person.api.post(path, body or {}, format="json", **headers)
    assert answer.status_code == expect, answer.json()
    return answer.json()


@pytest.fixture
def at(stocked, owner):
    """The address of a snapshot."""
    return f"/v1/snapshots/{post(owner, '/v1/snapshots', BODY)['snapshot']['id']}"


def test_a_run_freezes_what_it_needs(stocked, owner):
    made = post(owner, "/v1/snapshots", BODY)["snapshot"]
    assert (made["state"], made["entries"], made["segments"], made["rows"]) == ("frozen", 3, 6, 1200)
    assert (made["start"], made["end"]) == ("2024-10-07T00:00:00Z", "2025-11-11T00:00:00Z")
    at = f"/v1/snapshots/{made['id']}"
    assert owner.api.get(at).json()["snapshot"] == made
    assert owner.api.get(at).json()["usedBy"] == []
    page = owner.api.get(f"{at}/members?limit=4").data
    assert [each["instrument"] for each in page["items"]] == [NAMES[0], NAMES[0], NAMES[1], NAMES[1]]
    rest = owner.api.get(f"{at}/members?limit=4&cursor={page['nextCursor']}").data
    assert rest["nextCursor"] is None
    told = owner.api.get(f"{at}/manifest").data
    listed = [segment["sha256"] for each in told["manifest"]["entries"] for segment in each["segments"]]
    assert listed == [each["segment"]["sha256"] for each in page["items"] + rest["items"]]
    assert told["digest"] == made["digest"]


def test_the_list_is_found_by_name_state_and_instrument(at, owner, stranger):
    for query, count in [
        ("", 1), ("?name=run-1", 1), ("?name=run", 0), ("?state=expired", 0),
        (f"?instrument={NAMES[0]}", 1), ("?instrument=X:A", 0),
    ]:  # fmt: skip
        assert len(owner.api.get(f"/v1/snapshots{query}").data["items"]) == count
    assert stranger.api.get("/v1/snapshots").data["items"] == []


def test_everything_unfit_is_named_and_nothing_frozen(stocked, owner):
    body = BODY | {"instruments": [*NAMES, "X:A", "X:B"], "maxStalenessSeconds": 1}
    error = post(owner, "/v1/snapshots", body, 409, HTTP_IDEMPOTENCY_KEY="the-first-try")["error"]
    assert error["code"] == "SNAPSHOT_MEMBERS_UNFIT"
    assert error["details"]["counts"] == {"MISSING": 2, "STALE": 3}
    assert len(error["details"]["members"]) == 5
    assert not Snapshot.everyone.exists()
    # the key of what failed is free again
    body |= {"instruments": list(NAMES), "maxStalenessSeconds": None}
    post(owner, "/v1/snapshots", body, 201, HTTP_IDEMPOTENCY_KEY="the-first-try")


def test_a_replayed_key_and_a_repeated_name(stocked, owner):
    key = {"HTTP_IDEMPOTENCY_KEY": "key-of-run-1"}
    first = post(owner, "/v1/snapshots", BODY, **key)
    assert post(owner, "/v1/snapshots", BODY, **key)["snapshot"] == first["snapshot"]
    assert post(owner, "/v1/snapshots", BODY, 200)["snapshot"] == first["snapshot"]
    assert post(owner, "/v1/snapshots", BODY | {"grade": "GREEN"}, 409)["error"]["code"] == "SNAPSHOT_NAME_TAKEN"
    other = post(owner, "/v1/snapshots", BODY | {"name": "run-2"}, 409, **key)
    assert other["error"]["code"] == "IDEMPOTENCY_KEY_CONFLICT"
    assert Snapshot.everyone.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"start": "yesterday"}, "start"),
        ({"end": "2024-10-07T00:00:00"}, "end"),
        ({"end": "9999-12-31"}, "end"),
        ({"grade": "RED"}, "grade"),
        ({"instruments": []}, "instruments"),
        ({"name": "a/b"}, "name"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"more": 1}, "more"),
    ],
)
def test_what_is_not_well_formed_names_its_field(stocked, owner, wrong, field):
    error = post(owner, "/v1/snapshots", BODY | wrong, 400)["error"]
    assert (error["code"], list(error["details"]["fields"])) == ("VALIDATION_ERROR", [field])


def test_verify_and_materialise_are_jobs(at, owner, settings, tmp_path):
    settings.NEXUS_HOME = tmp_path / "home"
    asked = [post(owner, f"{at}:verify", expect=202), post(owner, f"{at}:materialise", {"layout": "single"}, 202)]
    work()
    jobs = [owner.api.get(f"/v1/jobs/{each['job']['id']}").data["job"] for each in asked]
    assert [job["state"] for job in jobs] == ["succeeded", "succeeded"]
    assert jobs[1]["result"]["files"] == 3
    assert owner.api.get(at).json()["snapshot"]["verifiedAt"]
    assert post(owner, f"{at}:materialise", {"folder": "x"}, 400)["error"]["code"] == "SNAPSHOT_FOLDER_REFUSED"
    assert post(owner, f"{at}:materialise", {"layout": "csv"}, 400)["error"]["code"] == "VALIDATION_ERROR"


def test_it_names_what_uses_it(at, owner, stranger, settings, tmp_path):
    settings.NEXUS_HOME = tmp_path / "home"
    for _ in range(2):  # the same folder again is one use
        post(owner, f"{at}:materialise", {"layout": "single"}, 202)
        work()
    (files,) = owner.api.get(at).json()["usedBy"]
    assert (files["kind"], files["state"]) == ("files", "ready")
    assert files["label"].startswith(str(tmp_path))
    post(owner, f"{at}/returns-matrix", {"candidates": list(NAMES)}, 202)
    told = owner.api.get(at).json()["usedBy"]
    assert [(each["kind"], each["state"]) for each in told] == [("returns-matrix", "building"), ("files", "ready")]
    post(owner, f"{at}:materialise", {"layout": "segments"}, 202)
    assert [each["state"] for each in owner.api.get(at).json()["usedBy"]] == ["building", "building", "ready"]
    work()
    owner.api.delete(at)
    keeping.sweep("test")
    assert {each["state"] for each in owner.api.get(at).json()["usedBy"]} == {"ready", "gone"}
    assert stranger.api.get(at).status_code == 404


def test_the_list_is_shown_as_it_was(at, owner):
    made = owner.api.get(at).json()["snapshot"]["createdAt"]
    assert len(owner.api.get("/v1/snapshots", {"asOf": made}).json()["items"]) == 1
    assert owner.api.get("/v1/snapshots?asOf=2024-01-01").json()["items"] == []
    assert owner.api.get("/v1/snapshots?asOf=soon").status_code == 400


def test_pin_unpin_and_expire(at, owner, viewer):
    assert post(owner, f"{at}:pin", expect=200)["snapshot"]["expiresAt"] is None
    assert owner.api.delete(at).data["error"]["code"] == "SNAPSHOT_PINNED"
    assert post(viewer, f"{at}:unpin", expect=403)["error"]["code"] == "SCOPE_MISSING"
    assert post(owner, f"{at}:unpin", expect=200)["snapshot"]["expiresAt"]
    assert owner.api.delete(at).data["snapshot"]["state"] == "expired"
    assert owner.api.delete(at).status_code == 200
    for path in ("/members", "/manifest"):
        assert owner.api.get(f"{at}{path}").status_code == 410
    assert post(owner, f"{at}:verify", expect=410)["error"]["code"] == "SNAPSHOT_EXPIRED"


def test_a_returns_matrix_is_made_told_and_downloaded(at, stocked, owner):
    body = {"candidates": {"meta": {}, "data": [*NAMES, {"symbol": "X:A"}]}}
    asked = post(owner, f"{at}/returns-matrix", body, 202, HTTP_IDEMPOTENCY_KEY="matrix-key")
    assert asked["matrix"]["state"] == "building"
    here = f"{at}/returns-matrix/{asked['matrix']['id']}"
    assert owner.api.get(f"{here}/download").status_code == 409
    stocked.put(NAMES[0], closes(7), policy="newer")
    work()
    matrix = owner.api.get(here).data["matrix"]
    assert (matrix["state"], matrix["kept"], matrix["days"]) == ("ready", 3, 399)
    assert [(each["candidate"], each["reason"]) for each in matrix["drops"]] == [("X:A", "NOT_IN_SNAPSHOT")]
    data = b"".join(owner.api.get(f"{here}/download"))
    assert hashlib.sha256(data).hexdigest() == matrix["sha256"]
    assert pq.read_table(io.BytesIO(data)).column_names == ["date", *NAMES]
    again = post(owner, f"{at}/returns-matrix", body, 200)
    assert (again["matrix"]["id"], again["job"]) == (matrix["id"], None)
    assert [each["id"] for each in owner.api.get(f"{at}/returns-matrix").data["items"]] == [matrix["id"]]


def test_a_matrix_is_that_of_its_snapshot_only(at, owner, stranger):
    made = post(owner, f"{at}/returns-matrix", {"candidates": list(NAMES)}, 202)["matrix"]["id"]
    other = post(owner, "/v1/snapshots", BODY | {"name": "run-2"})["snapshot"]["id"]
    assert owner.api.get(f"/v1/snapshots/{other}/returns-matrix/{made}").status_code == 404
    assert stranger.api.get(f"{at}/returns-matrix/{made}").status_code == 404
    for wrong, code in [({"candidates": 7}, "CANDIDATES_REFUSED"), ({"minDays": 1}, "VALIDATION_ERROR")]:
        error = post(owner, f"{at}/returns-matrix", {"candidates": list(NAMES)} | wrong, 400)["error"]
        assert error["code"] == code
    assert ReturnsMatrix.everyone.count() == 1
    assert Job.everyone.filter(kind="returns.build").count() == 1
