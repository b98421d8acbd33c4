"""Runs survive their process; the process ends in order."""

from __future__ import annotations

from tests.lona.sandbox.process import Agent, csv_of, wait_for

TEN = csv_of([float(price) for price in range(10, 20)])


def status(agent, report_id):
    return agent.get(f"/reports/{report_id}/status").json()["data"]["status"]


def test_a_run_cut_by_kill_9_is_run_again(private_sandbox):
    sandbox = private_sandbox(EXECUTING_SECONDS="5")
    agent = Agent(sandbox, "a")
    report_id = agent.run(agent.strategy(), agent.symbol("CUT", TEN))
    wait_for(lambda: status(agent, report_id) == "EXECUTING", "the run")
    sandbox.kill()
    sandbox.start()
    sandbox.knobs(executing_seconds=0.0)
    agent.sandbox = sandbox
    assert status(agent, report_id) in ("PENDING", "EXECUTING")
    wait_for(lambda: sandbox.state()["reports"][0]["runs"] == 2, "the second run")
    assert agent.finished(report_id)["status"] == "COMPLETED"


def test_a_result_that_is_stored_is_not_computed_again_after_kill_9(private_sandbox):
    sandbox = private_sandbox(PROCESSING_SECONDS="2")
    agent = Agent(sandbox, "a")
    report_id = agent.run(agent.strategy(), agent.symbol("CUT", TEN))
    wait_for(lambda: status(agent, report_id) == "PROCESSING", "the result")
    sandbox.kill()
    sandbox.start()
    assert agent.finished(report_id)["status"] == "COMPLETED"
    assert sandbox.state()["reports"][0]["runs"] == 1


def test_a_run_that_ends_every_process_fails(private_sandbox):
    sandbox = private_sandbox(EXECUTING_SECONDS="60")
    agent = Agent(sandbox, "a")
    report_id = agent.run(agent.strategy(), agent.symbol("CUT", TEN))
    for attempt in range(1, 6):
        wait_for(lambda attempt=attempt: sandbox.state()["reports"][0]["runs"] == attempt, f"run {attempt}")
        sandbox.kill()
        sandbox.start()
    assert status(agent, report_id) == "FAILED"


def test_reports_waiting_at_a_kill_are_all_carried_to_their_end(private_sandbox):
    sandbox = private_sandbox(PENDING_SECONDS="1")
    agent = Agent(sandbox, "a")
    strategy_id, symbol_id = agent.strategy(), agent.symbol("CUT", TEN)
    report_ids = [agent.run(strategy_id, symbol_id) for _ in range(3)]
    sandbox.kill()
    sandbox.start()
    assert [agent.finished(report_id)["status"] for report_id in report_ids] == ["COMPLETED"] * 3


def test_sigterm_in_the_middle_of_a_run_ends_with_status_0_and_the_run_goes_on_later(private_sandbox):
    sandbox = private_sandbox(EXECUTING_SECONDS="30")
    agent = Agent(sandbox, "a")
    report_id = agent.run(agent.strategy(), agent.symbol("TERM", TEN))
    wait_for(lambda: status(agent, report_id) == "EXECUTING", "the run")
    assert sandbox.stop() == 0
    sandbox.start()
    sandbox.knobs(executing_seconds=0.0)
    wait_for(lambda: sandbox.state()["reports"][0]["runs"] == 2, "the second run")


def test_what_was_uploaded_is_there_after_kill_9(private_sandbox):
    sandbox = private_sandbox()
    agent = Agent(sandbox, "a")
    symbol_id = agent.symbol("KEPT", TEN)
    sandbox.kill()
    (sandbox.home / "incoming" / "half-received").write_text("timestamp,open")
    sandbox.start()
    assert len(agent.get(f"/symbols/{symbol_id}/data").json()["data"]) == 10
    assert list((sandbox.home / "incoming").iterdir()) == []
    assert agent.get("/symbols", params={"is_global": "true"}).json()["data"]["total"] == 3
