"""/v1/jobs: list, one (with long poll), its log; /v1/jobs/{id}:cancel and :retry.

`render` is the contract's `job` object, used by every answer that starts one.
"""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tradenexus import ids
from tradenexus.errors import BadRequest
from tradenexus.jobs import finding, queue
from tradenexus.jobs.models import Job, LogLine, State
from tradenexus.rest import idempotency, pagination, shapes
from tradenexus.rest.views import TenantView, respond

MAX_WAIT_S = 30
POLL_S = 0.2
# Each waiting request holds a thread and a connection: beyond this many, the answer comes at once.
_waiting = threading.BoundedSemaphore(16)


class StepSerializer(serializers.Serializer):
    """A phase that is over."""

    phase = serializers.CharField()
    seconds = serializers.FloatField()


class ProgressSerializer(serializers.Serializer):
    """How far a job is."""

    phase = serializers.CharField()
    done = serializers.FloatField()
    total = serializers.FloatField(allow_null=True)
    unit = serializers.CharField()
    rate = serializers.FloatField(allow_null=True, help_text="units a second, mean of about ten seconds")
    etaS = serializers.FloatField(allow_null=True)
    steps = StepSerializer(many=True, required=False, help_text="phases that are over, in order")


class JobErrorSerializer(serializers.Serializer):
    """Why a job ended, or why its last attempt did."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField()


class JobLinksSerializer(serializers.Serializer):
    """Where to go on."""

    self = serializers.CharField()
    log = serializers.CharField()
    cancel = serializers.CharField()
    retry = serializers.CharField()


class JobSerializer(serializers.Serializer):
    """A long operation."""

    id = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(State.values)
    subject = serializers.CharField(allow_null=True)
    progress = ProgressSerializer(allow_null=True)
    result = serializers.DictField(allow_null=True)
    error = JobErrorSerializer(allow_null=True)
    attempts = serializers.IntegerField()
    maxAttempts = serializers.IntegerField()
    cancelRequested = serializers.BooleanField()
    parentId = serializers.CharField(allow_null=True)
    requestId = serializers.CharField()
    createdAt = serializers.DateTimeField()
    runAt = serializers.DateTimeField()
    startedAt = serializers.DateTimeField(allow_null=True)
    finishedAt = serializers.DateTimeField(allow_null=True)
    links = JobLinksSerializer()


class LogLineSerializer(serializers.Serializer):
    """One line a job wrote."""

    n = serializers.IntegerField()
    at = serializers.DateTimeField()
    attempt = serializers.IntegerField()
    level = serializers.CharField()
    stage = serializers.CharField()
    text = serializers.CharField()


def render(job: Job) -> dict[str, Any]:
    """Return a job as the API shows it."""
    place = f"/v1/jobs/{job.ref}"
    return {
        "id": job.ref,
        "kind": job.kind,
        "state": str(job.state),
        "subject": job.subject or None,
        "progress": _progress(job.progress),
        "result": job.result,
        "error": job.error,
        "attempts": job.attempts,
        "maxAttempts": job.max_attempts,
        "cancelRequested": job.cancel_requested_at is not None,
        "parentId": ids.encode(Job.prefix, job.parent_id) if job.parent_id else None,
        "requestId": job.request_id,
        "createdAt": _time(job.created_at),
        "runAt": _time(job.run_at),
        "startedAt": _time(job.started_at),
        "finishedAt": _time(job.finished_at),
        "links": {"self": place, "log": f"{place}/log", "cancel": f"{place}:cancel", "retry": f"{place}:retry"},
    }


def render_line(line: LogLine) -> dict[str, Any]:
    """Return a log line as the API shows it."""
    shown = {name: getattr(line, name) for name in ("n", "attempt", "level", "stage", "text")}
    return {**shown, "at": _time(line.at)}


class JobList(TenantView):
    """Jobs of the workspace, newest first."""

    @extend_schema(
        operation_id="jobs_list",
        parameters=[
            OpenApiParameter("state", str, enum=[*State.values, "live"], description="live: queued or running"),
            OpenApiParameter("kind", str),
            OpenApiParameter("subject", str, description="Typed id of what the job is about"),
            OpenApiParameter("dataset", str, description="Typed id of a dataset: jobs about it or one of its versions"),
            OpenApiParameter("since", str, description="Asked for since: 15m, 24h, 7d, a day or a time"),
            *shapes.PAGING,
        ],
        responses=shapes.page_of(JobSerializer),
    )
    def get(self, request: Request) -> Response:
        """List jobs."""
        rows = finding.matching(self.actor.tenant_id, request.query_params)
        return pagination.page(request, rows, render)


ANSWER = shapes.answer_of("JobAnswer", job=JobSerializer())


class JobDetail(TenantView):
    """One job."""

    @extend_schema(
        operation_id="jobs_get",
        parameters=[
            OpenApiParameter(
                "wait",
                {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0},
                description="Answer when the job's state changes or it has ended, after so many seconds at the latest",
            )
        ],
        responses=ANSWER,
    )
    def get(self, request: Request, ref: str) -> Response:
        """Show a job; with wait, after its next change of state."""
        wait_s = _whole(request, "wait", MAX_WAIT_S)
        job = self.find(Job, ref)
        if wait_s and not job.is_final and _waiting.acquire(blocking=False):
            try:
                job = _changed(self.actor.tenant_id, job, time.monotonic() + wait_s)
            finally:
                _waiting.release()
        return respond(request, {"job": render(job)})


class JobLog(TenantView):
    """What a job wrote."""

    @extend_schema(
        operation_id="jobs_log",
        parameters=[
            OpenApiParameter("since", {"type": "integer", "minimum": 0}, description="Only lines with a larger n"),
            *shapes.PAGING,
        ],
        responses=shapes.page_of(LogLineSerializer),
    )
    def get(self, request: Request, ref: str) -> Response:
        """List a job's log lines in order."""
        job = self.find(Job, ref)
        rows = LogLine.objects.filter(job_id=job.id, n__gt=_whole(request, "since", 2**31 - 1))
        return pagination.page(request, rows, render_line, order=("n",))


