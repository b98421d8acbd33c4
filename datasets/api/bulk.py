"""/v1/bulk-actions: one action on many datasets, named or found by filters, and what came of it for each."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import bulk, listing
from datasets.models import BulkAction, BulkItem, Dataset, ItemState, Status
from tradenexus import ids
from tradenexus.errors import BadRequest
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, pagination, shapes
from tradenexus.rest.views import TenantView, respond


class BulkRequest(serializers.Serializer):
    """What to do, and to which datasets: `ids`, or `filter` with the filters of the list ({} is all in use)."""

    action = serializers.CharField(max_length=24, help_text="archive, validate or publish")
    ids = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, min_length=1, max_length=bulk.MOST_NAMED
    )
    filter = serializers.DictField(child=serializers.CharField(max_length=300, allow_blank=True), required=False)
    expect = serializers.IntegerField(
        required=False, min_value=0, max_value=2_147_483_647, help_text="act only if so many match: 409 otherwise"
    )
    dryRun = serializers.BooleanField(default=False, help_text="only say what it would meet")


class StateCountSerializer(serializers.Serializer):
    """How many of the datasets are in one state."""

    status = serializers.ChoiceField(Status.values)
    count = serializers.IntegerField()
    allowed = serializers.BooleanField(help_text="whether the action can be done in this state")


class PlanSerializer(shapes.Answer):
    """What an action would meet."""

    action = serializers.CharField()
    total = serializers.IntegerField()
    allowed = serializers.IntegerField()
    states = StateCountSerializer(many=True)
    follows = serializers.CharField()


class BulkLinksSerializer(serializers.Serializer):
    """Where to go on."""

    self = serializers.CharField()
    items = serializers.CharField()
    web = serializers.CharField()


class BulkSerializer(serializers.Serializer):
    """An action on many datasets."""

    id = serializers.CharField()
    action = serializers.CharField()
    state = serializers.ChoiceField(["working", "finished", "stopped"])
    total = serializers.IntegerField()
    done = serializers.IntegerField()
    refused = serializers.IntegerField()
    pending = serializers.IntegerField()
    filter = serializers.DictField(allow_null=True, help_text="null when the datasets were named")
    jobId = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField()
    finishedAt = serializers.DateTimeField(allow_null=True)
    links = BulkLinksSerializer()


class BulkItemSerializer(serializers.Serializer):
    """What came of it for one dataset."""

    datasetId = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(ItemState.values)
    version = serializers.IntegerField(allow_null=True)
    code = serializers.CharField(allow_null=True, help_text="of the error that refused it")
    reason = serializers.CharField(allow_blank=True)
    jobId = serializers.CharField(allow_null=True)


ANSWER = shapes.answer_of("BulkAnswer", bulkAction=BulkSerializer())
STARTED = shapes.answer_of("BulkStarted", bulkAction=BulkSerializer(), job=jobs.JobSerializer(allow_null=True))


def render(row: BulkAction) -> dict[str, Any]:
    """Return a bulk action as the API shows it."""
    place = f"/v1/bulk-actions/{row.ref}"
    return {
        "id": row.ref,
        "action": row.action,
        "state": bulk.state_of(row),
        "total": row.total,
        **bulk.counts(row),
        "filter": row.asked.get("filter"),
        "jobId": row.job.ref if row.job else None,
        "createdAt": row.created_at,
        "finishedAt": row.finished_at,
        "links": {"self": place, "items": f"{place}/items", "web": f"/datasets/bulk/{row.ref}/"},
    }


def render_item(item: BulkItem) -> dict[str, Any]:
    """Return one outcome as the API shows it."""
    return {
        "datasetId": ids.encode(Dataset.prefix, item.dataset_id),
        "name": item.dataset.name,
        "state": item.state,
        "version": item.version,
        "code": item.code or None,
        "reason": item.reason,
        "jobId": item.job_ref or None,
    }


class BulkList(TenantView):
    """Actions on many datasets."""

    @extend_schema(
        operation_id="bulk_actions_create", request=BulkRequest, responses={200: PlanSerializer, 202: STARTED}
    )
    @idempotency.once
    def post(self, request: Request) -> Response:
        """Archive, validate or publish many datasets; each has its own outcome, a refusal stops no other."""
        asked = self.parsed(BulkRequest)
        chosen = bulk.find(asked["action"])
        rows, told = self._rows(asked)
        if asked["dryRun"]:
            return respond(request, _planned(chosen, bulk.plan(chosen, rows)))
        row = bulk.request(self.actor, chosen, rows, told, expect=asked.get("expect"))
        payload = {"bulkAction": render(row), "job": jobs.render(row.job) if row.job else None}
        return respond(request, payload, 202, {"Location": f"/v1/bulk-actions/{row.ref}"})

    def _rows(self, asked: dict[str, Any]) -> tuple[QuerySet[Dataset], dict[str, Any]]:
        if ("ids" in asked) == ("filter" in asked):
            raise BadRequest("give either ids or filter", {"fields": {"ids": ["or filter"], "filter": ["or ids"]}})
        if "ids" in asked:
            return bulk.named(self.actor.tenant_id, asked["ids"]), {}
        unknown = sorted(set(asked["filter"]) - set(listing.FILTERS))
        if unknown:
            known = ", ".join(listing.FILTERS)
            raise BadRequest(f"filter knows {known}", {"fields": {"filter": [unknown[0][:32]]}})
        return listing.filtered(self.actor, asked["filter"]), {"filter": dict(asked["filter"])}


def _planned(chosen: bulk.Act, plan: bulk.Plan) -> dict[str, Any]:
    states = [{"status": status, "count": count, "allowed": allowed} for status, count, allowed in plan.states]
    facts = {"action": chosen.name, "total": plan.total, "allowed": plan.possible}
    return facts | {"states": states, "follows": chosen.follows}


class BulkDetail(TenantView):
    """One action on many datasets."""

    @extend_schema(operation_id="bulk_actions_get", responses=ANSWER)
    def get(self, request: Request, ref: str) -> Response:
        """Return how far it is, and how many are done and refused."""
        return respond(request, {"bulkAction": render(self.find(BulkAction, ref))})


class BulkItems(TenantView):
    """Outcomes of one action on many datasets."""

    @extend_schema(
        operation_id="bulk_actions_items",
        parameters=[OpenApiParameter("state", str, enum=ItemState.values), *shapes.PAGING],
        responses=shapes.page_of(BulkItemSerializer),
    )
    def get(self, request: Request, ref: str) -> Response:
        """List what came of it for each dataset, in order."""
        rows = bulk.outcomes(self.find(BulkAction, ref), request.query_params.get("state", ""))
        return pagination.page(request, rows, render_item, order=("number",))
