"""Dataset and version as the API shows them, and their shapes for the OpenAPI file."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from datasets.models import Dataset, DatasetVersion, Status, VersionFile
from datasets.reads import time_text
from tradenexus import ids
from tradenexus.jobs.api import JobSerializer
from tradenexus.rest import shapes

VERSION_PARAMETER_WORDS = "Version number; default: the newest in a legal state for the action"


class TimeRangeSerializer(serializers.Serializer):
    """First and last row, both inclusive, UTC."""

    start = serializers.CharField()
    end = serializers.CharField()


class FileSerializer(serializers.Serializer):
    """One canonical Parquet file of a version."""

    number = serializers.IntegerField()
    symbol = serializers.CharField()
    venue = serializers.CharField(allow_blank=True)
    interval = serializers.CharField(allow_null=True)
    rows = serializers.IntegerField()
    sizeBytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    timeRange = TimeRangeSerializer()


class VersionSerializer(serializers.Serializer):
    """One version of a dataset."""

    id = serializers.CharField()
    datasetId = serializers.CharField()
    version = serializers.IntegerField()
    status = serializers.ChoiceField(Status.values)
    statusReason = serializers.CharField(allow_blank=True)
    operation = serializers.CharField()
    parentId = serializers.CharField(allow_null=True)
    params = serializers.DictField()
    filename = serializers.CharField(allow_blank=True)
    sizeBytes = serializers.IntegerField(allow_null=True)
    sha256 = serializers.CharField(allow_null=True)
    contentDigest = serializers.CharField(allow_null=True)
    kind = serializers.CharField(allow_null=True)
    interval = serializers.CharField(allow_null=True)
    venue = serializers.CharField(allow_blank=True)
    rowCount = serializers.IntegerField(allow_null=True)
    timeRange = TimeRangeSerializer(allow_null=True)
    symbols = serializers.ListField(child=serializers.CharField())
    grade = serializers.CharField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()
    sealedAt = serializers.DateTimeField(allow_null=True)


class VersionDetailSerializer(VersionSerializer):
    """One version with its files and the way its raw file is read."""

    plan = serializers.DictField(allow_null=True)
    files = FileSerializer(many=True)


class LinksSerializer(serializers.Serializer):
    """Where to read on."""

    self = serializers.CharField()
    versions = serializers.CharField()
    lineage = serializers.CharField()
    qualityReport = serializers.CharField()
    audit = serializers.CharField()
    web = serializers.CharField()


class DatasetSerializer(serializers.Serializer):
    """A dataset in the state of its newest version."""

    id = serializers.CharField()
    name = serializers.CharField()
    filename = serializers.CharField(allow_blank=True)
    contentType = serializers.CharField(allow_blank=True)
    sizeBytes = serializers.IntegerField(allow_null=True)
    status = serializers.ChoiceField(Status.values)
    statusReason = serializers.CharField(allow_blank=True)
    providerDataId = serializers.CharField(allow_null=True)
    uploadUrl = serializers.CharField(allow_null=True)
    kind = serializers.CharField(allow_null=True)
    interval = serializers.CharField(allow_null=True)
    resolution = serializers.CharField(allow_null=True, help_text="1m, 1d, ... or ticks, of the newest sealed version")
    vendor = serializers.CharField(allow_null=True, help_text="as somebody said: where it was got")
    assetClass = serializers.CharField(allow_null=True, help_text="as somebody said: what is traded")
    versionId = serializers.CharField()
    version = serializers.IntegerField()
    sha256 = serializers.CharField(allow_null=True)
    rowCount = serializers.IntegerField(allow_null=True)
    timeRange = TimeRangeSerializer(allow_null=True)
    symbols = serializers.ListField(child=serializers.CharField())
    grade = serializers.CharField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    tenantId = serializers.CharField()
    ownerId = serializers.CharField(allow_null=True)
    links = LinksSerializer()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()


STARTED = shapes.answer_of("DatasetActionStarted", dataset=DatasetSerializer(), job=JobSerializer())


def time_range(start_ns: int | None, end_ns: int | None) -> dict[str, str] | None:
    """Return {start, end} of the first and last row, or None without rows."""
    if start_ns is None or end_ns is None:
        return None
    return {"start": time_text(start_ns), "end": time_text(end_ns)}


def version(row: DatasetVersion) -> dict[str, Any]:
    """Return a version as the API shows it."""
    return {
        "id": row.ref,
        "datasetId": ids.encode(Dataset.prefix, row.dataset_id),
        "version": row.number,
        "status": row.status,
        "statusReason": row.status_reason,
        "operation": row.operation,
        "parentId": ids.encode(DatasetVersion.prefix, row.parent_id) if row.parent_id else None,
        "params": row.params,
        "filename": row.filename,
        "contentDigest": row.content_digest or None,
        "venue": row.venue,
        "sealedAt": row.sealed_at,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        **_content(row),
    }


def _content(row: DatasetVersion) -> dict[str, Any]:
    return {
        # an upload that began without its length has no size yet
        "sizeBytes": None if row.status == Status.UPLOADING and not row.size_bytes else row.size_bytes,
        "sha256": row.sha256 or None,
        "kind": row.kind or None,
        "interval": row.interval or None,
        "rowCount": row.row_count,
        "timeRange": time_range(row.start_ns, row.end_ns),
        "symbols": row.symbols,
        "grade": row.grade or None,
        "score": row.score,
    }


def version_detail(row: DatasetVersion) -> dict[str, Any]:
    """Return a version with its files."""
    files = VersionFile.objects.filter(version=row).order_by("number")[:1_000]
    return {**version(row), "plan": row.plan, "files": [_file(file) for file in files]}


def _file(file: VersionFile) -> dict[str, Any]:
    return {
        "number": file.number,
        "symbol": file.instrument,
        "venue": file.venue,
        "interval": file.interval or None,
        "rows": file.rows,
        "sizeBytes": file.size_bytes,
        "sha256": file.sha256,
        "timeRange": time_range(file.t0_ns, file.t1_ns),
    }


def dataset(row: Dataset, newest: DatasetVersion) -> dict[str, Any]:
    """Return a dataset as the API shows it: its newest version's state and content."""
    upload = newest.status == Status.UPLOADING and getattr(newest, "upload", None)
    base = f"/v1/datasets/{row.ref}"
    return {
        "id": row.ref,
        "name": row.name,
        "filename": newest.filename,
        "contentType": newest.content_type,
        "status": newest.status,
        "statusReason": newest.status_reason,
        "providerDataId": row.provider_data_id or None,
        "uploadUrl": f"/v1/uploads/{upload.ref}" if upload else None,
        "resolution": row.resolution or None,
        "vendor": row.vendor or None,
        "assetClass": row.asset_class or None,
        "versionId": newest.ref,
        "version": newest.number,
        **_content(newest),
        "tenantId": ids.encode("tnt", row.tenant_id),
        "ownerId": ids.encode("usr", row.owner_id) if row.owner_id else None,
        "links": {
            "self": base,
            "versions": f"{base}/versions",
            "lineage": f"{base}/lineage",
            "qualityReport": f"{base}/quality-report",
            "audit": f"{base}/audit",
            "web": f"/datasets/{row.ref}/",
        },
        "createdAt": row.created_at,
        "updatedAt": newest.updated_at,
    }
