"""Backtests against the sandbox as the provider."""

from __future__ import annotations

import itertools

import pytest

from lona.models import Backtest, Publication
from tests.lona import versions
from tests.lona.bars import DAY, MINUTE, START, times
from tests.lona.worker import work
from tradenexus.jobs import queue, runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
DAY_ONE = {"startDate": "2019-10-11", "endDate": "2019-10-11"}


def strategy(person, description="sma_cross with fast 3 and slow 9"):
    answer = person.api.post("/v1/strategies", {"description": description, "name": "cross"}, format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()["strategy"]["id"]


def submit(person, *refs, strategy_id=None, expect=202, **body):
    asked = {**DAY_ONE, **({"datasetIds": list(refs)} if refs else {}), **body}
    path = f"/v1/strategies/{strategy_id or strategy(person)}/backtests"
    answer = person.api.post(path, asked, format="json")
    assert answer.status_code == expect, answer.content
    return answer.json()


def read(person, asked):
    return person.api.get(f"/v1/backtests/{asked['backtest']['id']}").json()["backtest"]


def reports(provider):
    return [row for row in provider.sandbox.state()["reports"] if row["owner"] == provider.agent.id]


def test_a_backtest_publishes_just_in_time_and_keeps_what_came_of_it(owner, provider, make_bars):
    version = make_bars(owner, times(2 * 1440), dataset=None)
    asked = submit(owner, f"{version.dataset.ref}@1")
    assert asked["backtest"]["status"] == "queued"
    work()
    done = read(owner, asked)
    assert (done["status"], done["error"], done["provider"]) == ("completed", None, "Sandbox (local)")
    assert set(done["metrics"]) == {"sharpeRatio", "maxDrawdownPct", "winRatePct", "totalReturnPct", "totalTrades"}
    assert done["metrics"]["maxDrawdownPct"] >= 0
    assert done["equity"][0]["date"].startswith("2019-10-11")
    row = Publication.of(owner.tenant.id).get()
    assert (row.mode, row.rows, row.state) == ("just_in_time", 1440, "published")
    told = done["provenance"]
    assert told["datasets"][0]["ref"] == f"{version.dataset.ref}@1"
    assert told["datasets"][0]["sha256"] == version.sha256
    assert told["lonaSymbolIds"] == [row.lona_symbol_id]
    assert told["reportId"] == reports(provider)[0]["id"]
    assert told["coverage"][0]["rows"] == 1440
    version.refresh_from_db()
    assert version.status == "published_lona"


def test_what_is_published_already_is_used_as_it_is(owner, provider, make_bars):
    version = make_bars(owner, times(2 * 1440))
    owner.api.post(f"/v1/datasets/{version.dataset.ref}/publish/lona", {}, format="json")
    work()
    asked = submit(owner, version.dataset.ref)
    work()
    assert read(owner, asked)["status"] == "completed"
    assert Publication.of(owner.tenant.id).get().mode == "explicit"


def test_lineage_goes_from_the_version_to_the_report(owner, provider, make_bars):
    version = make_bars(owner, times(1440))
    asked = submit(owner, version.dataset.ref)
    work()
    told = owner.api.get(f"/v1/backtests/{asked['backtest']['id']}/lineage").json()
    row = Publication.of(owner.tenant.id).get()
    report = read(owner, asked)["provenance"]["reportId"]
    path = [version.ref, row.ref, f"lona:{row.lona_symbol_id}", asked["backtest"]["id"], f"report:{report}"]
    edges = {(edge["from"], edge["to"]) for edge in told["edges"]}
    assert set(itertools.pairwise(path)) <= edges
    assert {node["id"] for node in told["nodes"]} >= set(path)
    assert {end for edge in edges for end in edge} <= {node["id"] for node in told["nodes"]}


def test_a_lost_answer_of_the_run_is_never_sent_again(owner, provider, make_bars):
    provider.sandbox.fault("POST /runner/run", "drop_after_commit")
    asked = submit(owner, make_bars(owner, times(1440)).dataset.ref)
    work()
    done = read(owner, asked)
    assert (done["status"], done["error"]["code"]) == ("failed", "BACKTEST_OUTCOME_UNKNOWN")
    assert len(reports(provider)) == 1
    job = Job.of(owner.tenant.id).get(kind="lona.backtest")
    with pytest.raises(Exception, match="may exist at the provider"):
        queue.retry(owner.actor, job)
    work()
    assert len(reports(provider)) == 1


def test_a_worker_killed_while_it_waits_goes_on_with_the_same_report(owner, provider, make_bars, monkeypatch):
    from lona.client import Client

    asked = submit(owner, make_bars(owner, times(1440)).dataset.ref)
    seen = Client.report_status

    def killed(self, report_id):
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "report_status", killed)
    with pytest.raises(KeyboardInterrupt):
        runner.wake()
    monkeypatch.setattr(Client, "report_status", seen)
    Job.everyone.filter(state="running").update(state="queued", lease_until=None, holder="", worker=None)
    work()
    assert read(owner, asked)["status"] == "completed"
    assert len(reports(provider)) == 1


