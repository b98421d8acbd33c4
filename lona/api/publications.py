"""Publish a version, and what is at the provider: publications, mappings and their reconciliation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.api import shapes as dataset_shapes
from datasets.api.datasets import one
from datasets.models import Dataset
from lona import reconcile, resolve
from lona.adapter.digest import NS
from lona.api import shapes as show
from lona.client import connect
from lona.models import Publication, PublicationState
from lona.publish import requests
from tradenexus.errors import BadRequest
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, pagination, shapes
from tradenexus.rest.views import TenantView, respond


class SliceRequest(serializers.Serializer):
    """Half-open [start, end), UTC (a day, or a time with or without zone); absent ends are the version's own."""

    start = serializers.CharField(required=False, max_length=40)
    end = serializers.CharField(required=False, max_length=40)
    symbols = serializers.ListField(
        child=serializers.CharField(max_length=128), required=False, min_length=1, max_length=1000
    )


class PublishRequest(serializers.Serializer):
    """What to publish; the whole newest publishable version when nothing is said."""

    mode = serializers.ChoiceField(["explicit", "just_in_time"], default="explicit")
    slice = SliceRequest(required=False, allow_null=True)
    version = serializers.IntegerField(required=False, min_value=1, max_value=2_147_483_647)


PUBLISHING = shapes.answer_of(
    "PublishStarted",
    dataset=dataset_shapes.DatasetSerializer(),
    publication=show.PublicationSerializer(),
    publications=show.PublicationSerializer(many=True),
    version=serializers.IntegerField(),
    job=jobs.JobSerializer(),
)


class Publish(TenantView):
    """Publication of a version."""

    scopes = {"POST": "publish"}

    @extend_schema(operation_id="datasets_publish", request=PublishRequest, responses={202: PUBLISHING})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Publish a version, or a slice of it; an identical slice is joined, and the provider gets it once."""
        asked = self.parsed(PublishRequest)
        dataset = self.find(Dataset, ref)
        version = resolve.publishable(dataset, asked.get("version"))
        part = asked.get("slice") or {}
        start, end = _instant(part.get("start"), "start"), _instant(part.get("end"), "end")
        if start is not None and end is not None and start >= end:
            raise BadRequest("slice.start must be before slice.end", {"fields": {"slice": ["ranges are half-open"]}})
        slices = resolve.slices(version, start, end, part.get("symbols"))
        wanted = requests.request(self.actor, version, slices, asked["mode"])
        dataset.refresh_from_db()
        rows = [show.publication(row) for row in wanted.publications]
        payload = {
            "dataset": one(dataset),
            "publication": rows[0],
            "publications": rows,
            "version": version.number,
            "job": jobs.render(wanted.job),
        }
        return respond(request, payload, 202, {"Location": f"/v1/jobs/{wanted.job.ref}"})


def _instant(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None and len(text) > len("2024-01-31"):
            words = f"slice.{name} needs a zone, e.g. {text[:19]}Z"
            raise BadRequest(words, {"fields": {"slice": [text[:40]]}})
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = int(moment.replace(microsecond=0).timestamp())
    except (ValueError, OverflowError):
        raise BadRequest(f"slice.{name} is not a day or a time", {"fields": {"slice": [text[:40]]}}) from None
    if not 0 <= seconds < 9_223_372_036:
        raise BadRequest(f"slice.{name} lies outside 1970 to 2262", {"fields": {"slice": [text[:40]]}})
    return seconds * NS + moment.microsecond * 1_000


class PublicationList(TenantView):
    """Publications of the workspace."""

    @extend_schema(
        operation_id="publications_list",
        parameters=[
            OpenApiParameter("state", str, enum=PublicationState.values),
            OpenApiParameter("datasetId", str),
            *shapes.PAGING,
        ],
        responses={200: shapes.page_of(show.PublicationSerializer)},
    )
    def get(self, request: Request) -> Response:
        """List publications, newest first."""
        rows = Publication.of(self.actor.tenant_id).select_related("version__dataset")
        asked: Any = request.query_params
        if asked.get("state"):
            if asked["state"] not in PublicationState.values:
                raise BadRequest(f"state knows {', '.join(PublicationState.values)}", {"fields": {"state": [""]}})
            rows = rows.filter(state=asked["state"])
        if asked.get("datasetId"):
            rows = rows.filter(version__dataset=self.find(Dataset, asked["datasetId"]))
        return pagination.page(request, rows, show.publication)


class PublicationDetail(TenantView):
    """One publication."""

    @extend_schema(
        operation_id="publications_get",
        responses={200: shapes.answer_of("PublicationAnswer", publication=show.PublicationSerializer())},
    )
    def get(self, request: Request, ref: str) -> Response:
        """Return one publication."""
        return respond(request, {"publication": show.publication(self.find(Publication, ref))})


class MappingList(TenantView):
    """Which version is which symbol at the provider."""

    @extend_schema(
        operation_id="mappings_list", parameters=shapes.PAGING, responses={200: shapes.page_of(show.MappingSerializer)}
    )
    def get(self, request: Request) -> Response:
        """List published slices with what the last reconcile found."""
        rows = Publication.of(self.actor.tenant_id).select_related("version__dataset")
        return pagination.page(request, rows.filter(state=PublicationState.PUBLISHED), show.mapping)


class ReconcileRequest(serializers.Serializer):
    """Only look (the default), or mend too; orphans are deleted at the provider only when asked."""

    dryRun = serializers.BooleanField(default=True)
    deleteOrphans = serializers.BooleanField(default=False)


RECONCILED = shapes.answer_of(
    "Reconciled",
    dryRun=serializers.BooleanField(),
    items=show.MappingSerializer(many=True),
    counts=serializers.DictField(child=serializers.IntegerField()),
)


class Reconcile(TenantView):
    """Our record against the provider's."""

    scopes = {"POST": "publish"}

    @extend_schema(operation_id="mappings_reconcile", request=ReconcileRequest, responses={200: RECONCILED})
    def post(self, request: Request) -> Response:
        """Compare both ways; mend our side unless `dryRun`. Repeating it is harmless, so it needs no key."""
        asked = self.parsed(ReconcileRequest)
        client = connect(self.actor.request_id)
        found = reconcile.compare(self.actor, client)
        if not asked["dryRun"]:
            reconcile.mend(self.actor, client, found, asked["deleteOrphans"])
        counts: dict[str, int] = {}
        for row in found:
            counts[row.state] = counts.get(row.state, 0) + 1
        payload = {"dryRun": asked["dryRun"], "items": [show.finding(row) for row in found], "counts": counts}
        return respond(request, payload)
