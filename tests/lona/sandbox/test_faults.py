"""Faults on demand: what the client sees, and what the provider has stored."""

from __future__ import annotations

import httpx
import pytest

from lona.sandbox.faults import FaultRefused, parse
from tests.lona.sandbox.process import csv_of

TEN = csv_of([float(price) for price in range(10, 20)])


def total(agent):
    return agent.get("/symbols").json()["data"]["total"]


def test_drop_before_closes_the_connection_and_does_nothing(sandbox, agent):
    sandbox.fault("POST /symbols", "drop_before")
    with pytest.raises(httpx.TransportError):
        agent.upload("LOST", TEN)
    assert total(agent) == 0
    agent.symbol("LOST", TEN)


def test_drop_after_commit_closes_the_connection_with_the_symbol_stored(sandbox, agent):
    sandbox.fault("POST /symbols", "drop_after_commit")
    with pytest.raises(httpx.TransportError):
        agent.upload("STORED", TEN)
    assert total(agent) == 1
    assert agent.upload("STORED", TEN).status_code == 409


def test_status_500_does_nothing(sandbox, agent):
    sandbox.fault("POST /symbols", "status_500")
    assert agent.upload("FIVE", TEN).status_code == 500
    assert total(agent) == 0


def test_status_500_after_commit_has_the_symbol_stored(sandbox, agent):
    sandbox.fault("POST /symbols", "status_500_after_commit")
    answer = agent.upload("FIVE", TEN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert total(agent) == 1


def test_double_stores_two_and_answers_the_first(sandbox, agent):
    sandbox.fault("POST /symbols", "double")
    symbol_id = agent.symbol("DOUBLE", TEN)
    items = agent.get("/symbols").json()["data"]["items"]
    assert [item["name"] for item in items] == ["DOUBLE", "DOUBLE"]
    assert items[0]["id"] == symbol_id
    contents = [agent.get(f"/symbols/{item['id']}/data").content for item in items]
    assert contents[0] == contents[1]


def test_delay_answers_late_and_as_usual(sandbox, agent):
    sandbox.fault("GET /symbols", "delay", seconds=0.4)
    with pytest.raises(httpx.ReadTimeout):
        agent.get("/symbols", timeout=0.1)
    sandbox.fault("GET /symbols", "delay", seconds=0.01)
    assert total(agent) == 0


@pytest.mark.parametrize(
    ("failure", "error"),
    [("timeout", "Timeout"), ("data", "Data "), ("code", "NameError"), ("execution", "Execution error")],
)
def test_fail_report_fails_by_its_class(sandbox, agent, failure, error):
    sandbox.fault("POST /runner/run", "fail_report", failure=failure)
    strategy_id, symbol_id = agent.strategy(), agent.symbol("FAILS", TEN)
    report = agent.finished(agent.run(strategy_id, symbol_id))
    assert report["status"] == "FAILED"
    assert report["error"].startswith(error)
    assert agent.finished(agent.run(strategy_id, symbol_id))["status"] == "COMPLETED"


def test_a_fault_lasts_for_its_times_and_its_match(sandbox, agent):
    sandbox.fault("* /symbols/*", "status_500", times=2)
    statuses = [agent.get(path).status_code for path in ("/symbols", "/symbols/x", "/symbols/x", "/symbols/x")]
    assert statuses == [200, 500, 500, 404]
    assert sandbox.state()["faults"] == []


def test_a_dropped_run_exists_at_the_provider(sandbox, agent):
    strategy_id, symbol_id = agent.strategy(), agent.symbol("RUN", TEN)
    sandbox.fault("POST /runner/run", "drop_after_commit")
    with pytest.raises(httpx.TransportError):
        agent.run(strategy_id, symbol_id)
    assert [report["owner"] for report in sandbox.state()["reports"]].count(agent.id) == 1


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"match": "POST /symbols", "kind": "explode"},
        {"match": "symbols", "kind": "delay"},
        {"match": "POST /symbols", "kind": "delay", "times": 0},
        {"match": "POST /symbols", "kind": "delay", "seconds": -1},
        {"match": "POST /symbols", "kind": "delay", "seconds": "1"},
        {"match": "POST /symbols", "kind": "fail_report", "failure": "mood"},
        {"match": "POST /symbols", "kind": "delay", "more": 1},
        {"match": "POST /symbols"},
        {"match": "POST /symbols", "kind": ["delay"]},
    ],
)
def test_a_fault_that_is_none_is_refused(given):
    with pytest.raises(FaultRefused):
        parse(given)