def test_a_worker_killed_while_it_sends_does_not_send_again(owner, provider, make_bars, monkeypatch):
    from lona.client import Client

    sent = Client.run

    def killed(self, body):
        sent(self, body)
        raise KeyboardInterrupt

    asked = submit(owner, make_bars(owner, times(1440)).dataset.ref)
    monkeypatch.setattr(Client, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        runner.wake()
    monkeypatch.setattr(Client, "run", sent)
    Job.everyone.filter(state="running").update(state="queued", lease_until=None, holder="", worker=None)
    work()
    assert read(owner, asked)["error"]["code"] == "BACKTEST_OUTCOME_UNKNOWN"
    assert len(reports(provider)) == 1


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        ("timeout", "BACKTEST_TIMEOUT"),
        ("data", "BACKTEST_DATA_NOT_FOUND"),
        ("code", "BACKTEST_CODE_ERROR"),
        ("execution", "BACKTEST_EXECUTION_ERROR"),
    ],
)
def test_failures_of_a_report_are_told_apart(owner, provider, make_bars, failure, code):
    provider.sandbox.fault("POST /runner/run", "fail_report", failure=failure)
    asked = submit(owner, make_bars(owner, times(1440)).dataset.ref)
    work()
    done = read(owner, asked)
    assert (done["status"], done["error"]["code"]) == ("failed", code)
    assert done["error"]["details"]["reportId"]


def test_a_symbol_that_the_provider_lost_is_published_anew(owner, provider, make_bars):
    version = make_bars(owner, times(1440))
    owner.api.post(f"/v1/datasets/{version.dataset.ref}/publish/lona", {}, format="json")
    work()
    lost = Publication.of(owner.tenant.id).get()
    provider.agent.call("DELETE", f"/symbols/{lost.lona_symbol_id}")
    asked = submit(owner, version.dataset.ref)
    work()
    lost.refresh_from_db()
    assert read(owner, asked)["status"] == "completed"
    assert lost.state == "retired"
    assert Publication.of(owner.tenant.id).filter(state="published").count() == 1


def test_a_provider_that_is_away_while_the_job_starts_is_awaited(owner, provider, make_bars, settings):
    asked = submit(owner, make_bars(owner, times(1440)).dataset.ref)
    settings.LONA_GATEWAY_URL = "http://127.0.0.1:9"
    runner.wake()
    assert Job.of(owner.tenant.id).get().state == "queued"
    assert read(owner, asked)["status"] in ("queued", "running")
    settings.LONA_GATEWAY_URL = provider.url
    work()
    assert read(owner, asked)["status"] == "completed"


def test_cancel_while_it_waits_in_line_cancels_the_backtest(owner, provider, make_bars):
    asked = submit(owner, make_bars(owner, times(1440)).dataset.ref)
    queue.cancel(owner.actor, Job.of(owner.tenant.id).get())
    assert read(owner, asked)["status"] == "cancelled"
    work()
    assert reports(provider) == []


