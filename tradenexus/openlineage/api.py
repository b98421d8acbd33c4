"""/v1/jobs/{id}/openlineage: run events of one job; /v1/openlineage: of the workspace, for a collector that pulls."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tradenexus.errors import BadRequest
from tradenexus.jobs import finding
from tradenexus.jobs.models import Job
from tradenexus.openlineage import events
from tradenexus.rest import pagination, shapes
from tradenexus.rest.views import TenantView, respond

NDJSON = "application/x-ndjson"
FORMAT = OpenApiParameter("format", str, enum=["json", "ndjson"], description="Or by the Accept header")


class RunSerializer(serializers.Serializer):
    """A run: a job's UUID."""

    runId = serializers.UUIDField()
    facets = serializers.DictField()


class RunOfSerializer(serializers.Serializer):
    """What ran: the kind of job."""

    namespace = serializers.CharField()
    name = serializers.CharField()
    facets = serializers.DictField()


class RunEventSerializer(serializers.Serializer):
    """A run event of OpenLineage 2-0-2; the spec itself says what stands in facets."""

    eventType = serializers.ChoiceField(["START", "COMPLETE", "FAIL", "ABORT"])
    eventTime = serializers.DateTimeField()
    run = RunSerializer()
    job = RunOfSerializer()
    inputs = serializers.ListField(child=serializers.DictField())
    outputs = serializers.ListField(child=serializers.DictField())
    producer = serializers.CharField()
    schemaURL = serializers.CharField()


class RunEventFeedSerializer(shapes.Answer):
    """Events in the order in which they were committed."""

    items = RunEventSerializer(many=True)
    nextCursor = serializers.CharField(allow_null=True, help_text="null: nothing more for now")
    resumeCursor = serializers.CharField(help_text="go on from here later, even after the last page")


def wants_lines(request: Request) -> bool:
    """Tell whether the caller wants one event a line; BadRequest for a format that is none."""
    named = request.query_params.get("format", "")
    if named not in ("", "json", "ndjson", "openlineage"):
        raise BadRequest("format is json or ndjson", {"fields": {"format": [named[:32]]}})
    return named == "ndjson" or NDJSON in request.headers.get("Accept", "")


def lines(found: Iterable[dict[str, Any]]) -> HttpResponse:
    """Return events as JSON lines."""
    body = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in found)
    return HttpResponse(body, content_type=NDJSON)


class JobEvents(TenantView):
    """The run events of one job."""

    @extend_schema(
        operation_id="jobs_openlineage",
        parameters=[FORMAT],
        responses={(200, "application/json"): RunEventSerializer(many=True), (200, NDJSON): OpenApiTypes.STR},
    )
    def get(self, request: Request, ref: str) -> Response | HttpResponse:
        """Show a job as OpenLineage run events; none when it moves no data, or has not begun."""
        as_lines = wants_lines(request)
        found = events.of_jobs(self.actor.tenant_id, [self.find(Job, ref).ref])
        return lines(found) if as_lines else Response(found)


class Feed(TenantView):
    """Every run event of the workspace, oldest first."""

    @extend_schema(
        operation_id="openlineage_feed",
        parameters=[
            OpenApiParameter("since", str, description="Begin at a day or time, or 24h, 7d back; without a cursor"),
            FORMAT,
            *shapes.PAGING,
        ],
        responses={(200, "application/json"): RunEventFeedSerializer, (200, NDJSON): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> Response | HttpResponse:
        """List OpenLineage run events in the order of commits; poll with resumeCursor."""
        as_lines = wants_lines(request)
        found, after, done = events.page(self.actor.tenant_id, self._after(request), pagination.limit_of(request))
        if as_lines:
            answer = lines(found)
            answer["X-Resume-Cursor"] = str(after)
            return answer
        payload = {"items": found, "nextCursor": None if done else str(after), "resumeCursor": str(after)}
        return respond(request, payload)

    def _after(self, request: Request) -> int:
        cursor, since = (request.query_params.get(name, "") for name in ("cursor", "since"))
        if cursor:
            if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
                raise BadRequest("the cursor is not one of ours; start again without it", {"fields": {"cursor": [""]}})
            return int(cursor)
        return events.first_at(self.actor.tenant_id, finding.since(since)) if since else 0
