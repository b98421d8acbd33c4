"""Runs and their reports over HTTP, from the request to the figures."""

from __future__ import annotations

import pytest

from tests.lona.sandbox.process import csv_of

CLOSES = [100.0, 110.0, 99.0, 120.0, 132.0, 118.8, 125.0, 130.0, 128.0, 140.0]
TERMS = {"initial_cash": 1000, "commission_schema": {"commission": 0, "leverage": 1}, "buy_on_close": True}


@pytest.fixture
def symbol_id(agent):
    return agent.symbol("RUN", csv_of(CLOSES))


def test_a_run_reports_what_the_simulation_found(agent, symbol_id):
    report = agent.finished(agent.run(agent.strategy(), symbol_id, simulation_parameters=TERMS))
    assert report["status"] == "COMPLETED"
    assert report["total_stats"]["total_return"] == pytest.approx(0.4)
    assert report["total_stats"]["max_drawdown"] == pytest.approx(99 / 110 - 1)
    assert (report["total_stats"]["total_trades"], report["total_stats"]["win_rate"]) == (1, 1.0)
    assert report["total_stats"]["sharpe_ratio"] > 0
    assert [point["equity"] for point in report["backtest_timeline"]] == pytest.approx([close * 10 for close in CLOSES])
    assert report["backtest_timeline"][2] == {
        "date": "2024-01-03T00:00:00Z",
        "equity": pytest.approx(990.0),
        "drawdown": pytest.approx(-0.1),
    }
    assert report["parameters"] == [{"name": "strategy", "value": "buy_and_hold"}]
    assert report["trades"][0]["entry_price"] == 100.0
    assert (report["error"], report["traceback"]) == (None, None)


def test_every_report_says_that_it_is_of_the_sandbox(agent, symbol_id):
    report_id = agent.run(agent.strategy(), symbol_id)
    assert agent.get(f"/reports/{report_id}").json()["data"]["description"].startswith("Provider: Sandbox (local).")
    agent.finished(report_id)


def test_the_short_report_has_the_documented_fields(agent, symbol_id):
    report_id = agent.run(agent.strategy(), symbol_id)
    agent.finished(report_id)
    assert set(agent.get(f"/reports/{report_id}").json()["data"]) == {
        *("id", "strategy_id", "status", "name", "description", "created_at", "updated_at", "total_stats", "error")
    }


def test_a_report_moves_through_its_states_in_time(sandbox, agent, symbol_id):
    sandbox.knobs(pending_seconds=0.3, executing_seconds=0.3, processing_seconds=0.3)
    report_id, seen = agent.run(agent.strategy(), symbol_id), []
    while not seen or seen[-1]["status"] != "COMPLETED":
        status = agent.get(f"/reports/{report_id}/status").json()["data"]
        assert set(status) == {"status", "progress"}
        if not seen or seen[-1]["status"] != status["status"]:
            seen.append(status)
    assert [status["status"] for status in seen] == ["PENDING", "EXECUTING", "PROCESSING", "COMPLETED"]
    assert seen[0]["progress"] is None
    assert seen[-1]["progress"] == 1.0


def test_an_unfinished_report_has_no_figures(sandbox, agent, symbol_id):
    sandbox.knobs(pending_seconds=1.0)
    report_id = agent.run(agent.strategy(), symbol_id)
    report = agent.get(f"/reports/{report_id}/full").json()["data"]
    assert (report["total_stats"], report["backtest_timeline"], report["error"]) == (None, [], None)
    agent.finished(report_id)


def test_parameters_of_the_run_are_used_and_reported(agent, symbol_id):
    given = [{"name": "fast", "value": 1}, {"name": "slow", "value": 2}]
    report = agent.finished(agent.run(agent.strategy("sma_cross of two averages"), symbol_id, parameters=given))
    assert report["parameters"][1:] == given
    assert report["total_stats"]["total_trades"] > 1


def test_dates_cut_the_bars_with_the_whole_end_date(sandbox, agent, symbol_id):
    dates = {"start_date": "2024-01-02", "end_date": "2024-01-05"}
    strategy_id = agent.strategy()
    report = agent.finished(agent.run(strategy_id, symbol_id, simulation_parameters=TERMS, **dates))
    assert [point["date"][:10] for point in report["backtest_timeline"]] == [f"2024-01-0{day}" for day in range(2, 6)]
    sandbox.knobs(end_date_inclusive=False)
    report = agent.finished(agent.run(strategy_id, symbol_id, simulation_parameters=TERMS, **dates))
    assert report["backtest_timeline"][-1]["date"] == "2024-01-04T00:00:00Z"


