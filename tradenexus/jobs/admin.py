"""Jobs, their attempts, workers and schedules in the operations desk; deeds on jobs and workers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from tradenexus import db
from tradenexus.actor import Actor
from tradenexus.errors import Conflict
from tradenexus.jobs import draining, queue, registry
from tradenexus.jobs.models import Attempt, Job, Schedule, State, Worker
from tradenexus.jobs.templatetags import kinds
from tradenexus.ops import columns, filters
from tradenexus.ops.deeds import Deed
from tradenexus.ops.desk import Desk
from tradenexus.web.templatetags import nx


def _requeue(actor: Actor, job: Job, reason: str) -> str:
    queue.retry(actor, job, reason)
    return "in line again, with fresh attempts"


def _release(actor: Actor, job: Job, reason: str) -> str:
    queue.release(actor, job, reason)
    return "taken from its holder and in line again; the attempt was not charged"


def _cancel(actor: Actor, job: Job, reason: str) -> str:
    if job.cancel_requested_at:
        raise Conflict("its cancel was asked for already", {"state": job.state})
    queue.cancel(actor, job, reason)
    return "cancelled" if job.state == State.CANCELLED else "asked to stop; killed when it does not within the grace"


# As jobs.states writes them into an attempt.
OUTCOMES = ("succeeded", "failed", "cancelled", "stalled", "retry", "lost", "released")


@admin.register(Job)
class JobDesk(Desk):
    """Jobs of all workspaces, newest first."""

    list_display = (
        "ref",
        "tenant",
        "what",
        columns.chip("state"),
        "subject",
        "attempts",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", filters.known("kind", registry.labelled))
    list_select_related = ("tenant",)
    exact = ("subject",)
    search_help_text = "The typed id of a job (job_…) or of what it is about (dsv_…, bt_…)"
    product = "/jobs/{ref}/"
    deeds = (
        Deed(
            "requeue",
            "Requeue",
            "Puts an ended job (failed, cancelled, stalled) back in line with fresh attempts. Use it when the cause is "
            "mended: a full disk, a provider that was away. What is stored already is found and not made twice.",
            _requeue,
        ),
        Deed(
            "release_lease",
            "Release lease",
            "Takes a running job from the worker that holds it and puts it back in line. Use it when the worker is "
            "gone or hangs and its lease would last too long; a holder that still lives changes nothing more.",
            _release,
        ),
        Deed(
            "cancel",
            "Cancel",
            "Ends a waiting job at once and asks a running one to stop; it is killed when it does not within the "
            "grace. Use it for work that is no longer wanted or that keeps others waiting.",
            _cancel,
        ),
    )

    def name_of(self, thing: Job) -> str:
        """What it does."""
        return registry.label(thing.kind)

    @admin.display(description="kind", ordering="kind")
    def what(self, job: Job) -> str:
        """Say what it does, the kind in the title."""
        return kinds.job_kind(job.kind)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Leave what can be long out of the list."""
        rows = super().get_queryset(request)
        return rows if self.one(request) else rows.defer("params", "result", "error", "progress")


@admin.register(Attempt)
class AttemptDesk(Desk):
    """Single runs of jobs."""

    list_display = ("job", "number", columns.chip("outcome"), "reason", "holder", "started_at", "ended_at")
    list_filter = (filters.known("outcome", lambda: OUTCOMES),)
    list_select_related = ("job",)

    def tenant_of(self, thing: Attempt) -> Any:
        """Its job's."""
        return thing.job.tenant_id

    def ref_of(self, thing: Attempt) -> str:
        """Its history is its job's."""
        return thing.job.ref


def _drain(actor: Actor, worker: Worker, reason: str) -> str:
    draining.drain(actor, worker, reason)
    return "claims nothing more within a second and finishes what it runs"


def _resume(actor: Actor, worker: Worker, reason: str) -> str:
    draining.resume(actor, worker, reason)
    return "takes jobs again"


@admin.register(Worker)
class WorkerDesk(Desk):
    """Running workers."""

    list_display = ("__str__", "state", "running", "concurrency", "beat_at", "started_at", "restarts")
    readonly_fields = ("state", "running")
    deeds = (
        Deed(
            "drain",
            "Drain",
            "The worker claims nothing more and finishes what it runs; it stays alive and can be resumed. Use it "
            "before a host is stopped or to keep it free. A worker that is started anew is not drained.",
            _drain,
        ),
        Deed("resume", "Resume", "A drained worker takes jobs again.", _resume),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        """Count what each runs."""
        running = Count("jobs", filter=Q(jobs__state=State.RUNNING))
        return super().get_queryset(request).annotate(in_work=running)

    def ref_of(self, thing: Worker) -> str:
        """As the audit names it."""
        return draining.ref(thing)

    @admin.display(description="state")
    def state(self, worker: Any) -> str:
        """Show silent, draining, drained or alive."""
        return nx.chip(draining.state(worker, worker.in_work, db.now()))

    @admin.display(description="running jobs")
    def running(self, worker: Any) -> int:
        """Return how many jobs it runs."""
        return worker.in_work


@admin.register(Schedule)
class ScheduleDesk(Desk):
    """Periodic jobs and when each is due."""

    list_display = ("name", "next_at", "last_at")
    ordering = ("next_at",)