def test_zero_rows_block_before_anything_is_sent(owner, provider, make_bars):
    version = make_bars(owner, [*times(20), *times(20, start=START + 5 * DAY)])
    chosen = strategy(owner)
    for day in ("2018-01-01", "2019-10-13"):
        told = submit(owner, version.dataset.ref, strategy_id=chosen, expect=422, startDate=day, endDate=day)
        assert told["error"]["code"] == "BACKTEST_RANGE_EMPTY"
    assert not Backtest.of(owner.tenant.id).exists()
    assert not Publication.of(owner.tenant.id).exists()


def test_fail_fast_names_missing_days_and_partial_fill_runs(owner, provider, make_bars):
    version = make_bars(owner, [*times(30), *times(30, start=START + 2 * DAY)])
    chosen = strategy(owner)
    asked = submit(owner, version.dataset.ref, strategy_id=chosen, endDate="2019-10-13")
    work()
    done = read(owner, asked)
    assert (done["status"], done["error"]["code"]) == ("failed", "BACKTEST_DATA_MISSING")
    assert done["error"]["details"]["inputs"][0]["missing"] == ["2019-10-12"]
    assert not Publication.of(owner.tenant.id).exists()
    asked = submit(owner, version.dataset.ref, strategy_id=chosen, endDate="2019-10-13", missingData="partial_fill")
    work()
    done = read(owner, asked)
    assert done["status"] == "completed"
    assert done["provenance"]["coverage"][0]["missingDays"] == 1


@pytest.mark.parametrize("policy", ["auto_backfill", "seamless"])
def test_policies_that_need_a_vendor_say_so(owner, provider, make_bars, policy):
    told = submit(owner, make_bars(owner, times(20)).dataset.ref, expect=422, missingData=policy)
    assert told["error"]["code"] == "BACKTEST_POLICY_UNAVAILABLE"


@pytest.mark.parametrize("status", ["uploaded", "validating", "validated", "publishing_lona", "archived"])
def test_only_runnable_versions_run(owner, provider, make_bars, status):
    version = make_bars(owner, times(20))
    versions.place(version, status)
    told = submit(owner, f"{version.dataset.ref}@1", expect=409)
    assert told["error"]["code"] == "DATASET_NOT_VALIDATED"


def test_the_providers_own_symbols_can_be_named(owner, provider):
    rows = owner.api.get("/v1/lona/symbols?scope=global").json()["items"]
    if not rows:
        pytest.skip("the sandbox has no global symbols")
    start = rows[0]["dataRange"]["start"][:10]
    end = rows[0]["dataRange"]["end"][:10]
    asked = submit(owner, dataIds=[rows[0]["id"]], startDate=start, endDate=end)
    work()
    done = read(owner, asked)
    assert done["status"] == "completed", done["error"]
    assert done["provenance"]["lonaSymbolIds"] == [rows[0]["id"]]


def test_two_backtests_of_one_version_at_once_publish_once(owner, provider, make_bars):
    version = make_bars(owner, times(1440))
    chosen = strategy(owner)
    first = submit(owner, version.dataset.ref, strategy_id=chosen)
    second = submit(owner, version.dataset.ref, strategy_id=chosen)
    work()
    assert [read(owner, one)["status"] for one in (first, second)] == ["completed", "completed"]
    assert Publication.of(owner.tenant.id).count() == 1


def test_minute_bars_of_an_exchange_miss_no_weekend(owner, provider, make_bars):
    monday = START + 3 * DAY  # 2019-10-14
    ts_ns = [monday + day * DAY + 14 * 60 * MINUTE + i * MINUTE for day in (0, 1, 2, 3, 4, 7, 8) for i in range(5)]
    version = make_bars(owner, ts_ns)
    asked = submit(owner, version.dataset.ref, startDate="2019-10-14", endDate="2019-10-22")
    work()
    assert read(owner, asked)["status"] == "completed"