def test_two_symbols_share_the_cash_equally(agent, symbol_id):
    flat = agent.symbol("FLAT", csv_of([50.0] * 10))
    report = agent.finished(agent.run(agent.strategy(), symbol_id, flat, simulation_parameters=TERMS))
    assert report["total_stats"]["total_return"] == pytest.approx(0.2)
    assert {trade["data_id"] for trade in report["trades"]} == {symbol_id, flat}


def test_a_range_without_bars_is_an_execution_error(agent, symbol_id):
    dates = {"start_date": "1999-01-01", "end_date": "1999-12-31"}
    report = agent.finished(agent.run(agent.strategy(), symbol_id, **dates))
    assert report["status"] == "FAILED"
    assert report["error"].startswith("Execution error: no bars of RUN")
    assert report["traceback"] is None


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("print('not one of ours')", "CodeError: Sandbox (local) does not"),
    ],
)
def test_code_that_cannot_run_is_a_code_error_with_its_traceback(agent, symbol_id, code, error):
    strategy_id = agent.post("/strategies", {"name": f"Broken {error}", "code": code}).json()["data"]["id"]
    report = agent.finished(agent.run(strategy_id, symbol_id))
    assert report["status"] == "FAILED"
    assert report["error"].startswith(error)
    assert report["traceback"].startswith("Traceback")


def test_a_run_over_its_time_is_a_timeout(sandbox, agent, symbol_id):
    sandbox.knobs(run_timeout_seconds=0.01)
    report = agent.finished(agent.run(agent.strategy(), symbol_id))
    assert (report["status"], report["error"][:8]) == ("FAILED", "Timeout:")


def test_a_run_over_its_memory_fails_and_the_sandbox_lives(sandbox, agent, symbol_id):
    sandbox.knobs(run_memory_bytes=20_000_000)
    report = agent.finished(agent.run(agent.strategy(), symbol_id))
    assert report["error"].startswith("Execution error: the run's process ended")
    sandbox.knobs(run_memory_bytes=2**31)
    assert agent.finished(agent.run(agent.strategy(), symbol_id))["status"] == "COMPLETED"


def test_a_symbol_deleted_before_the_run_is_data_not_found(sandbox, agent, symbol_id):
    sandbox.knobs(pending_seconds=0.5)
    report_id = agent.run(agent.strategy(), symbol_id)
    agent.call("DELETE", f"/symbols/{symbol_id}")
    assert agent.finished(report_id)["error"] == f"Data {symbol_id} not found"


def body_of(agent, symbol_id, **changes):
    body = {
        "strategy_id": agent.strategy(),
        "data_ids": [symbol_id],
        "start_date": "2024-01-01",
        "end_date": "2024-02-01",
    }
    return {**body, **changes}


def test_unknown_and_foreign_data_is_404_by_name(agent, other_agent, symbol_id):
    answer = other_agent.post("/runner/run", body_of(other_agent, symbol_id))
    assert (answer.status_code, answer.json()) == (404, {"detail": f"Data {symbol_id} not found"})
    answer = agent.post("/runner/run", body_of(agent, symbol_id, strategy_id="nobody"))
    assert answer.json() == {"detail": "Strategy nobody not found"}


@pytest.mark.parametrize(
    "change",
    [
        {"data_ids": []},
        {"data_ids": "x"},
        {"data_ids": ["a", "a"]},
        {"data_ids": ["\ud800"]},
        {"start_date": "2024-02-02"},
        {"start_date": "01/02/2024"},
        {"end_date": "9999-12-31"},
        {"parameters": [{"value": 1}]},
        {"parameters": "fast"},
        {"simulation_parameters": [1]},
        {"simulation_parameters": {"initial_cash": 0}},
        {"simulation_parameters": {"initial_cash": "1000"}},
        {"simulation_parameters": {"buy_on_close": 1}},
        {"simulation_parameters": {"commission_schema": {"commission": -0.1}}},
        {"simulation_parameters": {"commission_schema": {"leverage": 1000}}},
        {"simulation_parameters": {"commission_schema": "free"}},
    ],
)
def test_a_run_that_does_not_fit_is_refused(agent, symbol_id, change):
    assert agent.post("/runner/run", body_of(agent, symbol_id, **change)).status_code == 422


def test_reports_are_private_to_their_agent(agent, other_agent, symbol_id):
    report_id = agent.run(agent.strategy(), symbol_id)
    for path in ("", "/status", "/full"):
        assert other_agent.get(f"/reports/{report_id}{path}").json() == {"detail": "Not found"}
    agent.finished(report_id)
