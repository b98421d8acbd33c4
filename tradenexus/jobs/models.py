"""Job (a long operation), Attempt (one run of it), LogLine, Worker (a running `manage.py worker`), Schedule.

A job is run by whoever holds its lease. `token` grows with every claim and stands in the WHERE of every later write:
a holder that lost its lease changes nothing. Attempts are counted at the claim, so that a job that kills its worker
is counted too.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tradenexus import ids
from tradenexus.tenancy.models import Tenant, TenantOwned, User


class State(models.TextChoices):
    """The states of a job; the last four are final (only a retry leaves them, and never `succeeded`)."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STALLED = "stalled"


LIVE = (State.QUEUED, State.RUNNING)
FINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED, State.STALLED)
RETRYABLE = (State.FAILED, State.CANCELLED, State.STALLED)


class Worker(models.Model):
    """One `manage.py worker`, known to be alive by its beat."""

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    place = models.CharField(max_length=32)  # which host and process namespace its pids mean something in
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    concurrency = models.IntegerField()
    started_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(db_default=Now(), db_index=True)  # /readyz asks for the newest beat
    restarts = models.IntegerField(default=0)  # how often the watchdog replaced its cluster
    drain_asked_at = models.DateTimeField(null=True, blank=True)  # an operator wants it to claim nothing more

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"


class Job(TenantOwned):
    """A long operation asked for by someone (or, without a tenant, by the platform's own schedules)."""

    prefix = "job"

    tenant = models.ForeignKey(  # type: ignore[assignment]
        Tenant, on_delete=models.PROTECT, related_name="+", null=True, blank=True, db_index=False
    )
    user = models.ForeignKey(User, on_delete=models.SET_NULL, related_name="+", null=True, blank=True, db_index=False)
    request_id = models.CharField(max_length=128, blank=True)
    kind = models.CharField(max_length=80)
    heavy = models.BooleanField(default=False)
    state = models.CharField(max_length=10, default=State.QUEUED, choices=State.choices)
    subject = models.CharField(max_length=64, blank=True)
    params = models.JSONField(default=dict)
    result = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)  # {code, message, details}
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children")
    dedupe = models.CharField(max_length=240, null=True, blank=True)  # names the tenant too, see queue.submit
    priority = models.SmallIntegerField(default=0)
    run_at = models.DateTimeField()
    attempts = models.SmallIntegerField(default=0)
    max_attempts = models.SmallIntegerField(default=5)
    token = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.ForeignKey(Worker, on_delete=models.SET_NULL, null=True, blank=True, related_name="jobs")
    holder = models.CharField(max_length=64, blank=True)  # place:pid:start of the process that runs it
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    progress = models.JSONField(default=dict)  # {phase, done, total, unit, rate, eta_s}
    log_n = models.IntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="job_state"),
            models.CheckConstraint(
                condition=Q(state="running", lease_until__isnull=False)
                | ~Q(state="running") & Q(lease_until__isnull=True),
                name="job_lease_while_running",
            ),
            models.CheckConstraint(condition=Q(attempts__gte=0) & Q(token__gte=0), name="job_counts"),
            # At most one queued or running job for a key; a later one may follow when it has ended.
            models.UniqueConstraint(
                fields=["dedupe"], condition=Q(state__in=LIVE) & Q(dedupe__isnull=False), name="job_dedupe_live"
            ),
        ]
        indexes = [
            # leases.claim: the next job in order; history of any length does not slow it.
            models.Index(fields=["-priority", "run_at", "id"], condition=Q(state="queued"), name="job_claim"),
            # leases.claim when this host has no free place for a heavy job.
            models.Index(
                fields=["-priority", "run_at", "id"], condition=Q(state="queued", heavy=False), name="job_claim_light"
            ),
            # sweep: leases that ran out; watchdog: what runs here.
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="job_leases"),
            # GET /v1/jobs
            models.Index(fields=["tenant", "-created_at", "-id"], name="job_newest"),
            # GET /v1/jobs?state=, and how many are in each state
            models.Index(fields=["tenant", "state", "-created_at", "-id"], name="job_by_state"),
            # GET /v1/jobs?kind=
            models.Index(fields=["tenant", "kind", "-created_at", "-id"], name="job_by_kind"),
            # GET /v1/jobs?subject=
            models.Index(fields=["tenant", "subject", "-created_at", "-id"], name="job_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"

    @property
    def is_final(self) -> bool:
        """Tell whether the job has ended."""
        return self.state in FINAL


class Attempt(models.Model):
    """One run of a job: who ran it and how it ended (empty while it runs)."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="tries", db_index=False)
    number = models.SmallIntegerField()
    token = models.BigIntegerField()
    holder = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, blank=True)  # succeeded failed cancelled stalled retry lost released
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "token"], name="attempt_once_per_claim")]

    def __str__(self) -> str:
        return f"attempt {self.number} {self.outcome or 'running'}"


class LogLine(models.Model):
    """One line a job wrote, numbered upwards from 1 within the job."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines", db_index=False)
    n = models.IntegerField()
    at = models.DateTimeField()
    attempt = models.SmallIntegerField()
    level = models.CharField(max_length=8, default="info")
    stage = models.CharField(max_length=40, blank=True)
    text = models.TextField()

    class Meta:
        # GET /v1/jobs/{id}/log?since=N reads by (job, n).
        constraints = [models.UniqueConstraint(fields=["job", "n"], name="logline_numbered")]

    def __str__(self) -> str:
        return self.text[:80]


class Schedule(models.Model):
    """When a named periodic job runs next; claimed by comparing next_at."""

    name = models.CharField(max_length=80, primary_key=True)
    next_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
