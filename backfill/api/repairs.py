"""/v1/lake/repairs: look for gaps of the lake and have them filled, and see what became of each range."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backfill.gaps.kinds import KINDS
from backfill.models import RepairItem, RepairRun, RepairState
from backfill.repair import requests, settling
from datasets.market.times import time_text
from tradenexus.errors import BadRequest
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, pagination, shapes
from tradenexus.rest.views import TenantView, respond


class RepairRequest(serializers.Serializer):
    """Which gaps: all of them where nothing is said."""

    entries = serializers.ListField(
        child=serializers.CharField(max_length=160),
        required=False,
        help_text="TABLE/VENUE:SYMBOL or VENUE:SYMBOL; * and ? stand for any characters",
    )
    to = serializers.CharField(required=False, allow_blank=True, max_length=40, help_text="moment after the last")
    kinds = serializers.ListField(child=serializers.ChoiceField(KINDS), required=False)
    plan = serializers.BooleanField(default=False, help_text="only look for gaps, fetch nothing")
    again = serializers.BooleanField(
        default=False, help_text="ask vendors again for what they have answered for lately"
    )

    def get_fields(self) -> dict[str, serializers.Field]:
        """Add `from`, which is no name for an attribute."""
        words = "first moment or date (UTC); without it gaps begin where the entry begins"
        first = serializers.CharField(required=False, allow_blank=True, max_length=40, help_text=words)
        return {**super().get_fields(), "from": first}


class RepairFoundSerializer(serializers.Serializer):
    """What was found; empty while the job has not looked."""

    entries = serializers.IntegerField(required=False, help_text="looked at")
    gaps = serializers.IntegerField(required=False, help_text="in them")
    ranges = serializers.IntegerField(required=False, help_text="taken up by this run")
    missing = serializers.IntegerField(required=False, help_text="bars (sessions of ticks) that these lack")
    left = serializers.IntegerField(required=False, help_text="ranges over the budget: the next run takes them up")
    leftMissing = serializers.IntegerField(required=False)
    held = serializers.IntegerField(required=False, help_text="ranges that another repair has in hand")
    known = serializers.IntegerField(required=False, help_text="gaps that every vendor has answered for lately")
    noVendor = serializers.IntegerField(required=False, help_text="gaps that no configured vendor can fill")
    undecided = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="{table, entries, why}: of which nobody can say what is missing, or not all of it",
    )
    unreadable = serializers.ListField(child=serializers.DictField(), required=False)
    error = serializers.DictField(required=False)


class RepairSerializer(serializers.Serializer):
    """One repair."""

    id = serializers.CharField()
    state = serializers.ChoiceField(["working", "finished"])
    plan = serializers.BooleanField()
    selection = serializers.DictField()
    found = RepairFoundSerializer()
    counts = serializers.DictField(child=serializers.IntegerField(), help_text="ranges by outcome")
    filled = serializers.IntegerField(help_text="bars (sessions of ticks) that came into the lake")
    spent = serializers.DictField(child=serializers.IntegerField(), help_text="calls and rows of vendors")
    jobId = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField()
    detectedAt = serializers.DateTimeField(allow_null=True)
    finishedAt = serializers.DateTimeField(allow_null=True)


class RepairItemSerializer(serializers.Serializer):
    """What became of one range."""

    number = serializers.IntegerField()
    table = serializers.CharField()
    instrument = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    start = serializers.CharField()
    end = serializers.CharField()
    missing = serializers.IntegerField()
    filled = serializers.IntegerField()
    outcome = serializers.ChoiceField(RepairState.values)
    benign = serializers.BooleanField(allow_null=True, help_text="no_data: no vendor says that it should have it")
    code = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    vendors = serializers.ListField(child=serializers.DictField(), help_text="who was asked, in order, and answered")
    settledAt = serializers.DateTimeField(allow_null=True)


STARTED = shapes.answer_of("RepairStarted", repair=RepairSerializer(), job=jobs.JobSerializer())
DETAIL = shapes.answer_of(
    "RepairDetail",
    repair=RepairSerializer(),
    items=RepairItemSerializer(many=True),
    nextCursor=serializers.CharField(allow_null=True),
)


def render(repair: RepairRun) -> dict[str, Any]:
    """Return a repair as the API shows it."""
    counted, filled = settling.figures([repair])[repair.id]
    return {
        "id": repair.ref,
        "state": settling.state_of(repair),
        "plan": repair.plan,
        "selection": repair.selection,
        "found": repair.found,
        "counts": counted,
        "filled": filled,
        "spent": {"calls": 0, "rows": 0, **repair.spent},
        "jobId": repair.job.ref if repair.job else None,
        "createdAt": repair.created_at,
        "detectedAt": repair.detected_at,
        "finishedAt": repair.finished_at,
    }


def render_item(item: RepairItem) -> dict[str, Any]:
    """Return a range as the API shows it."""
    names = ("number", "table", "instrument", "kind", "missing", "filled", "code", "reason")
    return {
        **{name: getattr(item, name) for name in names},
        "start": time_text(item.start_ns),
        "end": time_text(item.end_ns),
        "outcome": item.state,
        "benign": settling.benign(item),
        "vendors": item.asked,
        "settledAt": item.settled_at,
    }


class RepairList(TenantView):
    """Repairs of the lake."""

    @extend_schema(
        operation_id="lake_repairs_list", parameters=shapes.PAGING, responses=shapes.page_of(RepairSerializer)
    )
    def get(self, request: Request) -> Response:
        """List the repairs, newest first."""
        return pagination.page(request, RepairRun.of(self.actor.tenant_id).select_related("job"), render)

    @extend_schema(operation_id="lake_repairs_create", request=RepairRequest, responses={202: STARTED})
    @idempotency.once
    def post(self, request: Request) -> Response:
        """Look for gaps, and have those filled that a vendor can fill; with `plan` only look for them."""
        repair = requests.request(self.actor, self.parsed(RepairRequest))
        assert repair.job
        payload = {"repair": render(repair), "job": jobs.render(repair.job)}
        return respond(request, payload, 202, {"Location": f"/v1/lake/repairs/{repair.ref}"})


class RepairDetail(TenantView):
    """One repair."""

    @extend_schema(
        operation_id="lake_repairs_get",
        parameters=[OpenApiParameter("outcome", str, enum=RepairState.values), *shapes.PAGING],
        responses=DETAIL,
    )
    def get(self, request: Request, ref: str) -> Response:
        """Return how far it is, with a page of its ranges, all or those of an outcome."""
        repair = self.find(RepairRun, ref)
        outcome = request.query_params.get("outcome", "")
        if outcome and outcome not in RepairState.values:
            words = f"outcome must be one of {', '.join(RepairState.values)}"
            raise BadRequest(words, {"fields": {"outcome": [outcome[:32]]}})
        rows = RepairItem.objects.filter(run=repair, **({"state": outcome} if outcome else {}))
        limit, cursor = pagination.limit_of(request), request.query_params.get("cursor")
        items, following = pagination.slice_of(rows, ("number",), limit, cursor)
        payload = {"repair": render(repair), "items": [render_item(each) for each in items], "nextCursor": following}
        return respond(request, payload)
