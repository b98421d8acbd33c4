"""Strategies and backtests."""

from __future__ import annotations

import math
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from lona.api import shapes as show
from lona.backtests import lineage, preflight, requests, strategies
from lona.models import Backtest, BacktestStatus, MissingData, Strategy
from tradenexus.errors import BadRequest
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, pagination, shapes
from tradenexus.rest.views import TenantView, respond

CURVES = ("equity", "drawdown", "trades")


class StrategyRequest(serializers.Serializer):
    """What the strategy does, in words."""

    description = serializers.CharField(min_length=10, max_length=20_000)
    name = serializers.CharField(max_length=80, required=False)
    provider = serializers.CharField(max_length=60, required=False, allow_null=True)


STRATEGY = shapes.answer_of("StrategyAnswer", strategy=show.StrategySerializer())


class StrategyList(TenantView):
    """Strategies of the workspace."""

    @extend_schema(
        operation_id="strategies_list",
        parameters=shapes.PAGING,
        responses={200: shapes.page_of(show.StrategySerializer)},
    )
    def get(self, request: Request) -> Response:
        """List strategies, newest first."""
        return pagination.page(request, Strategy.of(self.actor.tenant_id), show.strategy)

    @extend_schema(operation_id="strategies_create", request=StrategyRequest, responses={201: STRATEGY})
    def post(self, request: Request) -> Response:
        """Let the provider write a strategy; it may take three minutes.

        After LONA_UNAVAILABLE or LONA_ANSWER_LOST send the same Idempotency-Key again: the strategy is then looked for
        at the provider before it is asked for anew.
        """
        noted = self._note(request)
        strategy = strategies.make(self.actor, self.find(Strategy, noted.data["strategy"]["id"]))
        replayed = {"Idempotent-Replay": "true"} if noted.has_header("Idempotent-Replay") else {}
        headers = {"Location": f"/v1/strategies/{strategy.ref}", **replayed}
        return respond(request, {"strategy": show.strategy(strategy)}, 201, headers)

    @idempotency.once
    def _note(self, request: Request) -> Response:
        asked = self.parsed(StrategyRequest)
        row = strategies.note(self.actor, asked["description"], asked.get("name", ""), asked.get("provider") or "")
        return respond(request, {"strategy": {"id": row.ref}}, 201)


class StrategyDetail(TenantView):
    """One strategy."""

    @extend_schema(operation_id="strategies_get", responses={200: STRATEGY})
    def get(self, request: Request, ref: str) -> Response:
        """Return one strategy with its code."""
        return respond(request, {"strategy": show.strategy(self.find(Strategy, ref))})


