"""The real tables against a model small enough to be obviously right, driven through random histories."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import pytest
from django.db import connections
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from hypothesis.strategies import data, integers, sampled_from

from tests.kit import people
from tests.kit.jobapp import tasks  # noqa: F401 - registers the kinds
from tradenexus import db
from tradenexus.errors import Conflict, Unprocessable
from tradenexus.jobs import leases, queue, registry, runner, states, sweep
from tradenexus.jobs.errors import LeaseLost
from tradenexus.jobs.models import FINAL, LIVE, RETRYABLE, Attempt, Job
from tradenexus.tenancy.models import Tenant

MAX_ATTEMPTS = 2


@dataclass
class Model:
    """What one job must look like."""

    state: str = "queued"
    attempts: int = 0
    token: int = 0
    cancel: bool = False
    expired: bool = False
    key: str | None = None
    effects: list[int] = field(default_factory=list)
    ended: str = ""


class Jobs(RuleBasedStateMachine):
    """Submit, claim, expire, sweep, finish, fail, retry, cancel; by present holders and by those long replaced."""

    def __init__(self):
        super().__init__()
        Job.everyone.all().delete()
        self.tenant = Tenant.objects.first() or Tenant.objects.create(name="machine")
        self.person = (self.tenant and people.User.objects.first()) or None
        if self.person is None:
            self.person = people.make("machine@example.org", self.tenant).user
        self.actor = people.actors.of_user(self.person, "machine", self.tenant.id)
        self.jobs: dict[object, Model] = {}
        self.holders: list[Job] = []

    def _pick(self, draw, wanted) -> tuple[object, Model]:
        return draw.draw(sampled_from([(pk, job) for pk, job in self.jobs.items() if wanted(job)]))

    @rule(key=sampled_from([None, "a", "b"]))
    def submit(self, key):
        living = [pk for pk, job in self.jobs.items() if key and job.key == key and job.state in LIVE]
        with db.atomic():
            job = queue.submit(self.actor, "test.poison", {}, dedupe=key)
        if living:
            assert job.pk == living[0]
        else:
            assert job.pk not in self.jobs
            self.jobs[job.pk] = Model(key=key)

    @rule()
    def claim(self):
        Job.everyone.filter(state="queued").update(run_at=leases.clock(-1))
        job = states.claim("elsewhere:1:1")
        if job is None:
            assert not any(model.state == "queued" for model in self.jobs.values())
            return
        model = self.jobs[job.pk]
        assert model.state == "queued"
        model.state, model.expired = "running", False
        model.attempts += 1
        model.token += 1
        self.holders.append(job)

    @precondition(lambda self: any(job.state == "running" for job in self.jobs.values()))
    @rule(draw=data())
    def expire(self, draw):
        pk, model = self._pick(draw, lambda job: job.state == "running")
        Job.everyone.filter(pk=pk).update(lease_until=leases.clock(-1))
        model.expired = True

    @rule()
    def sweep(self):
        due = [model for model in self.jobs.values() if model.state == "running" and model.expired]
        assert sweep.expired() == len(due)
        for model in due:
            if model.cancel:
                model.state = "cancelled"
            else:
                model.state = "queued" if model.attempts < MAX_ATTEMPTS else "stalled"

    def _settled(self, job: Job, done: bool, state: str) -> None:
        """A step of a holder must have counted exactly when it still held the job."""
        model = self.jobs[job.pk]
        held = model.state == "running" and model.token == job.token
        assert done == held
        if held:
            model.state = state

    @precondition(lambda self: self.holders)
    @rule(draw=data())
    def effect(self, draw):
        job = draw.draw(sampled_from(self.holders))
        run = runner.Run(job, registry.find(job.kind))
        done = False
        with contextlib.suppress(LeaseLost):
            with run.effect() as effect:
                effect.finish({"token": job.token})
            done = True
        if done:
            self.jobs[job.pk].effects.append(job.token)
        self._settled(job, done, "succeeded")

    @precondition(lambda self: self.holders)
    @rule(draw=data())
    def renew(self, draw):
        job = draw.draw(sampled_from(self.holders))
        done = False
        with contextlib.suppress(LeaseLost):
            states.write_tail(job, states.Tail(lines=[states.line(job, "still here")]))
            done = True
        self._settled(job, done, "running")
        if done:
            self.jobs[job.pk].expired = False

    @precondition(lambda self: self.holders)
    @rule(draw=data())
    def fail(self, draw):
        job = draw.draw(sampled_from(self.holders))
        self._settled(job, states.end(job, "failed", Unprocessable("no")), "failed")

    @precondition(lambda self: self.holders)
    @rule(draw=data(), pause=integers(0, 5))
    def later(self, draw, pause):
        job = draw.draw(sampled_from(self.holders))
        self._settled(job, states.requeue(job, "later", pause, "retry"), "queued")

    @precondition(lambda self: self.jobs)
    @rule(draw=data())
    def cancel(self, draw):
        pk, model = self._pick(draw, lambda job: True)
        try:
            queue.cancel(self.actor, Job.everyone.get(pk=pk))
        except Conflict:
            assert model.state in FINAL
            assert model.state != "cancelled"
            return
        model.cancel = model.cancel or model.state == "running"
        model.state = "cancelled" if model.state == "queued" else model.state

    @precondition(lambda self: self.jobs)
    @rule(draw=data())
    def retry(self, draw):
        pk, model = self._pick(draw, lambda job: True)
        rival = any(
            job.key == model.key and job.state in LIVE for other, job in self.jobs.items() if model.key and other != pk
        )
        try:
            queue.retry(self.actor, Job.everyone.get(pk=pk))
        except Conflict:
            assert model.state not in RETRYABLE or rival
            return
        assert model.state in RETRYABLE
        assert not rival
        model.state, model.attempts, model.cancel = "queued", 0, False

    @invariant()
    def rows_match(self):
        fields = ("state", "attempts", "token", "lease_until", "finished_at")
        rows = {row["pk"]: row for row in Job.everyone.values("pk", *fields)}
        assert rows.keys() == self.jobs.keys()
        for pk, model in self.jobs.items():
            row = rows[pk]
            assert (row["state"], row["token"]) == (model.state, model.token)
            assert row["attempts"] == model.attempts
            assert (row["lease_until"] is not None) == (model.state == "running")
            assert (row["finished_at"] is not None) == (model.state in FINAL)
            assert len(model.effects) <= 1
            assert Attempt.objects.filter(job_id=pk).count() == model.token


@pytest.mark.django_db(transaction=True)
def test_random_histories_agree_with_the_model():
    few = settings(
        max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    run_state_machine_as_test(Jobs, settings=few)
    connections.close_all()
