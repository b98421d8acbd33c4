"""A suspected split is recorded when it is corroborated, or on a person's word; each refusal by name."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from datasets.lake import adjusting, scan, suspects
from datasets.lake.suspects import SplitUnwitnessed
from datasets.models import DatasetVersion, LakeCommit, LakeEntry, LakeQuarantine
from datasets.storage import blobs
from tests.kit import halves, lake, recorded
from tests.kit.halves import NAME, RECORD, TABLE, URL, WHY
from tradenexus import db
from tradenexus.audit.models import Entry
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date.fromisoformat(halves.SESSION)


@pytest.fixture
def entry(owner, tmp_path):
    return halves.halved(owner, tmp_path)


@pytest.fixture
def corroborated(owner, entry, tmp_path):
    halves.offered(owner, tmp_path, halves.adjusted())
    return entry


def work():
    while runner.wake():
        pass


def post(person, body=None, **headers):
    return person.api.post(RECORD, body or {}, format="json", headers=headers)


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


def actions(owner):
    rows = scan.tables_of(scan.locate(scan.entry_of(owner.tenant.id, "corporate_actions", NAME)))
    return pa.concat_tables(rows).to_pylist()


def closes(owner, **query):
    answer = owner.api.get(f"{URL}/rows", {"limit": 100, "columns": "close", **query})
    return [row[0] for row in answer.json()["rows"]] if answer.status_code == 200 else code(answer)


def test_a_corroborated_split_is_recorded_on_one_press_and_adjusted_reads_use_it_from_then_on(teammate, corroborated):
    before = db.now().isoformat()
    assert closes(teammate, adjustment="split") == (409, "SPLIT_UNWITNESSED")
    assert not LakeEntry.of(teammate.tenant.id).filter(table="corporate_actions").exists()
    answer = post(teammate)
    assert (answer.status_code, answer.json()["suspect"]["state"]) == (202, "corroborated")
    work()
    assert Job.of(teammate.tenant.id).get(kind="lake.split").state == "succeeded"
    (row,) = actions(teammate)
    held = LakeQuarantine.of(teammate.tenant.id).get(session=date(2024, 11, 5))
    assert (row["action"], row["value"], f"{row['ts_event']:%Y-%m-%d}") == ("split", 2.0, halves.SESSION)
    assert row["witnesses"] == f"second {held.ref} sha256:{held.sha256}"
    assert closes(teammate, adjustment="split") == pytest.approx(halves.adjusted().tolist())
    assert closes(teammate, adjustment="split", asOf=before) == (409, "SPLIT_UNWITNESSED")
    assert closes(teammate, adjustment="raw", asOf=before) == pytest.approx(halves.closes().tolist())


def test_the_commit_and_the_audit_say_on_what_it_was_based(owner, corroborated):
    post(owner)
    work()
    done = LakeCommit.of(owner.tenant.id).get(operation="split")
    told = done.summary["split"]
    assert (told["decision"], told["ratio"], told["session"]) == ("corroborated", 2.0, halves.SESSION)
    (said,) = told["evidence"]
    assert (said["vendor"], said["kind"], said["says"]) == ("second", "refused rows", "agrees")
    assert [row["factor"] for row in said["rows"]] == pytest.approx([0.5] * 3 + [1.0] * 3)
    assert all(len(row["digest"]) == 64 for row in said["rows"])
    assert (done.created_by, done.source) == (owner.user, said["source"])
    trail = Entry.of(owner.tenant.id).get(action="lake.split")
    assert trail.subject == done.ref
    assert trail.details["split"]["evidence"][0]["source"] == said["source"]
    (item,) = owner.api.get(f"{URL}/suspects").json()["items"]
    assert (item["state"], item["settled"], item["ratio"]) == ("recorded", True, 2.0)
    assert (item["recorded"]["commitId"], item["recorded"]["inForce"]) == (done.ref, True)
    assert [each["stands"] for each in item["recorded"]["evidence"]] == [True]


def test_again_is_no_error_and_writes_nothing(owner, corroborated):
    first = post(owner, **{"Idempotency-Key": "one-press-only"})
    again = post(owner, **{"Idempotency-Key": "one-press-only"})
    assert again["Idempotent-Replay"] == "true"
    assert again.json()["job"]["id"] == first.json()["job"]["id"] == post(owner).json()["job"]["id"]
    assert code(post(owner, {"reason": WHY}, **{"Idempotency-Key": "one-press-only"})) == (
        409,
        "IDEMPOTENCY_KEY_CONFLICT",
    )
    work()
    for body in ({}, {"ratio": 2}):
        answer = post(owner, body)
        assert (answer.status_code, answer.json()["job"], answer.json()["suspect"]["state"]) == (200, None, "recorded")
    assert code(post(owner, {"ratio": 2.2, "reason": WHY})) == (409, "SPLIT_SETTLED")
    assert LakeCommit.of(owner.tenant.id).filter(operation="split").count() == 1


def test_a_second_attempt_of_the_job_makes_no_second_commit(owner, corroborated):
    post(owner)
    work()
    job = Job.of(owner.tenant.id).get(kind="lake.split")
    Job.everyone.filter(id=job.id).update(state="queued", result=None, finished_at=None)
    work()
    assert LakeCommit.of(owner.tenant.id).filter(operation="split").count() == 1
    job.refresh_from_db()
    assert job.state == "succeeded"


def test_while_one_is_under_way_another_ratio_is_refused(owner, corroborated):
    post(owner)
    answer = post(owner, {"ratio": 2.2, "reason": WHY})
    assert code(answer) == (409, "SPLIT_SETTLED")
    assert answer.json()["error"]["details"]["ratio"] == 2.0


def test_others_neither_see_nor_record(stranger, viewer, corroborated):
    assert code(post(stranger)) == (404, "NOT_FOUND")
    assert code(post(viewer)) == (403, "SCOPE_MISSING")
    work()
    assert not LakeCommit.everyone.filter(operation="split").exists()


def test_what_nobody_corroborates_needs_a_ratio_and_a_reason(owner, entry):
    assert code(post(owner)) == (409, "SPLIT_UNCORROBORATED")
    for body in (
        {"ratio": 2},
        {"ratio": 2, "reason": "short"},
        {"ratio": 0, "reason": WHY},
        {"ratio": 4, "reason": WHY},
    ):
        assert code(post(owner, body)) == (400, "VALIDATION_ERROR")
    assert post(owner, {"ratio": 2, "reason": WHY}).status_code == 202
    work()
    (row,) = actions(owner)
    assert row["witnesses"].endswith(WHY)
    assert row["witnesses"].startswith("usr_")
    assert closes(owner, adjustment="split") == pytest.approx(halves.adjusted().tolist())


def test_the_same_vendor_is_nobody(owner, entry, tmp_path):
    halves.offered(owner, tmp_path, halves.adjusted(), vendor="first")
    assert code(post(owner)) == (409, "SPLIT_UNCORROBORATED")


def test_what_is_contradicted_is_refused_by_name_and_recorded_on_a_persons_word(owner, corroborated, tmp_path):
    version = halves.dataset(owner, tmp_path, halves.closes() / 7)
    answer = post(owner)
    assert code(answer) == (409, "SPLIT_CONTRADICTED")
    assert "third: its adjusted closes step as ours do" in answer.json()["error"]["message"]
    assert code(post(owner, {"ratio": 2})) == (400, "VALIDATION_ERROR")
    assert post(owner, {"ratio": 2, "reason": WHY}).status_code == 202
    work()
    told = LakeCommit.of(owner.tenant.id).get(operation="split").summary["split"]
    assert (told["decision"], told["state"], told["reason"]) == ("reviewer", "contradicted", WHY)
    assert version.ref in {each["source"] for each in told["evidence"] if each["says"] == "contradicts"}


def test_a_split_on_record_that_explains_nothing_is_replaced_on_a_persons_word(owner, corroborated, tmp_path):
    stamps = np.array([halves.SPLIT_DAY * lake.DAY]).astype("datetime64[ns]")
    rows = lake.shaped({"ts_event": stamps, "action": ["split"], "value": [7.0]}, "corporate_actions")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, NAME, "corporate_actions"))
    answer = post(owner)
    assert code(answer) == (409, "SPLIT_CONTRADICTED")
    assert "7 new shares for one old are on record" in answer.json()["error"]["message"]
    assert post(owner, {"ratio": 2, "reason": WHY}).status_code == 202
    work()
    assert [row["value"] for row in actions(owner)] == [2.0]
    assert LakeCommit.of(owner.tenant.id).get(operation="split").summary["split"]["replaces"] == 7.0


def test_what_a_reviewer_settled_is_not_recorded(owner, corroborated):
    body = {"status": "GREEN", "reason": "a true fall, seen in the news", "until": "2099-01-01T00:00:00Z"}
    assert owner.api.post(f"{URL}/partitions/{DAY}/override", body, format="json").status_code == 201
    assert code(post(owner)) == (409, "SPLIT_SETTLED")


def test_evidence_that_changed_since_it_was_looked_at_is_refused(owner, entry, tmp_path):
    halves.dataset(owner, tmp_path, halves.adjusted())
    (item,) = owner.api.get(f"{URL}/suspects").json()["items"]
    halves.offered(owner, tmp_path, halves.closes() * 1.0001, vendor="first")  # our own rows, restated
    assert code(post(owner, {"evidence": item["evidenceDigest"]})) == (409, "SPLIT_EVIDENCE_CHANGED")
    (item,) = owner.api.get(f"{URL}/suspects").json()["items"]
    assert post(owner, {"evidence": item["evidenceDigest"]}).status_code == 202


def test_evidence_that_changes_before_the_job_runs_writes_nothing(owner, corroborated, tmp_path):
    assert post(owner).status_code == 202
    halves.dataset(owner, tmp_path, halves.adjusted(4))
    work()
    job = Job.of(owner.tenant.id).get(kind="lake.split")
    assert (job.state, job.error["code"]) == ("failed", "SPLIT_EVIDENCE_CHANGED")
    assert not LakeEntry.of(owner.tenant.id).filter(table="corporate_actions").exists()


@pytest.mark.parametrize("session", ["2024-11-05", "1999-01-01"])
def test_a_session_that_is_no_suspect_is_not_found(owner, corroborated, session):
    answer = owner.api.post(f"{URL}/suspects/{session}/record", {}, format="json")
    assert code(answer) == (404, "NOT_FOUND")
    assert code(owner.api.post(f"{URL}/suspects/yesterday/record", {}, format="json")) == (400, "VALIDATION_ERROR")


def test_what_was_recorded_names_its_evidence_when_that_is_gone(owner, corroborated, tmp_path):
    version = halves.dataset(owner, tmp_path, halves.adjusted())
    post(owner)
    work()
    for held in LakeQuarantine.of(owner.tenant.id):
        blobs.delete(held.key)
    DatasetVersion.everyone.filter(id=version.id).update(status="archived")
    (item,) = owner.api.get(f"{URL}/suspects").json()["items"]
    kept = item["recorded"]["evidence"]
    assert [(each["vendor"], each["stands"]) for each in kept] == [("second", False), ("third", False)]
    assert (item["state"], item["evidence"], len(kept[1]["rows"])) == ("recorded", [], 6)
    assert closes(owner, adjustment="split") == pytest.approx(halves.adjusted().tolist())


def test_both_real_apple_splits_are_recorded_and_nothing_else(owner, realdata, tmp_path):
    lake.registered(owner, NAME, "equity", "XNYS")
    rows, adjusted = recorded.shares(realdata, "AAPL")
    lake.put(owner, tmp_path, lake.offer(tmp_path, rows, NAME, TABLE, vendor="wiki"))
    factor, other = adjusted / rows["close"].to_numpy(), rows
    for at, name in enumerate(("open", "high", "low", "close"), start=1):
        other = other.set_column(at, name, pa.array(rows[name].to_numpy() * factor))
    lake.put(owner, tmp_path, lake.offer(tmp_path, other, NAME, TABLE, vendor="second", policy="newer"))
    entry = scan.entry_of(owner.tenant.id, TABLE, NAME)
    for day in ("2000-06-21", "2005-02-28"):
        with pytest.raises(SplitUnwitnessed):
            adjusting.of_entry(entry, "split", start_ns=lake.ns("2000-03-01"))
        answer = owner.api.post(f"{URL}/suspects/{day}/record", {}, format="json")
        assert answer.status_code == 202, answer.json()
        work()
    told = {f"{one.session}": one.state for one in suspects.listed(entry)}
    assert (told["2000-06-21"], told["2005-02-28"]) == ("recorded", "recorded")
    assert [(f"{row['ts_event']:%Y-%m-%d}", row["value"]) for row in actions(owner)] == [
        ("2000-06-21", 2.0),
        ("2005-02-28", 2.0),
    ]
    change = adjusting.of_entry(entry, "split")
    stands = change.apply(pa.concat_tables(scan.tables_of(scan.locate(entry))))["close"].to_numpy()
    assert np.ptp(stands[:3000] / adjusted[:3000]) < 0.01