class BacktestRequest(serializers.Serializer):
    """A run: exactly one of datasetIds (`ds_...`, `ds_...@7`) and dataIds (the provider's symbols)."""

    startDate = serializers.DateField(help_text="first day, whole, UTC")
    endDate = serializers.DateField(help_text="last day, whole, UTC")
    initialCash = serializers.FloatField(default=100_000, min_value=0.01, max_value=1e15)
    datasetIds = serializers.ListField(
        child=serializers.CharField(max_length=80), required=False, min_length=1, max_length=20
    )
    dataIds = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, min_length=1, max_length=50
    )
    parameters = serializers.DictField(default=dict)
    commission = serializers.FloatField(default=0.001, min_value=0, max_value=0.5)
    leverage = serializers.FloatField(default=1, min_value=0.01, max_value=100)
    buyOnClose = serializers.BooleanField(default=True)
    missingData = serializers.ChoiceField(MissingData.choices, default=MissingData.FAIL_FAST)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what fits each field and not the whole."""
        if ("datasetIds" in attrs) == ("dataIds" in attrs):
            raise serializers.ValidationError({"datasetIds": ["give exactly one of datasetIds and dataIds"]})
        if attrs["startDate"] > attrs["endDate"]:
            raise serializers.ValidationError({"startDate": ["must not be after endDate"]})
        if attrs["startDate"].year < 1970 or attrs["endDate"].year > 2261:
            raise serializers.ValidationError({"endDate": ["must lie between 1970 and 2261"]})
        if any(not math.isfinite(attrs[name]) for name in ("initialCash", "commission", "leverage")):
            raise serializers.ValidationError({"initialCash": ["must be a finite number"]})
        return attrs

    def validate_parameters(self, value: dict[str, Any]) -> dict[str, Any]:
        """Refuse values that are not plain."""
        if len(value) > 100 or any(len(name) > 100 for name in value):
            raise serializers.ValidationError("at most 100 parameters with names of at most 100 characters")
        if any(isinstance(item, dict | list) for item in value.values()):
            raise serializers.ValidationError("a parameter is a number, a text or true or false")
        if any(not _storable(part) for pair in value.items() for part in pair if isinstance(part, str)):
            raise serializers.ValidationError("a text holds characters that cannot be stored")
        return value


def _storable(text: str) -> bool:
    return "\x00" not in text and not any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)


class PreflightRequest(BacktestRequest):
    """A backtest that is not asked for yet."""

    strategyId = serializers.CharField(max_length=80, required=False)


PREFLIGHT = inline_serializer(
    "Preflight",
    {
        "ok": serializers.BooleanField(help_text="false: a backtest asked for so would be refused"),
        "problems": show.FailureSerializer(many=True),
        "warnings": serializers.ListField(child=serializers.CharField()),
        "inputs": serializers.ListField(child=serializers.DictField(), help_text="one an instrument or linked symbol"),
        "rows": serializers.IntegerField(allow_null=True),
        "missingDays": serializers.IntegerField(allow_null=True),
        "coveragePct": serializers.FloatField(allow_null=True),
        "toPublish": serializers.IntegerField(help_text="slices that would be published just in time"),
    },
)


class Preflight(TenantView):
    """What a backtest would meet."""

    scopes = {"POST": "publish"}

    @extend_schema(
        operation_id="backtests_preflight",
        request=PreflightRequest,
        responses={200: shapes.answer_of("PreflightAnswer", preflight=PREFLIGHT)},
    )
    def post(self, request: Request) -> Response:
        """Look whether a run would go: cover of the days, quality, what must be published first. Changes nothing."""
        asked = self.parsed(PreflightRequest)
        strategy = self.find(Strategy, asked["strategyId"]) if asked.get("strategyId") else None
        return respond(request, {"preflight": preflight.look(self.actor, asked, strategy)})


STARTED = shapes.answer_of("BacktestStarted", backtest=show.BacktestSerializer(), job=jobs.JobSerializer())


class StrategyBacktests(TenantView):
    """Backtests of a strategy."""

    scopes = {"POST": "publish"}

    @extend_schema(operation_id="backtests_create", request=BacktestRequest, responses={202: STARTED})
    def post(self, request: Request, ref: str) -> Response:
        """Run a strategy on exact versions; what is not at the provider yet is published just in time."""
        asked = self.parsed(BacktestRequest)
        strategy = self.find(Strategy, ref)
        requests.refuse_empty(self.actor, asked)
        return self._create(request, strategy=strategy, asked=asked)

    @idempotency.once
    def _create(self, request: Request, *, strategy: Strategy, asked: dict[str, Any]) -> Response:
        row, job = requests.create(self.actor, strategy, asked)
        payload = {"backtest": show.backtest(row), "job": jobs.render(job)}
        return respond(request, payload, 202, {"Location": f"/v1/jobs/{job.ref}"})


class BacktestList(TenantView):
    """Backtests of the workspace."""

    @extend_schema(
        operation_id="backtests_list",
        parameters=[
            OpenApiParameter("status", str, enum=BacktestStatus.values),
            OpenApiParameter("strategyId", str),
            *shapes.PAGING,
        ],
        responses={200: shapes.page_of(show.BacktestSerializer)},
    )
    def get(self, request: Request) -> Response:
        """List backtests, newest first, without curves and trades."""
        rows = Backtest.of(self.actor.tenant_id).defer(*CURVES)
        asked: Any = request.query_params
        if asked.get("status"):
            if asked["status"] not in BacktestStatus.values:
                raise BadRequest(f"status knows {', '.join(BacktestStatus.values)}", {"fields": {"status": [""]}})
            rows = rows.filter(status=asked["status"])
        if asked.get("strategyId"):
            rows = rows.filter(strategy=self.find(Strategy, asked["strategyId"]))
        return pagination.page(request, rows, show.backtest)


class BacktestDetail(TenantView):
    """One backtest."""

    @extend_schema(
        operation_id="backtests_get",
        responses={200: shapes.answer_of("BacktestAnswer", backtest=show.BacktestDetailSerializer())},
    )
    def get(self, request: Request, ref: str) -> Response:
        """Return one backtest with its curves and trades."""
        return respond(request, {"backtest": show.backtest_detail(self.find(Backtest, ref))})


KINDS = ("upload", "version", "publication", "symbol", "strategy", "backtest", "report")
NODE = inline_serializer(
    "LineageNode",
    {
        "id": serializers.CharField(),
        "kind": serializers.ChoiceField(KINDS),
        "label": serializers.CharField(allow_blank=True),
        "digest": serializers.CharField(allow_null=True),
        "details": serializers.DictField(),
    },
    many=True,
)
EDGE = inline_serializer(
    "LineageEdge",
    {
        "from": serializers.CharField(),
        "to": serializers.CharField(),
        "operation": serializers.CharField(),
        "params": serializers.DictField(required=False),
    },
    many=True,
)


class BacktestLineage(TenantView):
    """Where a backtest comes from."""

    @extend_schema(
        operation_id="backtests_lineage",
        responses={200: shapes.answer_of("BacktestLineage", nodes=NODE, edges=EDGE)},
    )
    def get(self, request: Request, ref: str) -> Response:
        """Return nodes and edges from the first byte to the report of this backtest."""
        row = self.find(Backtest, ref)
        return respond(request, lineage.of_backtest(row))
