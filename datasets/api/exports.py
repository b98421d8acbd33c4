"""/v1/exports: nightly bundles of the lake and their files; /v1/lake/catalog.json: what the lake holds now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from django.http import StreamingHttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.exports import archive, bundles, catalog, documents, places, pulls
from datasets.models import ExportBundle, ExportFile, ExportPull, ExportState
from tradenexus.errors import NotFound
from tradenexus.jobs import api as jobs
from tradenexus.rest import idempotency, pagination, shapes, streams
from tradenexus.rest.views import TenantView, respond

REF = OpenApiParameter("ref", str, "path", description="exp_..., a date (YYYY-MM-DD), or `latest`")
BYTES = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


class ExportRequest(serializers.Serializer):
    """What is to be in tonight's bundle; nothing said: all tables and instruments, GREEN sessions."""

    tables = serializers.ListField(child=serializers.CharField(max_length=48), required=False, max_length=100)
    instruments = serializers.ListField(
        child=serializers.CharField(max_length=97), required=False, max_length=1_000, help_text="VENUE:SYMBOL"
    )
    includeAmber = serializers.BooleanField(required=False, help_text="AMBER sessions come along; RED ones never do")


class TableCountSerializer(serializers.Serializer):
    """What is in a bundle of one table."""

    table = serializers.CharField()
    entries = serializers.IntegerField()
    partitions = serializers.IntegerField(help_text="sessions that are in it")
    heldBack = serializers.IntegerField(help_text="sessions that were left out; held_back.json says why")
    files = serializers.IntegerField()
    rows = serializers.IntegerField()
    sizeBytes = serializers.IntegerField()


class ExportLinksSerializer(serializers.Serializer):
    """Where to go on."""

    self = serializers.CharField()
    manifest = serializers.CharField()
    files = serializers.CharField()
    archive = serializers.CharField()
    pulls = serializers.CharField()
    web = serializers.CharField()


class ExportSerializer(serializers.Serializer):
    """A bundle. While it is built anew the figures are those of what is served until then."""

    id = serializers.CharField()
    date = serializers.DateField()
    state = serializers.ChoiceField(ExportState.values)
    served = serializers.BooleanField(help_text="whether it has files to give")
    parameters = serializers.DictField()
    manifestSha256 = serializers.CharField(allow_null=True)
    baseDate = serializers.DateField(allow_null=True, help_text="the bundle that changes are counted against")
    files = serializers.IntegerField()
    unchangedFiles = serializers.IntegerField()
    entries = serializers.IntegerField()
    partitions = serializers.IntegerField()
    heldBack = serializers.IntegerField()
    rows = serializers.IntegerField()
    sizeBytes = serializers.IntegerField()
    changedBytes = serializers.IntegerField()
    tables = TableCountSerializer(many=True)
    error = serializers.DictField(allow_null=True)
    jobId = serializers.CharField(allow_null=True)
    createdAt = serializers.DateTimeField()
    builtAt = serializers.DateTimeField(allow_null=True)
    links = ExportLinksSerializer()


class ExportFileSerializer(serializers.Serializer):
    """One file of a bundle."""

    path = serializers.CharField()
    sha256 = serializers.CharField()
    sizeBytes = serializers.IntegerField()
    rows = serializers.IntegerField(allow_null=True)
    unchanged = serializers.BooleanField(help_text="the base has the same bytes under this path")


class ExportPullSerializer(serializers.Serializer):
    """What one person pulled of a bundle on one day."""

    user = serializers.CharField(allow_blank=True, help_text="empty: the account is gone")
    day = serializers.DateField(help_text="UTC")
    files = serializers.IntegerField(help_text="sent to their end, one by one")
    archives = serializers.IntegerField(help_text="the bundle in one piece, sent to its end")
    sizeBytes = serializers.IntegerField(help_text="handed to the connection, cut transfers too")
    manifestSha256 = serializers.CharField(help_text="which build of the bundle it was")
    current = serializers.BooleanField(help_text="whether that is the build that is served now")
    firstAt = serializers.DateTimeField()
    lastAt = serializers.DateTimeField()


ANSWER = shapes.answer_of("ExportAnswer", export=ExportSerializer())
STARTED = shapes.answer_of("ExportStarted", export=ExportSerializer(), job=jobs.JobSerializer())


