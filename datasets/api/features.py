"""/v1/features: what can be derived of the lake, building it, and what the last build covered."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.features import registry, run
from datasets.features.registry import Feature
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, shapes
from tradenexus.rest.views import TenantView, respond


class FeatureColumn(serializers.Serializer):
    """One column of a feature."""

    name = serializers.CharField()
    unit = serializers.CharField(allow_blank=True)
    about = serializers.CharField()


class FeatureSerializer(serializers.Serializer):
    """A feature, the same for every workspace."""

    name = serializers.CharField()
    version = serializers.IntegerField()
    about = serializers.CharField()
    inputs = serializers.ListField(child=serializers.CharField(), help_text="tables, in order of rank")
    table = serializers.CharField(help_text="where the rows are")
    warmUp = serializers.IntegerField(help_text="bars until a row is whole")
    columns = FeatureColumn(many=True)


class Covered(serializers.Serializer):
    """What a build found of one instrument."""

    instrument = serializers.CharField()
    table = serializers.CharField(help_text="the bars it was made of")
    inputRevision = serializers.CharField(help_text="revisions read: of the bars, of the corporate actions (0: none)")
    inputKey = serializers.CharField()
    first = serializers.DateTimeField(allow_null=True)
    last = serializers.DateTimeField(allow_null=True)
    bars = serializers.IntegerField()
    rows = serializers.IntegerField()
    warmUp = serializers.IntegerField(help_text="bars at the beginning whose rows are not whole")
    missing = serializers.DictField(
        child=serializers.IntegerField(), help_text="by column: rows without a value after its first one"
    )
    changed = serializers.BooleanField(help_text="whether this build changed a row of it")
    fault = serializers.CharField(allow_null=True, help_text="why its bars could not be read")
    heldBack = serializers.CharField(allow_null=True, help_text="why nothing is derived of it: a suspected split")


class Coverage(serializers.Serializer):
    """What a build covered."""

    jobId = serializers.CharField()
    builtAt = serializers.DateTimeField()
    version = serializers.IntegerField()
    rows = serializers.IntegerField()
    instruments = Covered(many=True)


class BuildRequest(serializers.Serializer):
    """Of what a feature is to be built."""

    tables = serializers.ListField(
        child=serializers.CharField(max_length=48), min_length=1, max_length=20, required=False,
        help_text="some of the feature's inputs; default: all",
    )  # fmt: skip
    instruments = serializers.ListField(
        child=serializers.CharField(max_length=97), min_length=1, max_length=run.MOST, required=False,
        help_text="VENUE:SYMBOL; default: all that have bars",
    )  # fmt: skip
    full = serializers.BooleanField(default=False, help_text="compute every row again, not only what is new")


FEATURE = FeatureSerializer()
LISTED = shapes.page_of(FeatureSerializer)
SHOWN = shapes.answer_of("FeatureAnswer", feature=FEATURE, coverage=Coverage(allow_null=True))
STARTED = shapes.answer_of("FeatureBuildStarted", feature=FEATURE, job=jobs.JobSerializer())


class FeatureList(TenantView):
    """The registry of features."""

    @extend_schema(operation_id="features_list", responses=LISTED)
    def get(self, request: Request) -> Response:
        """List the features there are."""
        return respond(request, {"items": [shown(each) for each in registry.FEATURES.values()], "nextCursor": None})


class FeatureDetail(TenantView):
    """One feature."""

    @extend_schema(operation_id="features_get", responses=SHOWN)
    def get(self, request: Request, name: str) -> Response:
        """Return a feature and what the last build that succeeded covered here, null before there was one."""
        feature = registry.find(name)
        told = run.last_coverage(self.actor, feature)
        coverage = told and {each: told[each] for each in ("jobId", "builtAt", "version", "rows", "instruments")}
        return respond(request, {"feature": shown(feature), "coverage": coverage})


class Build(TenantView):
    """Building a feature."""

    @extend_schema(operation_id="features_build", request=BuildRequest, responses={202: STARTED})
    @idempotency.once
    def post(self, request: Request, name: str) -> Response:
        """Compute what is new or was restated, as a job; the same request again joins the one under way."""
        feature, job = run.request(self.actor, name, self.parsed(BuildRequest))
        payload = {"feature": shown(feature), "job": jobs.render(job)}
        return respond(request, payload, 202, {"Location": f"/v1/jobs/{job.ref}"})


def shown(feature: Feature) -> dict[str, Any]:
    """Return a feature as the API shows it."""
    return {
        "name": feature.name,
        "version": feature.version,
        "about": feature.about,
        "inputs": list(feature.inputs),
        "table": feature.table,
        "warmUp": feature.warm_up,
        "columns": [{"name": each.name, "unit": each.unit, "about": each.about} for each in feature.columns],
    }


urlpatterns = [
    path("v1/features", FeatureList.as_view()),
    path("v1/features/<str:name>", FeatureDetail.as_view()),
    path("v1/features/<str:name>/build", Build.as_view()),
]
