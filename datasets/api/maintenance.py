"""/v1/maintenance: upkeep of one's own workspace, and what it last found. For admins."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.maintenance import chores, records
from datasets.models import Chore, Upkeep
from tradenexus import db
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, shapes
from tradenexus.rest.views import TenantView, respond

ADMIN = {"GET": "admin", "POST": "admin"}


class FsckRequest(serializers.Serializer):
    """How thoroughly to look."""

    deep = serializers.BooleanField(default=False, help_text="read every byte and compare digests")


class ScrubRequest(serializers.Serializer):
    """How much to read."""

    whole = serializers.BooleanField(default=False, help_text="everything, not this hour's share")


class AuditRequest(serializers.Serializer):
    """How far back to look."""

    whole = serializers.BooleanField(default=False, help_text="all of history, not the last year or so")


class CollectRequest(serializers.Serializer):
    """Whether anything goes."""

    dryRun = serializers.BooleanField(default=False, help_text="only say what would go")


class UpkeepSerializer(serializers.Serializer):
    """What one run found."""

    id = serializers.CharField()
    chore = serializers.ChoiceField(Chore.values)
    ok = serializers.BooleanField()
    result = serializers.DictField()
    jobId = serializers.CharField(allow_null=True)
    startedAt = serializers.DateTimeField()
    finishedAt = serializers.DateTimeField()


STARTED = shapes.answer_of("UpkeepStarted", job=jobs.JobSerializer())
RESULTS = shapes.answer_of(
    "UpkeepResults",
    results=serializers.DictField(child=UpkeepSerializer(allow_null=True), help_text="by chore; null: never run"),
)


def render(row: Upkeep) -> dict[str, Any]:
    """Return a result as the API shows it."""
    return {
        "id": row.ref,
        "chore": row.chore,
        "ok": row.ok,
        "result": row.result,
        "jobId": row.job_ref or None,
        "startedAt": row.started_at,
        "finishedAt": row.finished_at,
    }


class Results(TenantView):
    """The newest results."""

    scopes = ADMIN

    @extend_schema(operation_id="maintenance_results", responses=RESULTS)
    def get(self, request: Request) -> Response:
        """Return the newest result of each kind of upkeep in this workspace; scheduled runs count."""
        newest = records.newest(self.actor.tenant_id, chores.ASKED)
        return respond(request, {"results": {name: render(row) if row else None for name, row in newest.items()}})


class _Ask(TenantView):
    scopes = ADMIN
    chore: str
    wishes: type[serializers.Serializer] = serializers.Serializer

    def ask(self, request: Request) -> Response:
        """Queue the chore; the same wish joins a run that is under way."""
        wished = {name: value for name, value in self.parsed(self.wishes).items() if value}
        with db.atomic():
            job = chores.request(self.actor, self.chore, wished)
        return respond(request, {"job": jobs.render(job)}, 202, {"Location": f"/v1/jobs/{job.ref}"})


class Fsck(_Ask):
    """Rows against stored files."""

    chore, wishes = Chore.FSCK, FsckRequest

    @extend_schema(operation_id="maintenance_fsck", request=FsckRequest, responses={202: STARTED})
    @idempotency.once
    def post(self, request: Request) -> Response:
        """Compare what rows name with what is stored, both ways; nothing is changed."""
        return self.ask(request)


class Scrub(_Ask):
    """Stored bytes against their digests."""

    chore, wishes = Chore.SCRUB, ScrubRequest

    @extend_schema(operation_id="maintenance_scrub", request=ScrubRequest, responses={202: STARTED})
    @idempotency.once
    def post(self, request: Request) -> Response:
        """Read stored files again, the oldest reading first, and mark what differs."""
        return self.ask(request)


class Collect(_Ask):
    """Garbage."""

    chore, wishes = Chore.GC, CollectRequest

    @extend_schema(operation_id="maintenance_gc", request=CollectRequest, responses={202: STARTED})
    @idempotency.once
    def post(self, request: Request) -> Response:
        """Remove what nothing has referred to for a day; `dryRun` only lists it."""
        return self.ask(request)


class Audit(_Ask):
    """Data against its own history and today's rules."""

    chore, wishes = Chore.AUDIT, AuditRequest

    @extend_schema(operation_id="maintenance_audit", request=AuditRequest, responses={202: STARTED})
    @idempotency.once
    def post(self, request: Request) -> Response:
        """Look for drift of returns and volumes, and judge what the lake holds by the rules in force now."""
        return self.ask(request)


urlpatterns = [
    path("v1/maintenance", Results.as_view()),
    path("v1/maintenance/fsck", Fsck.as_view()),
    path("v1/maintenance/scrub", Scrub.as_view()),
    path("v1/maintenance/gc", Collect.as_view()),
    path("v1/maintenance/audit", Audit.as_view()),
]
