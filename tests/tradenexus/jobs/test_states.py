"""The end of a job and the claim of the next as one step: what it costs, what it writes, and who it leaves alone."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.tradenexus.jobs.conftest import expire, fresh, until
from tradenexus import actor as actors
from tradenexus import db as database
from tradenexus.audit import chain
from tradenexus.audit.models import Entry
from tradenexus.events.models import Event
from tradenexus.jobs import board, leases, processes, queue, runner, states, sweep
from tradenexus.jobs.models import Attempt, Job, LogLine

pytestmark = pytest.mark.django_db(transaction=True)

ODD = 'r"\\/\b\f\n\r\t\x01\x1f\x7f é 東京 \u2028 %s {}'


def statements(run) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        run()
    return [query["sql"] for query in seen.captured_queries]


def follow(job: Job, holder: str = "") -> tuple[bool, Job | None]:
    return states.succeed_and_claim(job, {"n": 1}, states.Tail(), holder or processes.me(), None)


def running(job: Job) -> tuple:
    row = fresh(job)
    return row.state, row.token, row.attempts, row.holder


def test_a_job_costs_one_statement_on_postgresql_and_one_transaction_on_sqlite(submit):
    for _ in range(3):
        submit("test.plain")
    few = statements(runner.wake)
    for _ in range(8):
        submit("test.plain")
    many = statements(runner.wake)
    assert Job.everyone.filter(state="succeeded").count() == 11
    begun = [sum(sql.startswith("BEGIN") for sql in each) for each in (few, many)]
    if connection.vendor == "postgresql":
        # The first claim, a step for each job, and the last look.
        assert [len(few), len(many), begun] == [3 + 2, 8 + 2, [0, 0]]
    else:
        assert (len(many) - len(few), begun) == (5 * (12 + 2), [3 + 1, 8 + 1])  # with BEGIN and COMMIT


def test_a_look_that_finds_nothing_costs_one_statement_and_no_lock(submit):
    submit("test.plain")
    runner.wake()
    assert [sql.split()[0] for sql in statements(runner.wake)] == ["SELECT"]


@pytest.mark.parametrize("request_id", ["req-1", ODD])
def test_what_the_step_tells_is_what_every_transition_tells(owner, request_id):
    actor = actors.Actor(owner.tenant.id, owner.actor.user_id, request_id)
    with database.atomic():
        first = queue.submit(actor, "test.plain", {}, subject='ds_"1')
        second = queue.submit(actor, "test.plain", {})
    held, following = follow(states.claim(processes.me()))
    assert (held, following.pk) == (True, second.pk)
    assert states.requeue(following, "", 0, "retry")
    assert chain.verify(owner.tenant.id).ok
    shown = {"kind": "test.plain", "attempt": 1}
    for job, subject, old, new in (
        (first, 'ds_"1', "queued", "running"),
        (first, 'ds_"1', "running", "succeeded"),
        (second, "", "queued", "running"),
    ):
        details = {**shown, "state": new, "subject": subject}
        entry = Entry.of(owner.tenant.id).get(subject=job.ref, old=old, new=new)
        assert (entry.via, entry.request_id, entry.user_id) == ("job", request_id, owner.actor.user_id)
        assert (entry.action, entry.reason, entry.details) == ("job.state", "", details)
        event = Event.of(owner.tenant.id).get(subject=job.ref, data__old=old, data__new=new)
        told = {"old": old, "new": new, "reason": "", "requestId": request_id, "job": job.ref}
        assert (event.type, event.at, event.data) == ("job.state", entry.at, {**details, **told})
    by_hand = Event.of(owner.tenant.id).get(subject=second.ref, data__old="running")
    assert set(by_hand.data) - {"retryInS"} == set(event.data)


def test_the_step_ends_one_attempt_and_begins_the_next(submit):
    first, second = submit("test.plain"), submit("test.plain")
    held, following = follow(states.claim("here:1:1"), "here:1:1")
    assert held
    ended, begun = fresh(first), fresh(second)
    assert (ended.state, ended.result, ended.holder, ended.lease_until) == ("succeeded", {"n": 1}, "", None)
    assert running(second) == ("running", 1, 1, "here:1:1")
    assert begun.lease_until > begun.started_at >= ended.started_at
    tries = Attempt.objects.order_by("id").values_list("job_id", "number", "token", "holder", "outcome")
    assert list(tries) == [(first.pk, 1, 1, "here:1:1", "succeeded"), (second.pk, 1, 1, "here:1:1", "")]
    for name in ("params", "state", "token", "attempts", "lease_until", "started_at", "tenant_id", "created_at"):
        assert getattr(following, name) == getattr(begun, name)


def test_a_zombies_end_changes_nothing_and_claims_nothing(submit, owner):
    job, waiting = submit("test.plain"), submit("test.plain", priority=-1)
    zombie = states.claim(processes.me())
    expire(zombie)
    sweep.expired()
    Job.everyone.update(run_at=leases.clock())
    successor = states.claim("elsewhere:1:1")
    before = (Event.of(owner.tenant.id).count(), Entry.of(owner.tenant.id).count(), Attempt.objects.count())
    tail = states.Tail({"phase": "x"}, [states.line(zombie, "late")])
    assert states.succeed_and_claim(zombie, {}, tail, processes.me(), None) == (False, None)
    assert running(successor) == ("running", 2, 2, "elsewhere:1:1")
    assert (fresh(job).progress, fresh(waiting).state, fresh(waiting).attempts) == ({}, "queued", 0)
    assert before == (Event.of(owner.tenant.id).count(), Entry.of(owner.tenant.id).count(), Attempt.objects.count())
    assert not LogLine.objects.filter(text="late").exists()


def test_the_step_writes_what_the_run_still_had_to_say(claimed):
    job = claimed()
    lines = [states.line(job, f"line {number} é", "warning", "read") for number in (1, 2)]
    assert states.succeed_and_claim(job, {"a": 1.5}, states.Tail({"phase": "read"}, lines), "", None) == (True, None)
    row = fresh(job)
    assert (row.progress, row.log_n, row.result, job.state) == ({"phase": "read"}, 2, {"a": 1.5}, "succeeded")
    kept = LogLine.objects.order_by("n").values_list("n", "attempt", "level", "stage", "text", "at")
    assert list(kept) == [(number, 1, "warning", "read", f"line {number} é", lines[number - 1].at) for number in (1, 2)]


def test_the_step_takes_the_next_in_order_but_no_heavy_one(submit):
    submit("test.plain", priority=9)
    low, high = submit("test.plain"), submit("test.plain", priority=5)
    first = states.claim(processes.me())
    _, second = follow(first)
    assert second.pk == high.pk
    heavy = submit("test.heavy", params={"nap_s": 0}, priority=5)
    assert follow(second) == (True, None)  # its place is found before it is claimed
    assert (fresh(heavy).state, fresh(low).state) == ("queued", "queued")
    assert states.claim_light(processes.me()) == (None, True)
    assert runner.wake() == 2
    assert fresh(heavy).finished_at < fresh(low).finished_at


def test_the_step_goes_from_one_workspace_to_another_and_through_the_platforms_own(submit, owner, stranger):
    for actor in (owner.actor, stranger.actor, None, owner.actor, stranger.actor):
        submit("test.plain", actor=actor)
    assert runner.wake() == 5
    assert [chain.verify(person.tenant.id).entries for person in (owner, stranger)] == [6, 6]
    assert not Job.everyone.exclude(state="succeeded").exists()


def test_a_worker_that_was_drained_meanwhile_ends_its_job_and_takes_no_other(submit, monkeypatch):
    worker = board.Board(states.NOBODY)
    monkeypatch.setattr(board, "current", worker)
    monkeypatch.setattr(runner, "_worker_id", lambda: None)
    jobs = [submit("test.plain") for _ in range(3)]
    job, _ = states.claim_light(processes.me())
    worker.pause(True)
    assert runner.execute(job, follow=True) is None
    assert [fresh(each).state for each in jobs] == ["succeeded", "queued", "queued"]
    worker.pause(False)
    assert runner.wake() == 2


def test_killed_right_after_a_step_each_job_ends_once(workers, submit, tmp_path):
    jobs = [submit("test.plain") for _ in range(3)]
    fatal = workers(1, NEXUS_FAIL_AT="jobs.claimed:2")
    until(lambda: "killed at jobs.claimed" in (tmp_path / "worker-0.log").read_text())
    processes.kill_tree(fatal.pid)
    fatal.wait()
    assert [running(job)[0] for job in jobs] == ["succeeded", "running", "queued"]
    workers(1)
    until(lambda: all(fresh(job).state == "succeeded" for job in jobs), 40)
    assert [fresh(job).attempts for job in jobs] == [1, 2, 1]
    outcomes = [list(job.tries.order_by("token").values_list("outcome", flat=True)) for job in jobs]
    assert outcomes == [["succeeded"], ["lost", "succeeded"], ["succeeded"]]
