"""What people decide about the lake: instruments' descriptions, verdicts of reviewers, quarantine, promotion."""

from __future__ import annotations

from datetime import date
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import promotion, review
from datasets.api import lake_shapes as show
from datasets.api import shapes as dataset_shapes
from datasets.api.actions import started
from datasets.api.lake import LakeView
from datasets.api.queries import QueryView
from datasets.lake import instruments, ledger, rules
from datasets.market import instruments as names
from datasets.models import Dataset, Grade, Instrument, LakePartition, LakeQuarantine
from tradenexus import db
from tradenexus.errors import BadRequest, NotFound
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, pagination, shapes
from tradenexus.rest.views import respond

QUARANTINE = shapes.answer_of("QuarantineAnswer", quarantine=show.QuarantineSerializer())
INSTRUMENT = shapes.answer_of("InstrumentAnswer", instrument=show.InstrumentSerializer())


class InstrumentFacts(serializers.Serializer):
    """What may be known of an instrument."""

    type = serializers.ChoiceField(list(names.TYPES), required=False)
    base = serializers.CharField(max_length=32, required=False, allow_blank=True)
    quote = serializers.CharField(max_length=32, required=False, allow_blank=True)
    tickSize = serializers.CharField(max_length=32, required=False, allow_blank=True)
    lotSize = serializers.CharField(max_length=32, required=False, allow_blank=True)
    timezone = serializers.CharField(max_length=64, required=False)
    calendar = serializers.CharField(
        max_length=16, required=False, allow_blank=True, help_text="XNYS, 24/7, ...; empty: expect no sessions"
    )


class InstrumentRequest(InstrumentFacts):
    """A description, true from `validFrom` on."""

    name = serializers.CharField(max_length=97, help_text="VENUE:SYMBOL")
    validFrom = serializers.DateTimeField(required=False)


