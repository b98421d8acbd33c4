"""What is looked for again by itself, and two workers at once."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from lona import reconcile
from lona.models import Backtest, Publication
from tests.lona import versions
from tests.lona.bars import times
from tests.lona.worker import work
from tradenexus import db
from tradenexus.jobs import queue, runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def post(person, version, **body):
    return person.api.post(f"/v1/datasets/{version.dataset.ref}/publish/lona", body, format="json").json()


def test_what_was_lost_is_taken_up_once_its_job_has_ended(owner, provider, make_bars):
    version = make_bars(owner, times(20))
    post(owner, version)
    assert reconcile.take_up_lost("sweep-1") == 0
    work()
    Publication.everyone.update(state="unknown")
    versions.place(version, "publishing_lona")
    with db.atomic():
        queue.submit(None, "lona.look_again")
    work()
    version.refresh_from_db()
    assert Publication.of(owner.tenant.id).get().state == "published"
    assert version.status == "published_lona"
    assert Job.of(owner.tenant.id).count() == 2


def in_threads(count):
    faults = []

    def worker():
        try:
            work(attempts=300, pause_s=0.2)
        except AssertionError as fault:
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=worker) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def test_two_workers_publish_each_slice_once(owner, provider, make_bars, settings):
    settings.NEXUS_HEAVY_JOBS = 2
    made = [make_bars(owner, times(20 + number), symbols=("AAA", "BBB")) for number in range(2)]
    for version in made:
        post(owner, version, slice={"symbols": ["AAA"]})
        post(owner, version, slice={"symbols": ["BBB"]})
        post(owner, version)
    assert in_threads(2) == []
    work()
    rows = Publication.of(owner.tenant.id)
    assert sorted(rows.values_list("state", flat=True)) == ["published"] * 4
    there = [row for row in provider.sandbox.state()["symbols"] if row["owner"] == provider.agent.id]
    assert len(there) == len({row["name"] for row in there}) == len({row.symbol_name for row in rows})


def test_two_workers_run_two_backtests_of_one_version_with_one_publication(owner, provider, make_bars):
    version = make_bars(owner, times(1440))
    made = owner.api.post("/v1/strategies", {"description": "buy_and_hold for ever"}, format="json").json()
    body = {"startDate": "2019-10-11", "endDate": "2019-10-11", "datasetIds": [version.dataset.ref]}
    for _ in range(2):
        path = f"/v1/strategies/{made['strategy']['id']}/backtests"
        assert owner.api.post(path, body, format="json").status_code == 202
    assert in_threads(2) == []
    work()
    assert list(Backtest.of(owner.tenant.id).values_list("status", flat=True)) == ["completed"] * 2
    assert Publication.of(owner.tenant.id).count() == 1


def test_a_cancel_while_the_report_is_awaited_ends_the_backtest(owner, provider, make_bars, monkeypatch, settings):
    from lona.client import Client

    provider.sandbox.knobs(executing_seconds=60)
    settings.NEXUS_JOB_HEARTBEAT_S = 1
    version = make_bars(owner, times(1440))
    made = owner.api.post("/v1/strategies", {"description": "buy_and_hold for ever"}, format="json").json()
    body = {"startDate": "2019-10-11", "endDate": "2019-10-11", "datasetIds": [version.dataset.ref]}
    owner.api.post(f"/v1/strategies/{made['strategy']['id']}/backtests", body, format="json")
    asked = Client.report_status

    def cancelled(self, report_id):
        queue.cancel(owner.actor, Job.of(owner.tenant.id).get())
        return asked(self, report_id)

    monkeypatch.setattr(Client, "report_status", cancelled)
    runner.wake()
    row = Backtest.of(owner.tenant.id).get()
    assert (row.status, row.error["code"]) == ("cancelled", "JOB_CANCELLED")
    assert "cannot be told to stop" in row.error["details"]["note"]
    assert Job.of(owner.tenant.id).get().state == "cancelled"


def test_the_datasets_lineage_reaches_the_report_and_search_finds_it(owner, stranger, provider, make_bars):
    version = make_bars(owner, times(1440))
    made = owner.api.post("/v1/strategies", {"description": "buy_and_hold for ever"}, format="json").json()
    body = {"startDate": "2019-10-11", "endDate": "2019-10-11", "datasetIds": [version.dataset.ref]}
    owner.api.post(f"/v1/strategies/{made['strategy']['id']}/backtests", body, format="json")
    work()
    row = Backtest.of(owner.tenant.id).get()
    told = owner.api.get(f"/v1/datasets/{version.dataset.ref}/lineage").json()
    assert {version.ref, row.ref, f"report:{row.report_id}"} <= {node["id"] for node in told["nodes"]}
    for text in (row.ref, row.report_id, made["strategy"]["id"], "XRPETH"):
        assert owner.api.get("/v1/search", {"q": text}).json()["items"], text
        assert stranger.api.get("/v1/search", {"q": text}).json()["items"] == []
    assert owner.api.get("/v1/overview").json()["backtests"]["byStatus"] == {"completed": 1}
