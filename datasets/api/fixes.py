"""Fixes over the API: a recipe on a version, or on refused rows of the lake; `preview` tells without making."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.api import lake_shapes
from datasets.api import shapes as show
from datasets.api.actions import started
from datasets.api.queries import QueryView
from datasets.lake import settling
from datasets.models import Dataset, LakeQuarantine
from datasets.transforms import fix, held, recipe
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, shapes
from tradenexus.rest.views import respond

NOTE_MOST = 2000
_STEPS = "steps in order: drop, dedupe, shift, scale or clip_range, each with the fields docs/quality.md tells"


class FixRequest(serializers.Serializer):
    """A recipe for a version."""

    steps = serializers.ListField(
        child=serializers.DictField(), min_length=1, max_length=recipe.STEPS, help_text=_STEPS
    )
    version = serializers.IntegerField(required=False, min_value=1, max_value=2_147_483_647)
    note = serializers.CharField(required=False, max_length=NOTE_MOST, allow_blank=True, help_text="why")
    preview = serializers.BooleanField(
        default=False, help_text="make nothing: the job's result tells what each step would touch, and the verdict"
    )


class FixHeldRequest(serializers.Serializer):
    """A recipe for refused rows."""

    steps = serializers.ListField(
        child=serializers.DictField(), min_length=1, max_length=recipe.STEPS, help_text=_STEPS
    )
    reason = serializers.CharField(
        required=False, max_length=NOTE_MOST, allow_blank=True, help_text="why; needed unless it is a preview"
    )
    commit = serializers.BooleanField(default=False, help_text="also offer the fixed rows to the lake")
    policy = serializers.ChoiceField(
        list(held.POLICIES),
        default=held.POLICIES[0],
        help_text="what becomes of other values that stand in the lake under the same keys",
    )
    preview = serializers.BooleanField(default=False, help_text="make nothing: the job's result tells")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for a reason where something is made."""
        if not attrs["preview"] and len((attrs.get("reason") or "").strip()) < settling.REASON_LEAST:
            raise serializers.ValidationError({"reason": [f"Say why, in at least {settling.REASON_LEAST} characters."]})
        return attrs


_MADE: dict[str, Any] = {
    "outputVersionId": serializers.CharField(allow_null=True, help_text="null: a preview makes none"),
    "outputVersion": serializers.IntegerField(allow_null=True),
}
FIX_STARTED = shapes.answer_of(
    "FixStarted",
    dataset=show.DatasetSerializer(),
    job=jobs.JobSerializer(allow_null=True, help_text="null: the same fix was made long ago"),
    version=serializers.IntegerField(help_text="the source version used"),
    **_MADE,
)
FIX_HELD_STARTED = shapes.answer_of(
    "FixHeldStarted",
    quarantine=lake_shapes.QuarantineSerializer(),
    job=jobs.JobSerializer(),
    datasetId=serializers.CharField(allow_null=True),
    **_MADE,
)


class Fix(QueryView):
    """A version made of another by a recipe."""

    @extend_schema(operation_id="datasets_fix", request=FixRequest, responses={202: FIX_STARTED})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Make version n+1 as the steps leave the rows, and judge it; RED versions can be fixed too."""
        asked = self.parsed(FixRequest)
        dataset = self.find(Dataset, ref)
        if asked["preview"]:
            source, job = fix.preview(self.actor, dataset, asked.get("version"), asked["steps"])
            return started(request, dataset, job, {"version": source.number, **made(None)})
        note = (asked.get("note") or "").strip()
        source, output, found = fix.request(self.actor, dataset, asked.get("version"), asked["steps"], note)
        return started(request, dataset, found, {"version": source.number, **made(output)})


class FixHeld(QueryView):
    """A version made of refused rows of the lake."""

    @extend_schema(operation_id="lake_quarantine_fix", request=FixHeldRequest, responses={202: FIX_HELD_STARTED})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Make a version as the steps leave the refused rows; with `commit` the lake judges and takes it. Audited."""
        asked = self.parsed(FixHeldRequest)
        rows = self.find(LakeQuarantine, ref)
        output = None
        if asked["preview"]:
            job = held.preview(self.actor, rows, asked["steps"])
        else:
            output, job = held.request(self.actor, rows, asked)
        dataset = output.dataset.ref if output else None
        payload = {"quarantine": lake_shapes.quarantine(rows), "job": jobs.render(job), "datasetId": dataset}
        return respond(request, {**payload, **made(output)}, 202, {"Location": f"/v1/jobs/{job.ref}"})


def made(output: Any) -> dict[str, Any]:
    """Return the version that is being made, nothing for a preview."""
    return {"outputVersionId": output and output.ref, "outputVersion": output and output.number}
