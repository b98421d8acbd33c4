"""Following jobs: the page first, then the end, and how it ended as an exit code."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.kit.terminal import HEARING


@pytest.fixture
def dataset(platform):
    return platform.dataset("btc", status="validated")


def test_wait_prints_the_page_first(platform, nexus, dataset):
    ran = nexus("transform", "candles", "btc", "--frequency", "1m", "--wait")
    assert ran.code == 0
    assert ran.err.splitlines()[0].startswith(f"Web: {platform.url}/jobs/job_")


def test_without_wait_the_job_is_named_and_not_waited_for(platform, nexus, dataset):
    ran = nexus("transform", "candles", "btc", "--frequency", "1m", "--json")
    assert ran.json["job"]["state"] == "queued"
    assert not any("/v1/jobs/" in path for _, path, _ in platform.seen)


def test_timeout_is_still_pending_and_the_job_goes_on(platform, nexus, dataset):
    platform.job_states = ["running"] * 10_000
    ran = nexus("validate", "btc", "--wait", "--timeout", "0.5")
    assert ran.code == 8
    assert "nexus job watch job_" in ran.err
    assert not any(path.endswith(":cancel") for _, path, _ in platform.seen)


@pytest.mark.parametrize("state", ["failed", "cancelled", "stalled"])
def test_a_job_that_does_not_succeed_is_a_failure_that_points_to_its_log(platform, nexus, dataset, state):
    platform.job_states = [state]
    ran = nexus("transform", "candles", "btc", "--frequency", "1m", "--wait")
    assert ran.code == 1
    assert "nexus job logs job_" in ran.err


def test_red_data_is_a_gate(platform, nexus, dataset):
    platform.grade = "RED"
    ran = nexus("validate", "btc", "--wait")
    assert ran.code == 7
    assert "price" in ran.err


def test_a_server_that_restarts_while_we_wait_is_waited_for(platform, nexus, dataset):
    platform.fail("GET /v1/jobs/", 502, times=5)
    assert nexus("validate", "btc", "--wait").code == 0


def test_watch_says_how_it_ended_and_exit_status_tells_it(platform, nexus):
    platform.job_states = ["running", "failed"]
    assert nexus("job", "watch", platform.job("x")["id"]).code == 0
    assert nexus("job", "watch", platform.job("x")["id"], "--exit-status").code == 1


def test_ctrl_c_stops_watching_and_not_the_job(platform):
    platform.job_states = ["running"] * 10_000
    job = platform.job("dataset.validate")
    command = [sys.executable, "-m", "tradenexus.cli", "job", "watch", job["id"]]
    child = subprocess.Popen(command, env=os.environ, **HEARING)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and job["state"] != "running":
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert f"nexus job watch {job['id']}" in err
    assert job["state"] == "running"


def test_logs_are_printed_from_a_line_on_and_errors_alone(platform, nexus):
    job = platform.job("x", state="succeeded")
    assert [item["n"] for item in nexus("job", "logs", job["id"], "--json").json] == [1, 2, 3]
    assert [item["n"] for item in nexus("job", "logs", job["id"], "--since", "2", "--json").json] == [3]
    assert [item["n"] for item in nexus("job", "logs", job["id"], "--failed", "--json").json] == [2]


def test_logs_are_followed_to_the_end_and_each_line_comes_once(platform, nexus):
    job = platform.job("x", steps=["running", "running", "succeeded"])
    assert nexus("job", "logs", "-f", job["id"]).out.count("line 1") == 1
