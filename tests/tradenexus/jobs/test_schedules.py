import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from tradenexus.jobs import leases, runner, schedules
from tradenexus.jobs.models import Job, Schedule

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hourly(monkeypatch):
    monkeypatch.setattr(schedules, "_PERIODIC", {})
    schedules.every(3_600, "test.plain")


def test_a_new_schedule_is_due_at_once_and_then_after_its_period(hourly):
    assert [schedules.fire(), schedules.fire()] == [["test.plain"], []]
    runner.wake()
    assert Job.everyone.get().state == "succeeded"
    assert Job.everyone.get().tenant_id is None


def test_four_workers_fire_once(hourly):
    fired, barrier = [], threading.Barrier(4)

    def one():
        barrier.wait()
        fired.extend(schedules.fire())
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert fired == ["test.plain"]
    assert Job.everyone.count() == 1


def test_after_four_days_off_it_runs_once(hourly):
    schedules.fire()
    runner.wake()
    Schedule.objects.update(next_at=leases.clock(-4 * 86_400))
    assert [schedules.fire(), schedules.fire()] == [["test.plain"], []]


def test_a_run_that_still_waits_is_not_doubled(hourly):
    schedules.fire()
    Schedule.objects.update(next_at=leases.clock(-1))
    schedules.fire()
    assert Job.everyone.count() == 1


def test_the_next_time_lies_on_the_grid_and_in_the_future():
    due = datetime(2026, 1, 1, tzinfo=UTC)
    assert schedules.following(due, due, 3_600) == due + timedelta(hours=1)
    assert schedules.following(due, due + timedelta(hours=5, minutes=1), 3_600) == due + timedelta(hours=6)


def test_no_tenant_sees_the_platforms_jobs(hourly, owner):
    schedules.fire()
    assert owner.api.get("/v1/jobs").json()["items"] == []
