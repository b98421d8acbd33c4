"""The thread that beats: kept over short runs, ended with a run that needed it."""

import threading

import pytest

from tests.tradenexus.jobs.conftest import fresh, until
from tradenexus.jobs import heartbeat, registry, runner, states
from tradenexus.jobs.run import Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tick(monkeypatch):
    """Beat often."""
    monkeypatch.setattr(heartbeat, "TICK_S", 0.05)


def beating() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def held(job) -> Run:
    return Run(job, registry.find(job.kind))


def test_short_runs_share_a_thread_that_touches_no_database(submit):
    for _ in range(5):
        submit("test.plain")
    before = set(beating())
    seen = set()
    while job := states.claim("here:1:1"):
        with runner.Heartbeat(held(job)):
            seen |= set(beating()) - before
        assert states.succeed_alone(job, {}, states.Tail())
    assert len(seen) <= 1  # none when an earlier run of this thread left one


def test_each_run_of_a_shared_thread_is_beaten_for(tick, submit):
    for number in range(3):
        submit("test.plain")
        job = states.claim("here:1:1")
        run = held(job)
        with runner.Heartbeat(run):
            if number != 1:  # one of them is over before its first tick
                run.log(f"line {number}")
                until(lambda: fresh(job).log_n == 1)  # noqa: B023 - asked at once
        assert states.succeed_alone(job, {}, run.take_tail())


def test_a_thread_that_opened_a_connection_ends_with_its_run(tick, claimed):
    run = held(claimed())
    with runner.Heartbeat(run) as beat:
        run.log("x")
        until(lambda: fresh(run.job).log_n == 1)
    assert not beat._pulse._thread.is_alive()


def test_a_thread_that_nobody_needs_for_a_while_ends_and_the_next_run_makes_another(monkeypatch, claimed):
    monkeypatch.setattr(heartbeat, "REST_S", 0.05)
    run = held(claimed())
    with runner.Heartbeat(run) as first:
        pass
    until(lambda: first._pulse.is_over)
    with runner.Heartbeat(run) as second:
        assert not second._pulse.is_over


def test_a_lost_lease_is_noticed_and_beaten_for_no_more(tick, claimed):
    run = held(claimed())
    run.token += 1
    with runner.Heartbeat(run):
        until(lambda: run.lost)