def facts_of(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of an instrument under the registry's names."""
    renamed = {"tickSize": "tick_size", "lotSize": "lot_size"}
    given = {renamed.get(name, name): value for name, value in asked.items()}
    return {name: given[name] for name in instruments.FIELDS if name in given}


class Instruments(QueryView):
    """The registry."""

    @extend_schema(
        operation_id="lake_instruments",
        parameters=[OpenApiParameter("q", str, description="a part of the name"), *shapes.PAGING],
        responses=shapes.page_of(show.InstrumentSerializer),
    )
    def get(self, request: Request) -> Response:
        """List the instruments as they are described now, by name."""
        rows = Instrument.of(self.actor.tenant_id).filter(valid_until=None)
        if text := request.query_params.get("q", ""):
            rows = rows.filter(name__icontains=text[:100].replace("\0", ""))
        return pagination.page(request, rows, show.instrument, ("name",))

    @extend_schema(operation_id="lake_instruments_describe", request=InstrumentRequest, responses={201: INSTRUMENT})
    @idempotency.once
    def post(self, request: Request) -> Response:
        """Describe an instrument; what was said before stays true until `validFrom` (default now)."""
        asked = self.parsed(InstrumentRequest)
        made = instruments.describe(self.actor, asked["name"], facts_of(asked), asked.get("validFrom"))
        return respond(request, {"instrument": show.instrument(made)}, 201)


class InstrumentHistory(QueryView):
    """One instrument."""

    @extend_schema(
        operation_id="lake_instrument", parameters=shapes.PAGING, responses=shapes.page_of(show.InstrumentSerializer)
    )
    def get(self, request: Request, name: str) -> Response:
        """List every description of an instrument, the newest first."""
        rows = instruments.history(self.actor.tenant_id, str(names.parse(name)))
        if not rows.exists():
            raise NotFound(f"the registry has no instrument {name[:100]!r}")
        return pagination.page(request, rows, show.instrument, ("-valid_from", "id"))


class OverrideRequest(serializers.Serializer):
    """A reviewer's verdict; an empty status takes one back."""

    status = serializers.ChoiceField(["", *Grade.values], allow_blank=True)
    reason = serializers.CharField(min_length=3, max_length=2000)
    until = serializers.DateTimeField(required=False)


class Override(LakeView):
    """A reviewer's verdict on one session."""

    @extend_schema(
        operation_id="lake_override",
        request=OverrideRequest,
        responses={201: shapes.answer_of("PartitionAnswer", partition=show.PartitionSerializer())},
    )
    @idempotency.once
    def post(self, request: Request, table: str, instrument: str, session: str) -> Response:
        """Let a verdict stand against the checks' until a date, with a reason; audited."""
        asked = self.parsed(OverrideRequest)
        entry = self.entry(table, instrument)
        if asked["status"] and "until" not in asked:
            raise BadRequest("until is required", {"fields": {"until": ["This field is required."]}})
        row = ledger.override(
            self.actor, entry, _date(session), asked["status"], asked["reason"], asked.get("until") or db.now()
        )
        shown = ledger.in_force(LakePartition.objects.filter(id=row.id)).get()
        return respond(request, {"partition": show.partition(shown)}, 201)


class QuarantineList(QueryView):
    """Rows that were refused."""

    @extend_schema(
        operation_id="lake_quarantine_list",
        parameters=[
            OpenApiParameter("state", str, enum=list(LakeQuarantine.STATES)),
            OpenApiParameter("table", str),
            OpenApiParameter("instrument", str),
            *shapes.PAGING,
        ],
        responses=shapes.page_of(show.QuarantineSerializer),
    )
    def get(self, request: Request) -> Response:
        """List refused sessions with the reason, the newest first."""
        rows = LakeQuarantine.of(self.actor.tenant_id).select_related("entry", "fixed_in")
        asked = request.query_params
        for name, column in (("state", "state"), ("table", "entry__table"), ("instrument", "entry__instrument")):
            if value := asked.get(name, ""):
                rows = rows.filter(**{column: value[:97].replace("\0", "")})
        return pagination.page(request, rows, show.quarantine)


class QuarantineDetail(QueryView):
    """One refused session."""

    @extend_schema(operation_id="lake_quarantine_get", responses=QUARANTINE)
    def get(self, request: Request, ref: str) -> Response:
        """Return a refused session."""
        return respond(request, {"quarantine": show.quarantine(self.find(LakeQuarantine, ref))})


class SettleRequest(serializers.Serializer):
    """Why."""

    reason = serializers.CharField(min_length=review.REASON_LEAST, max_length=2000)


class Release(QueryView):
    """Let refused rows in."""

    @extend_schema(
        operation_id="lake_quarantine_release",
        request=SettleRequest,
        responses={
            202: shapes.answer_of(
                "QuarantineReleased", quarantine=show.QuarantineSerializer(), job=jobs.JobSerializer()
            )
        },
    )
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Commit the refused rows with a reviewer's word; audited."""
        held = self.find(LakeQuarantine, ref)
        job = review.release(self.actor, held, self.parsed(SettleRequest)["reason"])
        payload = {"quarantine": show.quarantine(held), "job": jobs.render(job)}
        return respond(request, payload, 202, {"Location": f"/v1/jobs/{job.ref}"})


class Dismiss(QueryView):
    """Keep refused rows out."""

    @extend_schema(operation_id="lake_quarantine_dismiss", request=SettleRequest, responses={201: QUARANTINE})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Settle that refused rows stay out; audited. Their file is kept."""
        held = review.dismiss(self.actor, self.find(LakeQuarantine, ref), self.parsed(SettleRequest)["reason"])
        return respond(request, {"quarantine": show.quarantine(held)}, 201)


class PromoteRequest(InstrumentFacts):
    """Where a version's rows go; facts describe instruments that the registry does not know yet."""

    table = serializers.CharField(max_length=48)
    version = serializers.IntegerField(required=False, min_value=1, max_value=2_147_483_647)
    policy = serializers.ChoiceField(list(rules.POLICIES), default=rules.REFUSE)
    ranks = serializers.DictField(child=serializers.IntegerField(min_value=0), required=False)
    instruments = serializers.DictField(
        child=serializers.CharField(max_length=97), required=False, help_text="symbol -> VENUE:SYMBOL"
    )


class Promote(QueryView):
    """Promotion of a version."""

    @extend_schema(operation_id="datasets_promote", request=PromoteRequest, responses={202: dataset_shapes.STARTED})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Take a version's rows into a table of the lake; sessions that are RED stay out, in quarantine."""
        asked = self.parsed(PromoteRequest)
        dataset = self.find(Dataset, ref)
        options: dict[str, Any] = {
            name: asked[name] for name in ("table", "policy", "ranks", "instruments") if name in asked
        }
        version, job = promotion.request(self.actor, dataset, asked.get("version"), {**options, **facts_of(asked)})
        return started(request, dataset, job, {"version": version.number})


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadRequest("a session is a date such as 2024-11-29", {"fields": {"session": [text[:32]]}}) from error