def render(row: ExportBundle) -> dict[str, Any]:
    """Return a bundle as the API shows it."""
    place = f"/v1/exports/{row.ref}"
    ends = {name: f"{place}/{name}" for name in ("manifest", "files", "archive", "pulls")}
    return {
        "id": row.ref,
        "date": row.night,
        "state": row.state,
        "served": bool(row.folder),
        "parameters": row.parameters,
        "manifestSha256": row.manifest_sha256 or None,
        "baseDate": row.base.night if row.base else None,
        "files": row.files_count,
        "unchangedFiles": row.unchanged_count,
        "entries": row.entries,
        "partitions": row.partitions,
        "heldBack": row.held_back,
        "rows": row.rows,
        "sizeBytes": row.size_bytes,
        "changedBytes": row.changed_bytes,
        "tables": [{"table": table, **counts} for table, counts in row.summary.items()],
        "error": row.error,
        "jobId": row.job_ref or None,
        "createdAt": row.created_at,
        "builtAt": row.built_at,
        "links": {"self": place, **ends, "web": f"/exports/{row.night}/"},
    }


def render_file(row: ExportFile) -> dict[str, Any]:
    """Return a file of a bundle as the API shows it."""
    told = {"path": row.path, "sha256": row.sha256, "sizeBytes": row.size_bytes}
    return told | {"rows": row.rows, "unchanged": row.unchanged}


def render_pull(row: ExportPull) -> dict[str, Any]:
    """Return what one person pulled on one day as the API shows it."""
    return {
        "user": row.user.email if row.user else "",
        "day": row.day,
        "files": row.files,
        "archives": row.archives,
        "sizeBytes": row.size_bytes,
        "manifestSha256": row.manifest_sha256,
        "current": row.manifest_sha256 == row.bundle.manifest_sha256,
        "firstAt": row.first_at,
        "lastAt": row.last_at,
    }


class ExportView(TenantView):
    """A view of one bundle."""

    def bundle(self, ref: str) -> ExportBundle:
        """Return the bundle meant, which has files to give."""
        return bundles.served(bundles.find(self.actor, ref))

    def file(self, row: ExportBundle, wanted: str) -> ExportFile:
        """Return a file of the bundle; only paths that the manifest lists exist."""
        found = ExportFile.objects.filter(bundle=row, path=wanted).first() if "\0" not in wanted else None
        if found is None:
            raise NotFound(f"the export of {row.night} has no file {wanted[:100]!r}")
        return found

    def sent(self, row: ExportBundle, file: ExportFile) -> StreamingHttpResponse:
        """Answer a file, or the range of it that was asked for."""
        place = places.bundle(row.tenant_id, row.folder) / file.path
        name = file.path.rpartition("/")[2]
        try:
            return streams.download(self.request, partial(self._read, row, place), file.size_bytes, file.sha256, name)
        except FileNotFoundError as gone:
            raise bundles.ExportExpired(f"{file.path} of {row.night} was removed a moment ago") from gone

    def _read(self, row: ExportBundle, place: Path, start: int, stop: int) -> Iterator[bytes]:
        return pulls.counted(self.actor, row, _bytes(place, start, stop))


class ExportList(TenantView):
    """Bundles of the workspace."""

    @extend_schema(operation_id="exports_list", parameters=shapes.PAGING, responses=shapes.page_of(ExportSerializer))
    def get(self, request: Request) -> Response:
        """List bundles, the newest night first."""
        rows = ExportBundle.of(self.actor.tenant_id).select_related("base")
        return pagination.page(request, rows, render)

    @extend_schema(operation_id="exports_create", request=ExportRequest, responses={202: STARTED})
    @idempotency.once
    def post(self, request: Request) -> Response:
        """Build tonight's bundle (UTC) from the lake as it is now; while it is being built the same request joins."""
        row, job = bundles.request(self.actor, self.parsed(ExportRequest))
        payload = {"export": render(row), "job": jobs.render(job)}
        return respond(request, payload, 202, {"Location": f"/v1/jobs/{job.ref}"})


class ExportDetail(ExportView):
    """One bundle."""

    @extend_schema(operation_id="exports_get", parameters=[REF], responses=ANSWER)
    def get(self, request: Request, ref: str) -> Response:
        """Return a bundle."""
        return respond(request, {"export": render(bundles.find(self.actor, ref))})


class ExportManifest(ExportView):
    """The manifest of a bundle."""

    @extend_schema(operation_id="exports_manifest", parameters=[REF], responses=BYTES)
    def get(self, request: Request, ref: str) -> StreamingHttpResponse:
        """Return manifest.json, byte for byte: every file with size, rows and SHA-256."""
        row = self.bundle(ref)
        return self.sent(row, self.file(row, documents.MANIFEST))


