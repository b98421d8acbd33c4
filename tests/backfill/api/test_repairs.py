"""/v1/lake/repairs."""

import pytest

from backfill.models import RepairRun
from tests.kit import lake
from tests.kit.lake import DAY, MONDAY
from tradenexus.audit.models import Entry
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/v1/lake/repairs"


def post(person, body, **headers):
    return person.api.post(PATH, body, format="json", headers=headers)


@pytest.fixture
def holed(owner, tmp_path):
    """Two gaps, of two days and of one."""
    lake.registered(owner, "X:A")
    days = [day for day in range(10) if day not in (2, 3, 7)]
    rows = lake.bars([(MONDAY + day) * DAY for day in days], [100.0] * len(days))
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, "X:A"))


def test_a_repair_is_asked_for_and_followed(owner, holed, ranged, work):
    ranged["ranged"] = {(MONDAY + day) * DAY: 100.0 for day in range(10)}
    answer = post(owner, {"entries": ["X:A"]})
    assert answer.status_code == 202
    told = answer.json()["repair"]
    assert answer["Location"] == f"{PATH}/{told['id']}"
    assert (told["state"], told["found"], told["detectedAt"]) == ("working", {}, None)
    assert (answer.json()["job"]["kind"], answer.json()["job"]["id"]) == ("backfill.repair", told["jobId"])
    work()
    whole = owner.api.get(answer["Location"]).json()
    assert (whole["repair"]["state"], whole["repair"]["filled"]) == ("finished", 3)
    first = owner.api.get(f"{answer['Location']}?limit=1").json()
    (item,) = first["items"]
    assert (item["start"], item["end"]) == ("2024-10-09T00:00:00Z", "2024-10-15T00:00:00Z")
    assert item["vendors"][0]["commitId"].startswith("cmt_")
    assert owner.api.get(f"{answer['Location']}?outcome=failed").json()["items"] == []
    assert owner.api.get(f"{answer['Location']}?outcome=odd").status_code == 400
    assert [each["id"] for each in owner.api.get(PATH).json()["items"]] == [told["id"]]


def test_a_repeat_under_the_same_key_is_the_same_run(owner, holed, ranged):
    key = {"Idempotency-Key": "repairs-1"}
    one, other = (post(owner, {"entries": ["X:A"]}, **key) for _ in range(2))
    assert other["Idempotent-Replay"] == "true"
    assert one.json()["repair"]["id"] == other.json()["repair"]["id"]
    assert (RepairRun.of(owner.tenant.id).count(), Job.of(owner.tenant.id).count()) == (1, 1)
    assert post(owner, {"entries": ["X:B"]}, **key).json()["error"]["code"] == "IDEMPOTENCY_KEY_CONFLICT"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"entries": ["no colon"]}, 400, "VALIDATION_ERROR"),
        ({"entries": ["X"]}, 400, "VALIDATION_ERROR"),
        ({"entries": ["no_table/X:A"]}, 404, "LAKE_TABLE_UNKNOWN"),
        ({"from": "soon"}, 400, "VALIDATION_ERROR"),
        ({"from": "2024-02-01", "to": "2024-01-01"}, 400, "VALIDATION_ERROR"),
        ({"kinds": ["ODD"]}, 400, "VALIDATION_ERROR"),
        ({"entries": "X:A"}, 400, "VALIDATION_ERROR"),
        ({"entries": ["X:A"] * 501}, 400, "VALIDATION_ERROR"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_started(owner, body, status, code):
    answer = post(owner, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not RepairRun.of(owner.tenant.id).exists()
    assert not Job.of(owner.tenant.id).exists()


def test_a_viewer_looks_on(owner, viewer, holed, ranged):
    assert post(viewer, {}).status_code == 403
    ref = post(owner, {"plan": True}).json()["repair"]["id"]
    assert viewer.api.get(f"{PATH}/{ref}").status_code == 200
    assert RepairRun.of(owner.tenant.id).count() == 1


def test_another_workspace_sees_nothing_and_repairs_its_own(owner, stranger, holed, ranged, work):
    ref = post(owner, {"plan": True}).json()["repair"]["id"]
    assert stranger.api.get(f"{PATH}/{ref}").status_code == 404
    assert stranger.api.get(PATH).json()["items"] == []
    theirs = post(stranger, {}).json()["repair"]["id"]
    work()
    found = stranger.api.get(f"{PATH}/{theirs}").json()["repair"]["found"]
    assert (found["entries"], found["gaps"]) == (0, 0)


def test_it_is_written_into_the_audit(owner, holed, ranged):
    ref = post(owner, {"entries": ["X:A"], "plan": True}).json()["repair"]["id"]
    told = Entry.of(owner.tenant.id).get(action="repair.asked")
    assert (told.subject, told.details["plan"], told.details["selection"]["entries"]) == (ref, True, ["X:A"])
