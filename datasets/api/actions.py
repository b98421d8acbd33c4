"""What can be done with a dataset: validate it, make candles of it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import validation, versions
from datasets.api import shapes as show
from datasets.api.datasets import one
from datasets.market import intervals
from datasets.models import Dataset
from datasets.quality import acceptance
from datasets.transforms import run as candles
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, shapes
from tradenexus.rest.views import TenantView, respond


class ValidateRequest(serializers.Serializer):
    """How the raw file is to be read and judged; what is not given is taken from the upload, then from the file."""

    version = serializers.IntegerField(required=False, min_value=1, max_value=2_147_483_647)
    columnMapping = serializers.DictField(
        child=serializers.CharField(max_length=512, allow_blank=True, allow_null=True), required=False
    )
    kind = serializers.ChoiceField(["trades", "quotes", "bars"], required=False)
    timezone = serializers.CharField(max_length=64, required=False)
    timestampUnit = serializers.ChoiceField(["s", "ms", "us", "ns"], required=False)
    dateOrder = serializers.ChoiceField(["dmy", "mdy"], required=False)
    sideRule = serializers.ChoiceField(["taker", "maker", "none"], required=False)
    symbol = serializers.CharField(max_length=128, required=False)
    venue = serializers.CharField(max_length=64, required=False)
    calendar = serializers.CharField(max_length=32, required=False, help_text="24/7 or an exchange code such as XNYS")
    interval = serializers.CharField(max_length=8, required=False, help_text="of bars, e.g. 1m; default: found out")
    profile = serializers.ChoiceField(["lenient", "standard", "strict"], required=False)
    thresholds = serializers.DictField(child=serializers.FloatField(), required=False)


class Validate(TenantView):
    """Validation of a version."""

    @extend_schema(operation_id="datasets_validate", request=ValidateRequest, responses={202: show.STARTED})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Read the raw file once, wholly: canonical rows, findings and a verdict."""
        options = self.parsed(ValidateRequest)
        dataset = self.find(Dataset, ref)
        version, job = validation.request(self.actor, dataset, options.pop("version", None), options)
        return started(request, dataset, job, {"version": version.number})


class CandlesRequest(serializers.Serializer):
    """Which bars are wanted."""

    frequency = serializers.CharField(
        max_length=8, required=False, help_text="1m 5m 15m 30m 1h 4h 1d, any n{s,m,h,d}, 1w, 1M; or `frequencies`"
    )
    frequencies = serializers.ListField(
        child=serializers.CharField(max_length=8),
        min_length=1,
        max_length=12,
        required=False,
        help_text="instead of `frequency`: several, each a version of its own, all made in one pass over the source",
    )
    version = serializers.IntegerField(required=False, min_value=1, max_value=2_147_483_647)
    price = serializers.ChoiceField(["trade", "bid", "ask", "mid"], required=False)
    emptyBars = serializers.ChoiceField(["omit", "fill"], required=False)
    session = serializers.CharField(
        max_length=32,
        required=False,
        allow_null=True,
        help_text="exchange calendar or time zone that daily bars follow, as XNYS or Europe/Berlin; null: plain UTC",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take one of frequency and frequencies, the latter without repeats."""
        several = attrs.get("frequencies")
        if ("frequency" in attrs) == (several is not None):
            words = "This field is required." if several is None else "Give frequency or frequencies, not both."
            raise serializers.ValidationError({"frequency": [words]})
        names = [intervals.parse(each).text for each in several or []]
        if len(set(names)) < len(names):
            raise serializers.ValidationError({"frequencies": ["The same frequency stands here twice."]})
        return attrs


class AcceptRequest(serializers.Serializer):
    """Which finding of a report is accepted, and why."""

    check = serializers.CharField(max_length=100, help_text="id of a check that is not GREEN")
    reason = serializers.CharField(min_length=acceptance.REASON_LEAST, max_length=acceptance.REASON_MOST)
    version = serializers.IntegerField(required=False, min_value=1, max_value=2_147_483_647)


ACCEPTANCE = inline_serializer(
    "Acceptance",
    {
        "check": serializers.CharField(),
        "grade": serializers.CharField(),
        "count": serializers.IntegerField(),
        "dataset": serializers.CharField(),
        "version": serializers.IntegerField(),
        "reason": serializers.CharField(),
    },
)


class Accept(TenantView):
    """Acceptance of a finding."""

    @extend_schema(
        operation_id="datasets_accept_finding",
        request=AcceptRequest,
        responses={201: shapes.answer_of("AcceptanceAnswer", acceptance=ACCEPTANCE)},
    )
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Note who accepted which finding, and why: audited and shown beside it; verdict and state stay."""
        asked = self.parsed(AcceptRequest)
        dataset = self.find(Dataset, ref)
        version = versions.of_dataset(dataset, asked["version"]) if "version" in asked else versions.judged(dataset)
        return respond(
            request, {"acceptance": acceptance.accept(self.actor, version, asked["check"], asked["reason"])}, 201
        )


OUTPUT = inline_serializer(
    "CandlesOutput",
    {
        "frequency": serializers.CharField(),
        "outputVersionId": serializers.CharField(),
        "outputVersion": serializers.IntegerField(),
    },
)
CANDLES_STARTED = shapes.answer_of(
    "CandlesStarted",
    dataset=show.DatasetSerializer(),
    job=jobs.JobSerializer(allow_null=True),
    outputVersionId=serializers.CharField(),
    outputVersion=serializers.IntegerField(),
    outputs=serializers.ListField(child=OUTPUT, help_text="one a frequency, in the order asked; the first is above"),
    version=serializers.IntegerField(help_text="the source version used"),
)


class Candles(TenantView):
    """Bars made of a version."""

    @extend_schema(operation_id="datasets_candles", request=CandlesRequest, responses={202: CANDLES_STARTED})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Make bars as version n+1, one a frequency; the same request joins the version that is already there."""
        options = self.parsed(CandlesRequest)
        dataset = self.find(Dataset, ref)
        wanted = options.pop("version", None)
        frequencies = options.pop("frequencies", None) or [options["frequency"]]
        source, made, job = candles.request_many(self.actor, dataset, wanted, options, frequencies)
        outputs = [
            {"frequency": each.params["frequency"], "outputVersionId": each.ref, "outputVersion": each.number}
            for each in made
        ]
        told = {name: outputs[0][name] for name in ("outputVersionId", "outputVersion")}
        return started(request, dataset, job, {**told, "outputs": outputs, "version": source.number})


def started(request: Request, dataset: Dataset, job: Any, more: dict[str, Any]) -> Response:
    """Return the 202 of a long operation."""
    dataset.refresh_from_db()
    payload = {"dataset": one(dataset), "job": jobs.render(job) if job else None, **more}
    return respond(request, payload, 202, {"Location": f"/v1/jobs/{job.ref}"} if job else None)
