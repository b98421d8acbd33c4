"""What the provider does wrong, seen from outside: whole installation, real worker, everything over HTTP."""

from __future__ import annotations

import itertools
import time

import pytest

from tests.kit.installation import Installation

NUMBERS = itertools.count(1)
DAY = {"startDate": "2023-11-14", "endDate": "2023-11-15"}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Installation(tmp_path_factory.mktemp("faults")) as installation:
        yield installation


@pytest.fixture
def here(running):
    yield running
    running.sandbox.client.delete("/_sandbox/faults")


@pytest.fixture
def dataset(here):
    """A new dataset of 60 one-minute bars, `ready`; no two have the same prices."""
    first = 100 + next(NUMBERS)
    rows = (
        f"{1_700_000_040 + 60 * n},{first + n},{first + n + 2},{first + n - 1},{first + n + 1},5" for n in range(60)
    )
    content = "\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n"
    return here.uploaded(content.encode(), symbol="XRPETH", venue="TEST", timezone="UTC")


@pytest.fixture
def strategy(here):
    words = "buy_and_hold: buy the first bar and keep it"
    answer = here.client.post("/v1/strategies", json={"description": words, "name": f"hold {next(NUMBERS)}"})
    assert answer.status_code == 201, answer.text
    return answer.json()["strategy"]["id"]


def sent(here, publication):
    """Return the ids of the provider's symbols of the publication's name."""
    symbols = here.sandbox.state()["symbols"]
    return [symbol["id"] for symbol in symbols if symbol["name"] == publication["name"]]


def published_once(here, dataset, publication, job):
    """The publication has come to its end: published, with the one symbol that the provider has of it."""
    assert job["state"] == "succeeded", job
    row = here.get(f"/v1/publications/{publication}")["publication"]
    assert row["state"] == "published"
    assert sent(here, row) == [row["lonaSymbolId"]]
    assert here.get(f"/v1/datasets/{dataset}")["dataset"]["status"] == "published_lona"
    return row


@pytest.mark.parametrize("kind", ["drop_after_commit", "status_500_after_commit", "drop_before", "status_500"])
def test_an_answer_that_is_lost_ends_published_with_one_symbol(here, dataset, kind):
    here.sandbox.fault("POST /symbols", kind)
    told = here.done("POST", f"/v1/datasets/{dataset}/publish/lona", json={})
    published_once(here, dataset, told["publication"]["id"], told["job"])
    assert here.sandbox.state()["faults"] == [], "the fault has struck"


def test_a_worker_killed_while_the_answer_is_late_does_not_send_twice(here, dataset):
    here.sandbox.fault("POST /symbols", "delay", seconds=3)
    before = here.sandbox.state()["requests"].get("POST /symbols", 0)
    told = here.start("POST", f"/v1/datasets/{dataset}/publish/lona", json={})
    until = time.monotonic() + 30
    while here.sandbox.state()["faults"]:
        assert time.monotonic() < until, "the slice was not sent"
        time.sleep(0.05)
    here.kill_worker(len(here.workers) - 1)
    here.worker()
    published_once(here, dataset, told["publication"]["id"], here.ended(told["job"]["id"], 90))
    assert here.sandbox.state()["requests"].get("POST /symbols", 0) <= before + 1


def test_a_publish_waits_for_a_provider_that_is_away(here, dataset):
    here.sandbox.kill()
    refused = here.client.get("/v1/lona/symbols")
    assert (refused.status_code, refused.json()["error"]["code"]) == (502, "LONA_UNAVAILABLE")
    told = here.start("POST", f"/v1/datasets/{dataset}/publish/lona", json={})
    until = time.monotonic() + 30
    while not (job := here.get(f"/v1/jobs/{told['job']['id']}")["job"])["error"]:
        assert time.monotonic() < until, job
        time.sleep(0.1)
    assert (job["state"], here.get(f"/v1/datasets/{dataset}")["dataset"]["status"]) == ("queued", "publishing_lona")
    assert "LONA_UNAVAILABLE" in job["error"]["message"]
    here.restart_provider()
    published_once(here, dataset, told["publication"]["id"], here.ended(told["job"]["id"], 120))


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        ("code", "BACKTEST_CODE_ERROR"),
        ("data", "BACKTEST_DATA_NOT_FOUND"),
        ("execution", "BACKTEST_EXECUTION_ERROR"),
        ("timeout", "BACKTEST_TIMEOUT"),
    ],
)
def test_a_failed_report_fails_the_backtest_by_its_class(here, dataset, strategy, failure, code):
    here.sandbox.fault("POST /runner/run", "fail_report", failure=failure)
    told = here.done("POST", f"/v1/strategies/{strategy}/backtests", json={**DAY, "datasetIds": [dataset]})
    row = here.get(f"/v1/backtests/{told['backtest']['id']}")["backtest"]
    assert (row["status"], row["error"]["code"]) == ("failed", code)
    assert (told["job"]["state"], told["job"]["error"]["code"]) == ("failed", code)
    assert row["provenance"]["reportId"], "the report is kept to be looked at"


def test_a_backtest_publishes_what_it_needs_through_a_lost_answer(here, dataset, strategy):
    here.sandbox.fault("POST /symbols", "drop_after_commit")
    told = here.done("POST", f"/v1/strategies/{strategy}/backtests", json={**DAY, "datasetIds": [dataset]})
    row = here.get(f"/v1/backtests/{told['backtest']['id']}")["backtest"]
    assert (row["status"], told["job"]["state"]) == ("completed", "succeeded")
    publication = here.get("/v1/publications")["items"][0]
    assert publication["mode"] == "just_in_time"
    assert row["provenance"]["lonaSymbolIds"] == sent(here, publication) == [publication["lonaSymbolId"]]


def test_a_run_whose_answer_is_lost_is_not_started_twice(here, dataset, strategy):
    reports = len(here.sandbox.state()["reports"])
    here.sandbox.fault("POST /runner/run", "drop_after_commit")
    told = here.done("POST", f"/v1/strategies/{strategy}/backtests", json={**DAY, "datasetIds": [dataset]})
    row = here.get(f"/v1/backtests/{told['backtest']['id']}")["backtest"]
    assert (row["status"], row["error"]["code"]) == ("failed", "BACKTEST_OUTCOME_UNKNOWN")
    assert len(here.sandbox.state()["reports"]) == reports + 1