class JobCancel(TenantView):
    """Cancelling."""

    @extend_schema(operation_id="jobs_cancel", request=None, responses={202: ANSWER})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Cancel a job: at once when it waits; a running one is asked, and killed after a grace."""
        job = queue.cancel(self.actor, self.find(Job, ref))
        return respond(request, {"job": render(job)}, 202)


class JobRetry(TenantView):
    """Retrying."""

    @extend_schema(operation_id="jobs_retry", request=None, responses={202: ANSWER})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Queue an ended job (failed, cancelled, stalled) again, with fresh attempts."""
        job = queue.retry(self.actor, self.find(Job, ref))
        return respond(request, {"job": render(job)}, 202)


def _changed(tenant_id: UUID, job: Job, until: float) -> Job:
    """Wait for the job to leave its state; return it as it is then."""
    mine = Job.of(tenant_id).filter(pk=job.pk)
    while time.monotonic() < until:
        time.sleep(POLL_S)
        if mine.values_list("state", flat=True).first() != job.state:
            break
    return mine.first() or job


def _whole(request: Request, name: str, most: int) -> int:
    raw = request.query_params.get(name, "0")
    if not (raw.isascii() and raw.isdigit() and len(raw) < 12 and int(raw) <= most):
        raise BadRequest(f"{name} must be a whole number from 0 to {most}", {"fields": {name: [raw[:32]]}})
    return int(raw)


def _progress(kept: dict[str, Any]) -> dict[str, Any] | None:
    if not kept:
        return None
    return {"etaS" if name == "eta_s" else name: value for name, value in kept.items()}


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat().replace("+00:00", "Z")
