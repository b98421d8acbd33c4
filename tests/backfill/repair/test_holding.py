"""Two repairs at once: a stretch is asked for once, and the other one says whose it is or what became of it."""

import threading

import pytest
from django.db import connections

from backfill.models import RepairItem, RepairRun
from backfill.repair import planning
from backfill.vendors import errors
from datasets.models import LakeEntry
from tests.kit import lake
from tests.kit import ranged as vendor
from tests.kit.lake import DAY, MONDAY
from tradenexus import db
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
WHOLE = {(MONDAY + number) * DAY: 100.0 + number / 8 for number in range(20)}


@pytest.fixture(autouse=True)
def two_at_once(settings):
    settings.NEXUS_HEAVY_JOBS = 4


@pytest.fixture
def holed(owner, tmp_path):
    def put(*lacking, name="X:A"):
        lake.registered(owner, name)
        rows = {at: close for at, close in WHOLE.items() if at // DAY - MONDAY not in lacking}
        given = lake.bars(list(rows), list(rows.values()))
        lake.put(owner, tmp_path, lake.offer(tmp_path, given, name, vendor="ranged"))

    return put


def asked():
    return [((call.start_ns // DAY - MONDAY), (call.end_ns // DAY - MONDAY)) for _, call in vendor.CALLS]


def told(person, repair):
    return person.api.get(f"/v1/lake/repairs/{repair['id']}?limit=200").json()


def once(then):
    """What the vendor has, after something happened while it was asked the first time."""
    done = []

    def answer():
        if not done:
            done.append(True)
            then()
        return WHOLE

    return answer


def test_while_one_asks_the_other_ends_as_being_repaired_already(owner, holed, ranged, repaired, work):
    holed(3, 11)
    first, _ = repaired(owner, run=False)
    second = {}
    ranged["ranged"] = once(lambda: second.update(repaired(owner, run=False)[0]) or runner.wake())
    work()
    assert asked() == [(3, 4), (11, 12)]
    one, other = told(owner, first), told(owner, second)
    assert [item["outcome"] for item in one["items"]] == ["repaired", "repaired"]
    assert [(item["outcome"], item["code"]) for item in other["items"]] == [("left", "REPAIR_UNDER_WAY")] * 2
    assert other["items"][0]["reason"] == f"already being repaired by {first['id']}"
    assert (other["repair"]["state"], other["repair"]["found"]["held"]) == ("finished", 2)
    assert LakeEntry.of(owner.tenant.id).get().rows == 20
    assert repaired(owner)[1] == []


def test_what_nobody_else_has_the_other_repairs_itself(owner, holed, ranged, repaired, work):
    holed(3, 5, 7)
    repaired(owner, run=False, **{"from": "2024-10-11", "to": "2024-10-13"})
    second = {}
    ranged["ranged"] = once(lambda: second.update(repaired(owner, run=False)[0]) or runner.wake())
    work()
    assert sorted(asked()) == [(3, 4), (5, 6), (7, 8)]
    outcomes = [(item["outcome"], item["start"][:10]) for item in told(owner, second)["items"]]
    assert outcomes == [("repaired", "2024-10-10"), ("left", "2024-10-12"), ("repaired", "2024-10-14")]


def test_what_was_settled_while_one_looked_is_taken_over(owner, holed, ranged, repaired, work, monkeypatch):
    holed(3)
    ranged["ranged"] = WHOLE
    truly, first = planning.plan, {}

    def meanwhile(*given):
        made = truly(*given)
        if not first:
            first.update(repaired(owner, run=False)[0])
            runner.wake()
        return made

    monkeypatch.setattr(planning, "plan", meanwhile)
    second, (item,) = repaired(owner)
    assert asked() == [(3, 4)]
    assert (item["outcome"], item["filled"]) == ("repaired", 0)
    assert item["reason"].startswith(f"{first['id']} came to it at the same time")
    assert second["state"] == "finished"


def test_of_two_that_write_down_at_the_same_moment_one_sees_the_other(owner, holed, ranged, repaired, monkeypatch):
    """Both have looked before either writes; each in a process of its own, as far as the database can tell."""
    holed(3)
    ranged["ranged"] = WHOLE
    truly, barrier = planning.plan, threading.Barrier(2)

    def together(*given):
        made = truly(*given)
        barrier.wait(60)
        return made

    monkeypatch.setattr(planning, "plan", together)
    runs = [repaired(owner, run=False)[0] for _ in range(2)]

    def one():
        try:
            runner.wake(most=1)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert asked() == [(3, 4)]
    outcomes = sorted(told(owner, run)["items"][0]["outcome"] for run in runs)
    assert outcomes in (["left", "repaired"], ["repaired", "repaired"])
    assert Job.of(owner.tenant.id).filter(state="succeeded").count() == 2


def test_a_plan_holds_nothing_and_nothing_is_held_from_it(owner, holed, ranged, repaired, work):
    holed(3)
    first, _ = repaired(owner, run=False)
    plan = {}
    ranged["ranged"] = once(lambda: plan.update(repaired(owner, run=False, plan=True)[0]) or runner.wake())
    work()
    assert [item["outcome"] for item in told(owner, plan)["items"]] == ["planned"]
    assert [item["outcome"] for item in told(owner, first)["items"]] == ["repaired"]


def other_run(person, **facts):
    """Another repair that has written down the same day."""
    run = RepairRun.everyone.create(tenant=person.tenant, selection={}, detected_at=db.now(), **facts)
    start, end = (MONDAY + 3) * DAY, (MONDAY + 4) * DAY
    kept = {"table": "crypto_bars_1d", "instrument": "X:A", "kind": "MISSING", "start_ns": start, "end_ns": end}
    RepairItem.objects.create(run=run, number=1, missing=1, gaps=[[start, end, 1, "MISSING"]], **kept)
    return run


def test_who_has_no_living_job_holds_nothing(owner, holed, ranged, repaired):
    holed(3)
    other_run(owner)
    ranged["ranged"] = WHOLE
    assert repaired(owner)[1][0]["outcome"] == "repaired"


def test_another_workspace_holds_nothing(owner, stranger, holed, ranged, repaired):
    holed(3)
    theirs, _ = repaired(stranger, run=False)
    other_run(stranger, job=Job.everyone.get(subject=theirs["id"]))
    ranged["ranged"] = WHOLE
    assert repaired(owner)[1][0]["outcome"] == "repaired"


def test_a_retried_repair_gives_way_to_one_that_has_its_range_by_now(owner, holed, ranged, repaired, work):
    holed(3)
    ranged["ranged"] = errors.NotEntitled("no")
    first, (item,) = repaired(owner)
    assert item["outcome"] == "failed"
    Job.everyone.filter(subject=first["id"]).update(state="failed")
    second, _ = repaired(owner, run=False)
    vendor.CALLS.clear()

    def retry():
        assert owner.api.post(f"/v1/jobs/{first['jobId']}:retry", {}, format="json").status_code == 202

    ranged["ranged"] = once(retry)
    work()
    assert asked() == [(3, 4)]
    (item,) = told(owner, first)["items"]
    assert (item["outcome"], item["reason"]) == ("left", f"already being repaired by {second['id']}")
    assert told(owner, second)["items"][0]["outcome"] == "repaired"
