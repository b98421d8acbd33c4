"""A diff of two revisions over HTTP: counts, pages of sessions, values, quality; who may ask, and what is no diff."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.models import LakeDiff, LakeEntry, LakeSegment
from tests.kit import lake
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/v1/lake/crypto_bars_1d/BINANCE:ETH-BTC/diff"


@pytest.fixture
def revised(owner, tmp_path):
    """Sixty days; then thirty more, and three of the first with another close."""
    name = lake.registered(owner)
    closes = 100 + np.arange(90) / 8
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes[:60]), name))
    closes[[3, 4, 50]] += 2
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(closes), name, policy="newer"))
    return LakeEntry.of(owner.tenant.id).get()


def body(response, status=200):
    assert response.status_code == status, response.content[:500]
    return response.json()


def test_it_says_what_turns_the_one_into_the_other(viewer, revised):
    told = body(viewer.api.get(f"{URL}/1...2"))
    assert (told["identical"], told["complete"], told["rowsDelta"]) == (False, True, 30)
    rows = told["rows"]
    assert (rows["added"], rows["removed"], rows["changed"]) == (30, 0, 3)
    assert rows["shared"] + rows["unchanged"] == 57
    assert (told["a"]["number"], told["b"]["number"], told["b"]["rows"]) == (1, 2, 90)
    assert told["b"]["digest"] == revised.digest
    assert told["schema"] == {"versions": {"a": [1], "b": [1]}, "added": [], "removed": []}
    parts = told["partitions"]
    assert (parts["added"], parts["removed"], parts["changed"]) == (30, 0, 3)
    assert parts["items"][0]["session"] == "2024-10-10"
    assert (parts["items"][0]["change"], parts["items"][0]["status"]) == ("~", "GREEN")
    close = next(each for each in told["values"]["columns"] if each["name"] == "close")
    assert (close["changed"], close["maxAbs"], close["maxAbsAt"]) == (3, 2.0, "2024-10-10T00:00:00Z")
    assert close["maxRel"] == pytest.approx(2 / (100 + 3 / 8))
    first = told["values"]["rows"][0]
    assert (first["time"], first["change"]) == ("2024-10-10T00:00:00Z", "~")
    assert (first["old"]["close"], first["new"]["close"]) == (100.375, 102.375)
    assert first["columns"] == ["open", "high", "low", "close"]
    assert told["quality"]["completeness"]["sessions"] == 33


def test_changed_rows_are_spread_in_bins_with_exact_counts(viewer, revised):
    spread = {each["name"]: each for each in body(viewer.api.get(f"{URL}/1...2"))["values"]["distributions"]}
    assert list(spread) == ["open", "high", "low", "close", "volume", "trades"]
    close = spread["close"]
    assert (close["measure"], close["rows"], close["scale"], close["width"]) == ("return", "changed", "linear", 0.002)
    for side in ("before", "after"):
        assert close[side] == {"counted": 3, "null": 0, "notFinite": 0, "noReturn": 0}
        assert sum(one[side] for one in close["bins"]) == 3
        assert spread["trades"][side]["null"] == 3
    assert [(one["from"], one["before"]) for one in close["bins"] if one["before"]] == [(0, 3)]
    # two in a row were raised by 2 %: the first of them rises, the second goes on as before; and another one
    assert [(one["from"], one["to"], one["after"]) for one in close["bins"] if one["after"]] == [
        (0, 0.002, 1),
        (0.02, 0.022, 2),
    ]
    assert spread["volume"]["bins"] == [{"from": 10.0, "to": 11.0, "before": 3, "after": 3}]
    back = body(viewer.api.get(f"{URL}/2...1"))["values"]["distributions"]
    turned = [{**one, "before": one["after"], "after": one["before"]} for one in back[3]["bins"]]
    assert turned == close["bins"]


def test_a_large_one_is_started_by_a_post_and_then_there(viewer, owner, revised, settings):
    at_once = body(viewer.api.get(f"{URL}/1...2"))
    settings.NEXUS_LAKE_DIFF_ROWS = 5
    told = body(viewer.api.get(f"{URL}/1...2"))
    assert (told["complete"], told["job"], told["start"]) == (False, None, f"{URL}/1...2")
    asked = owner.api.post(told["start"])
    told = body(asked, 202)
    assert (told["complete"], told["job"]["kind"], told["job"]["state"]) == (False, "lake.diff", "queued")
    assert asked.headers["Location"] == f"/v1/jobs/{told['job']['id']}"
    assert told["compared"] | {"rows": 0} == told["compared"]
    assert told["start"] is None
    for again in (owner.api.post(f"{URL}/1...2"), viewer.api.get(f"{URL}/1...2")):
        assert body(again, 202)["job"]["id"] == told["job"]["id"]
    runner.wake()
    done = body(viewer.api.get(f"{URL}/1...2"))
    at_once["compared"]["budget"] = 5
    assert done | {"requestId": ""} == at_once | {"requestId": ""}
    assert (done["job"], done["start"]) == (None, None)
    assert body(owner.api.post(f"{URL}/1...2"))["complete"]
    assert body(owner.api.get(f"/v1/jobs/{told['job']['id']}"))["job"]["subject"] == revised.ref
    assert Job.everyone.filter(kind="lake.diff").count() == 1


def test_who_may_only_look_starts_none_and_a_get_never_does(viewer, owner, stranger, revised, settings):
    settings.NEXUS_LAKE_DIFF_ROWS = 5
    assert body(viewer.api.post(f"{URL}/1...2"), 403)["error"]["code"] == "SCOPE_MISSING"
    assert body(stranger.api.post(f"{URL}/1...2"), 404)["error"]["code"] == "NOT_FOUND"
    assert body(owner.api.post(f"{URL}/1...2?limit=0"), 400)["error"]["code"] == "VALIDATION_ERROR"
    for person in (viewer, owner):
        assert body(person.api.get(f"{URL}/1...2"))["start"]
    assert not Job.everyone.filter(kind="lake.diff").exists()
    assert not LakeDiff.everyone.exists()


def test_of_a_small_one_a_post_starts_nothing(owner, revised):
    assert body(owner.api.post(f"{URL}/1...2"))["complete"]
    assert not Job.everyone.filter(kind="lake.diff").exists()


def test_a_large_one_that_failed_is_refused_by_name_with_its_job(owner, revised, settings):
    settings.NEXUS_LAKE_DIFF_ROWS = 5
    job = body(owner.api.post(f"{URL}/1...2"), 202)["job"]["id"]
    LakeSegment.everyone.update(damaged_at=revised.updated_at)
    runner.wake()
    error = body(owner.api.get(f"{URL}/1...2"), 409)["error"]
    assert body(owner.api.post(f"{URL}/1...2"), 409)["error"]["details"] == error["details"]
    assert (error["code"], error["details"]["jobId"]) == ("LAKE_DIFF_FAILED", job)
    assert error["details"]["code"] == "LAKE_SEGMENT_DAMAGED"
    LakeSegment.everyone.update(damaged_at=None)
    assert owner.api.post(f"/v1/jobs/{job}:retry").status_code in (200, 202)
    assert body(owner.api.get(f"{URL}/1...2"), 202)["job"]["id"] == job
    runner.wake()
    assert body(owner.api.get(f"{URL}/1...2"))["complete"]


def test_pages_of_sessions_show_each_once(owner, revised):
    seen, cursor = [], ""
    while cursor is not None:
        parts = body(owner.api.get(f"{URL}/1...2?limit=10&cursor={cursor}"))["partitions"]
        seen += [each["session"] for each in parts["items"]]
        cursor = parts["nextCursor"]
    assert len(seen) == len(set(seen)) == 33
    assert seen == sorted(seen)


def test_reversed_it_is_the_inverse_and_the_same_is_identical(owner, revised):
    back = body(owner.api.get(f"{URL}/2...1"))
    assert (back["rows"]["removed"], back["rowsDelta"], back["partitions"]["removed"]) == (30, -30, 30)
    same = body(owner.api.get(f"{URL}/2...2"))
    assert (same["identical"], same["compared"]["rows"], same["partitions"]["items"]) == (True, 0, [])


@pytest.mark.parametrize(
    ("span", "status", "code"),
    [
        ("1..2", 400, "VALIDATION_ERROR"),
        ("1...x", 400, "VALIDATION_ERROR"),
        ("1...2?cursor=x", 400, "VALIDATION_ERROR"),
        ("1...2?limit=0", 400, "VALIDATION_ERROR"),
        ("1...9", 404, "NOT_FOUND"),
        ("0...1", 404, "NOT_FOUND"),
        ("2001-01-01...2", 404, "NOT_FOUND"),
    ],
)
def test_what_is_no_pair_of_revisions_is_refused_by_name(owner, revised, span, status, code):
    assert body(owner.api.get(f"{URL}/{span}"), status)["error"]["code"] == code


def test_a_revision_that_was_let_go_is_gone(owner, revised):
    LakeEntry.everyone.update(oldest_revision=2)
    error = body(owner.api.get(f"{URL}/1...2"), 404)["error"]
    assert (error["code"], error["details"]["oldest"]) == ("LAKE_REVISION_GONE", 2)


def test_another_workspace_is_told_nothing(stranger, revised):
    assert body(stranger.api.get(f"{URL}/1...2"), 404)["error"]["code"] == "NOT_FOUND"
