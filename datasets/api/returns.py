"""/v1/snapshots/{id}/returns-matrix: daily returns of candidates, made of one snapshot."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import ReturnsMatrix, Snapshot
from datasets.selector import matrices
from datasets.storage import blobs
from tradenexus.errors import Conflict, NotFound
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, pagination, shapes, streams
from tradenexus.rest.views import TenantView, respond

NAME = "returns_matrix.parquet"


class DropSerializer(serializers.Serializer):
    """Why a candidate is not in the matrix."""

    candidate = serializers.CharField()
    reason = serializers.CharField()
    words = serializers.CharField()
    measured = serializers.FloatField(required=False)
    limit = serializers.FloatField(required=False)


class MatrixSerializer(serializers.Serializer):
    """A returns matrix: a date and one column for each candidate that is kept."""

    id = serializers.CharField()
    snapshotId = serializers.CharField()
    table = serializers.CharField()
    state = serializers.ChoiceField([matrices.BUILDING, matrices.READY, matrices.FAILED])
    minDays = serializers.IntegerField()
    maxMissingPct = serializers.FloatField()
    candidates = serializers.IntegerField()
    kept = serializers.IntegerField()
    days = serializers.IntegerField()
    sha256 = serializers.CharField(allow_blank=True)
    sizeBytes = serializers.IntegerField()
    dropped = serializers.IntegerField()
    jobId = serializers.CharField()
    createdAt = serializers.DateTimeField()


class MatrixWithDropsSerializer(MatrixSerializer):
    """The same, with every candidate that was dropped."""

    drops = DropSerializer(many=True)


class MatrixRequest(serializers.Serializer):
    """Candidates and rules."""

    candidates = serializers.JSONField(help_text="a list of VENUE:SYMBOL or of objects with symbol, or {meta, data}")
    table = serializers.CharField(max_length=48, required=False, default="", allow_blank=True)
    minDays = serializers.IntegerField(required=False)
    maxMissingPct = serializers.FloatField(required=False)


ANSWER = shapes.answer_of("MatrixAnswer", matrix=MatrixWithDropsSerializer())
STARTED = shapes.answer_of("MatrixStarted", matrix=MatrixWithDropsSerializer(), job=jobs.JobSerializer(allow_null=True))


def render(matrix: ReturnsMatrix) -> dict[str, Any]:
    """Return a matrix as lists show it."""
    return {
        "id": matrix.ref,
        "snapshotId": matrix.snapshot.ref,
        "table": matrix.table,
        "state": matrix.state,
        "minDays": matrix.rules["min_days"],
        "maxMissingPct": matrix.rules["max_missing_pct"],
        "candidates": len(matrix.candidates),
        "kept": matrix.kept,
        "days": matrix.days,
        "sha256": matrix.sha256,
        "sizeBytes": matrix.size_bytes,
        "dropped": len(matrix.drops),
        "jobId": matrix.job_ref,
        "createdAt": matrix.created_at,
    }


def render_whole(matrix: ReturnsMatrix) -> dict[str, Any]:
    """Return a matrix with its drops."""
    return render(matrix) | {"drops": matrix.drops}


class MatrixView(TenantView):
    """A view of one matrix of a snapshot; NotFound for that of another snapshot too."""

    def matrix(self, ref: str, matrix: str) -> ReturnsMatrix:
        """Return the matrix meant."""
        snapshot, found = self.find(Snapshot, ref), self.find(ReturnsMatrix, matrix)
        if found.snapshot_id != snapshot.id:
            raise NotFound(f"no returns matrix with id {matrix[:64]!r} of this snapshot")
        return found


class MatrixList(TenantView):
    """Returns matrices of a snapshot."""

    @extend_schema(operation_id="returns_list", parameters=shapes.PAGING, responses=shapes.page_of(MatrixSerializer))
    def get(self, request: Request, ref: str) -> Response:
        """List the matrices, newest first."""
        rows = ReturnsMatrix.of(self.actor.tenant_id).filter(snapshot=self.find(Snapshot, ref))
        return pagination.page(request, rows.select_related("snapshot"), render)

    @extend_schema(operation_id="returns_create", request=MatrixRequest, responses={202: STARTED, 200: STARTED})
    @idempotency.once
    def post(self, request: Request, ref: str) -> Response:
        """Make a matrix as a job; the same candidates under the same rules join the one that is there (200)."""
        asked = self.parsed(MatrixRequest)
        fields = (("minDays", "min_days"), ("maxMissingPct", "max_missing_pct"))
        rules = {name: asked[field] for field, name in fields if field in asked}
        snapshot = self.find(Snapshot, ref)
        matrix, job = matrices.request(self.actor, snapshot, asked["candidates"], asked["table"], rules)
        payload = {"matrix": render_whole(matrix), "job": jobs.render(job) if job else None}
        return respond(request, payload, 202 if job else 200, {"Location": f"/v1/jobs/{job.ref}"} if job else None)


class MatrixDetail(MatrixView):
    """One matrix."""

    @extend_schema(operation_id="returns_get", responses=ANSWER)
    def get(self, request: Request, ref: str, matrix: str) -> Response:
        """Return a matrix with every drop and its reason."""
        return respond(request, {"matrix": render_whole(self.matrix(ref, matrix))})


class MatrixDownload(MatrixView):
    """A matrix's bytes."""

    @extend_schema(operation_id="returns_download", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, ref: str, matrix: str) -> StreamingHttpResponse:
        """Download returns_matrix.parquet; ranges and digest for resuming."""
        found = self.matrix(ref, matrix)
        if not found.key:
            raise Conflict(f"the matrix has no bytes: {found.state}", {"state": found.state, "jobId": found.job_ref})
        return streams.download(
            request, lambda start, stop: blobs.read_range(found.key, start, stop), found.size_bytes, found.sha256, NAME
        )