class ExportFiles(ExportView):
    """The files of a bundle."""

    @extend_schema(
        operation_id="exports_files", parameters=[REF, *shapes.PAGING], responses=shapes.page_of(ExportFileSerializer)
    )
    def get(self, request: Request, ref: str) -> Response:
        """List the files by path."""
        rows = ExportFile.objects.filter(bundle=self.bundle(ref))
        return pagination.page(request, rows, render_file, order=("path",))


class ExportFileBytes(ExportView):
    """One file of a bundle."""

    @extend_schema(
        operation_id="exports_file",
        parameters=[REF, OpenApiParameter("path", str, "path", description="as the manifest lists it")],
        responses=BYTES,
    )
    def get(self, request: Request, ref: str, path: str) -> StreamingHttpResponse:
        """Download a file; Range for the rest of one, the ETag is its SHA-256."""
        row = self.bundle(ref)
        return self.sent(row, self.file(row, path))


class ExportArchive(ExportView):
    """A bundle as one archive."""

    @extend_schema(
        operation_id="exports_archive", parameters=[REF], responses={(200, "application/zstd"): OpenApiTypes.BINARY}
    )
    def get(self, request: Request, ref: str) -> StreamingHttpResponse:
        """Download the bundle as tar.zst, made while it is sent; to go on after a break, fetch files one by one."""
        row = self.bundle(ref)
        listed = ExportFile.objects.filter(bundle=row).exclude(path=documents.MANIFEST).order_by("path")
        files = [*listed.values_list("path", "size_bytes")]
        files.append((documents.MANIFEST, self.file(row, documents.MANIFEST).size_bytes))
        whole = archive.stream(places.bundle(row.tenant_id, row.folder), files, row.night)
        packed = pulls.counted(self.actor, row, whole, archive=True)
        response = StreamingHttpResponse(streams.pieces(packed), content_type="application/zstd")
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Disposition"] = streams.disposition(f"{row.night}.tar.zst")
        return response


class ExportPulls(ExportView):
    """Who pulled a bundle."""

    @extend_schema(
        operation_id="exports_pulls", parameters=[REF, *shapes.PAGING], responses=shapes.page_of(ExportPullSerializer)
    )
    def get(self, request: Request, ref: str) -> Response:
        """List who pulled it, when, and how much; the newest first."""
        row = bundles.find(self.actor, ref)
        rows = ExportPull.of(self.actor.tenant_id).filter(bundle=row).select_related("user", "bundle")
        return pagination.page(request, rows, render_pull, order=("-last_at", "-id"))


class Catalog(TenantView):
    """catalog.json of the lake as it is now."""

    @extend_schema(
        operation_id="lake_catalog",
        responses={(200, "application/json"): OpenApiTypes.OBJECT},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Return {"EXCHANGE:SYMBOL_1d": {freshness, start_date, end_date, data_quality_score}}, as bundles hold it."""
        told = json.dumps(catalog.of(self.actor.tenant_id), ensure_ascii=False).encode()
        response = StreamingHttpResponse(streams.pieces(iter([told])), content_type="application/json")
        response["Content-Length"] = str(len(told))
        return response


def _bytes(place: Path, start: int, stop: int) -> Iterator[bytes]:
    handle = place.open("rb")  # now, not with the first block: what is gone is told as such
    handle.seek(start)
    return _blocks(handle, stop - start)


def _blocks(handle: BinaryIO, left: int) -> Iterator[bytes]:
    with handle:
        while left > 0 and (block := handle.read(min(archive.BLOCK_BYTES, left))):
            left -= len(block)
            yield block


urlpatterns = [
    path("v1/lake/catalog.json", Catalog.as_view()),
    path("v1/exports", ExportList.as_view()),
    path("v1/exports/<str:ref>", ExportDetail.as_view()),
    path("v1/exports/<str:ref>/manifest", ExportManifest.as_view()),
    path("v1/exports/<str:ref>/files", ExportFiles.as_view()),
    path("v1/exports/<str:ref>/files/<path:path>", ExportFileBytes.as_view()),
    path("v1/exports/<str:ref>/pulls", ExportPulls.as_view()),
    path("v1/exports/<str:ref>/archive", ExportArchive.as_view()),
]
