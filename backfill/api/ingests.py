"""/v1/lake/candidates and /v1/lake/ingests: hand candidates in, and see what became of each."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backfill.ingestion import again, planning, requests, settling
from backfill.ingestion.planning import Plan, Wanted
from backfill.models import IngestItem, IngestRun, ItemState
from datasets.lake.rules import POLICIES
from tradenexus.errors import BadRequest
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, pagination, shapes
from tradenexus.rest.views import TenantView, respond

_SHOWN = 1_000


class CandidatesRequest(serializers.Serializer):
    """Candidates, as `candidates` or as `data` with `meta`: VENUE:SYMBOL, or {symbol, venue, table, vendor, ...}."""

    candidates = serializers.JSONField(required=False)
    data = serializers.JSONField(required=False)  # type: ignore[assignment]
    meta = serializers.JSONField(required=False)
    vendor = serializers.CharField(required=False, max_length=64, allow_blank=True)
    freshnessHours = serializers.FloatField(required=False, min_value=0, max_value=8_784)
    full = serializers.BooleanField(
        default=False, help_text="ask for all that the vendor has, not only for what is new"
    )
    policy = serializers.ChoiceField(POLICIES, required=False, help_text="what becomes of other values under a key")


class CandidateRefusedSerializer(serializers.Serializer):
    """A candidate that was not accepted."""

    candidate = serializers.CharField()
    code = serializers.CharField()
    reason = serializers.CharField()


class IngestWantedSerializer(serializers.Serializer):
    """One instrument of one table, and why it is fresh or will be fetched."""

    table = serializers.CharField()
    instrument = serializers.CharField()
    vendor = serializers.CharField()
    why = serializers.CharField()


class IngestPlanSerializer(serializers.Serializer):
    """What would be done."""

    words = serializers.CharField(help_text="37 fresh, 5 will be fetched")
    fresh = IngestWantedSerializer(many=True)
    queued = IngestWantedSerializer(many=True)
    refused = CandidateRefusedSerializer(many=True)


class IngestSerializer(serializers.Serializer):
    """Candidates that were handed in at once."""

    id = serializers.CharField()
    state = serializers.ChoiceField(["working", "finished"])
    total = serializers.IntegerField()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="items by state")
    refused = CandidateRefusedSerializer(many=True)
    source = serializers.CharField(  # type: ignore[assignment]
        allow_blank=True, help_text="file of the watched folder; empty: handed in by a call"
    )
    options = serializers.DictField()
    createdAt = serializers.DateTimeField()
    finishedAt = serializers.DateTimeField(allow_null=True)


class IngestItemSerializer(serializers.Serializer):
    """What became of one instrument of one table."""

    number = serializers.IntegerField()
    table = serializers.CharField()
    instrument = serializers.CharField()
    vendor = serializers.CharField()
    outcome = serializers.ChoiceField(ItemState.values)
    code = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    findings = serializers.ListField(child=serializers.DictField())
    rows = serializers.IntegerField(help_text="that the vendor gave")
    commitId = serializers.CharField(allow_null=True)
    jobId = serializers.CharField(allow_null=True)
    settledAt = serializers.DateTimeField(allow_null=True)


STARTED = shapes.answer_of(
    "IngestStarted",
    ingest=IngestSerializer(),
    plan=IngestPlanSerializer(),
    jobs=jobs.JobSerializer(many=True),
)
PLANNED = shapes.answer_of("IngestPlanned", plan=IngestPlanSerializer())
ANSWER = shapes.answer_of("IngestAnswer", ingest=IngestSerializer())
TOUCHED = shapes.answer_of("IngestTouched", ingest=IngestSerializer(), jobs=jobs.JobSerializer(many=True))


def render(run: IngestRun) -> dict[str, Any]:
    """Return a run as the API shows it."""
    counted = settling.counts(run)
    return {
        "id": run.ref,
        "state": settling.state_of(run, counted),
        "total": run.total,
        "counts": counted,
        "refused": run.refused[:_SHOWN],
        "source": run.source,
        "options": run.options,
        "createdAt": run.created_at,
        "finishedAt": run.finished_at,
    }


def render_plan(made: Plan) -> dict[str, Any]:
    """Return a plan as the API shows it."""

    def shown(items: list[Wanted]) -> list[dict[str, str]]:
        return [{name: getattr(each, name) for name in ("table", "instrument", "vendor", "why")} for each in items]

    refused = [each.shown() for each in made.refused[:_SHOWN]]
    return {
        "words": made.words,
        "fresh": shown(made.fresh[:_SHOWN]),
        "queued": shown(made.queued[:_SHOWN]),
        "refused": refused,
    }


def render_item(item: IngestItem) -> dict[str, Any]:
    """Return an item as the API shows it."""
    names = ("number", "table", "instrument", "vendor", "code", "reason", "findings", "rows")
    return {
        **{name: getattr(item, name) for name in names},
        "outcome": item.state,
        "commitId": item.commit_ref or None,
        "jobId": item.job.ref if item.job else None,
        "settledAt": item.settled_at,
    }


class Candidates(TenantView):
    """Candidates for the lake."""

    @extend_schema(
        operation_id="lake_candidates",
        request=CandidatesRequest,
        parameters=[OpenApiParameter("plan", bool, description="1: only say what would be done")],
        responses={202: STARTED, 200: PLANNED},
    )
    def post(self, request: Request) -> Response:
        """Hand in candidates: what is fresh is left alone, what is stale or missing is fetched by jobs."""
        if request.query_params.get("plan", "0").lower() in ("0", "false", ""):
            return self._take_in(request)
        handed, options = self._asked(request)
        return respond(request, {"plan": render_plan(planning.plan(self.actor, handed, options))})

    def _asked(self, request: Request) -> tuple[Any, planning.Options]:
        body = {"candidates": request.data} if isinstance(request.data, list) else None
        asked = self.parsed(CandidatesRequest, body)
        return _handed(asked), planning.options(asked)

    @idempotency.once
    def _take_in(self, request: Request) -> Response:
        handed, options = self._asked(request)
        run, made, started = requests.request(self.actor, handed, options)
        payload = {"ingest": render(run), "plan": render_plan(made), "jobs": [jobs.render(job) for job in started]}
        return respond(request, payload, 202, {"Location": f"/v1/lake/ingests/{run.ref}"})


def _handed(asked: dict[str, Any]) -> Any:
    if ("candidates" in asked) == ("data" in asked):
        words = "send `candidates`, or `data` with `meta`: one of the two"
        raise BadRequest(words, {"fields": {"candidates": [words]}})
    if "data" in asked:
        return {"meta": asked.get("meta"), "data": asked["data"]}
    return asked["candidates"]


class IngestList(TenantView):
    """Candidates that were handed in."""

    @extend_schema(
        operation_id="lake_ingests_list", parameters=shapes.PAGING, responses=shapes.page_of(IngestSerializer)
    )
    def get(self, request: Request) -> Response:
        """List what was handed in, newest first."""
        return pagination.page(request, IngestRun.of(self.actor.tenant_id), render)


class IngestDetail(TenantView):
    """Candidates that were handed in at once."""

    @extend_schema(operation_id="lake_ingests_get", responses=ANSWER)
    def get(self, request: Request, ref: str) -> Response:
        """Return how far it is, and how many items came to what."""
        return respond(request, {"ingest": render(self.find(IngestRun, ref))})


class IngestItems(TenantView):
    """What became of each candidate."""

    @extend_schema(
        operation_id="lake_ingests_items",
        parameters=[OpenApiParameter("outcome", str, enum=ItemState.values), *shapes.PAGING],
        responses=shapes.page_of(IngestItemSerializer),
    )
    def get(self, request: Request, ref: str) -> Response:
        """List the items in order, all or those of an outcome."""
        rows = IngestItem.objects.filter(run=self.find(IngestRun, ref)).select_related("job")
        outcome = request.query_params.get("outcome", "")
        if outcome and outcome not in ItemState.values:
            words = f"outcome must be one of {', '.join(ItemState.values)}"
            raise BadRequest(words, {"fields": {"outcome": [outcome[:32]]}})
        return pagination.page(request, rows.filter(state=outcome) if outcome else rows, render_item, order=("number",))


class IngestRetry(TenantView):
    """Another try for what failed."""

    @extend_schema(operation_id="lake_ingests_retry", request=None, responses={202: TOUCHED})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Put everything of it that failed in line again; what the others came to stays."""
        run = self.find(IngestRun, ref)
        started = again.retry(self.actor, run)
        run.refresh_from_db()
        payload = {"ingest": render(run), "jobs": [jobs.render(job) for job in started]}
        return respond(request, payload, 202, {"Location": f"/v1/lake/ingests/{run.ref}"})


class IngestCancel(TenantView):
    """The end of what waits or runs."""

    @extend_schema(operation_id="lake_ingests_cancel", request=None, responses={202: TOUCHED})
    def post(self, request: Request, ref: str) -> Response:
        """Cancel its jobs: what is in the lake stays there, what is open ends as failed."""
        run = self.find(IngestRun, ref)
        stopped = again.cancel(self.actor, run)
        run.refresh_from_db()
        return respond(request, {"ingest": render(run), "jobs": [jobs.render(job) for job in stopped]}, 202)
