"""What a version holds: rows, shapes of columns, chart, coverage, its report, its lineage, its activity, its bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import activity, charts, lineage, neighbourhood, reads, versions
from datasets.api.datasets import VERSION
from datasets.api.queries import QueryView
from datasets.models import Dataset, DatasetVersion, QualityReport, Status, VersionFile
from datasets.storage import blobs
from tradenexus import ids
from tradenexus.audit import api as audit
from tradenexus.errors import BadRequest, NotFound
from tradenexus.openlineage import api as openlineage
from tradenexus.openlineage import events
from tradenexus.rest import pagination, shapes, streams
from tradenexus.rest.views import respond

SYMBOL = OpenApiParameter("symbol", str, description="One of the version's symbols; default: the first")
AROUND = (
    OpenApiParameter("focus", str, description="Id of a node of the lineage; default: the version"),
    OpenApiParameter("depth", {"type": "integer", "minimum": 1, "maximum": 20, "default": 1}, description="Steps"),
    OpenApiParameter("dir", str, enum=["up", "down", "both"], description="default: both"),
    OpenApiParameter(
        "fan",
        {"type": "integer", "minimum": 1, "maximum": 500, "default": 25},
        description="The newest neighbours of a node and kind that are told",
    ),
)
WITH_ROWS = frozenset(set(Status.values) - {Status.UPLOADING})


class VersionView(QueryView):
    """A view of one version of a dataset: `?version=` or the path's number, default the newest with rows."""

    def version(self, ref: str, number: str | None = None) -> DatasetVersion:
        """Return the version meant."""
        dataset = self.find(Dataset, ref)
        wanted = number or self.request.query_params.get("version")
        if wanted:
            return versions.of_dataset(dataset, wanted)
        sealed = DatasetVersion.of(dataset.tenant_id).filter(dataset=dataset, sealed_at__isnull=False)
        good = sealed.exclude(status=Status.VALIDATION_FAILED)  # what a fix left may be RED, and has rows
        return good.order_by("-number").first() or versions.of_dataset(dataset, None)

    @property
    def symbol(self) -> str | None:
        """The symbol asked for."""
        text = self.request.query_params.get("symbol") or None
        if text and "\0" in text:
            raise BadRequest("a symbol cannot hold a NUL character")
        return text


class PreviewSerializer(shapes.Answer):
    """A page of canonical rows; times are ISO 8601 UTC, numbers exact decimal text."""

    version = serializers.IntegerField()
    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(child=serializers.DictField())
    offset = serializers.IntegerField()
    totalRows = serializers.IntegerField(allow_null=True)
    nextCursor = serializers.CharField(allow_null=True)


_PREVIEW: dict[str, Any] = {
    "parameters": [VERSION, SYMBOL, *shapes.PAGING],
    "responses": {200: PreviewSerializer},
}


@extend_schema_view(get=extend_schema(operation_id="datasets_preview", **_PREVIEW))
class Preview(VersionView):
    """Rows of a version."""

    def get(self, request: Request, ref: str, number: str | None = None) -> Response:
        """Return a page of rows; the cursor is a row offset."""
        version = self.version(ref, number)
        offset = self.number("cursor", 0, 0, 10**15) or 0
        limit = pagination.limit_of(request)
        columns, rows, following = reads.rows_page(version, offset, limit, self.symbol)
        payload = {"version": version.number, "columns": columns, "rows": rows, "offset": offset}
        cursor = str(following) if following is not None else None
        return respond(request, payload | {"totalRows": version.row_count, "nextCursor": cursor})


@extend_schema_view(get=extend_schema(operation_id="versions_preview", **_PREVIEW))
class VersionPreview(Preview):
    """Rows of the version that the address names."""


class Columns(VersionView):
    """Shapes of a version's columns."""

    @extend_schema(operation_id="versions_columns", parameters=[VERSION, SYMBOL], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, ref: str) -> Response:
        """Return type, nulls, least, greatest and histogram of each column of one symbol."""
        version = self.version(ref)
        return respond(request, {"version": version.number, **charts.columns(version, self.symbol)})


class Chart(VersionView):
    """Bars for a chart."""

    @extend_schema(
        operation_id="versions_chart",
        parameters=[
            VERSION,
            SYMBOL,
            OpenApiParameter("start", str, description="inclusive, ISO 8601"),
            OpenApiParameter("end", str, description="exclusive, ISO 8601"),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 5000, "default": 1000}),
        ],
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, ref: str) -> Response:
        """Return at most `limit` bars of one symbol, down-sampled to the finest round span that fits."""
        version = self.version(ref)
        most = self.number("limit", 1_000, 1, charts.MAX_BARS) or 1_000
        drawn = charts.chart(version, self.symbol, self.moment("start"), self.moment("end"), most)
        return respond(request, {"version": version.number, **drawn})


class Coverage(VersionView):
    """Days covered."""

    @extend_schema(operation_id="versions_coverage", parameters=[VERSION, SYMBOL], responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request, ref: str) -> Response:
        """Return the rows of each UTC day of one symbol."""
        version = self.version(ref)
        return respond(request, {"version": version.number, **charts.coverage(version, self.symbol)})


class Quality(VersionView):
    """The verdict on a version."""

    @extend_schema(
        operation_id="datasets_quality_report",
        parameters=[VERSION],
        responses={200: shapes.answer_of("QualityReportAnswer", qualityReport=serializers.DictField())},
    )
    def get(self, request: Request, ref: str) -> Response:
        """Return the quality report; before validation an empty one that says so."""
        dataset = self.find(Dataset, ref)
        wanted = request.query_params.get("version")
        version = versions.of_dataset(dataset, wanted) if wanted else versions.judged(dataset)
        return respond(request, {"qualityReport": report_of(version)})


def report_of(version: DatasetVersion) -> dict[str, Any]:
    """Return the contract's QualityReport of a version."""
    head = {
        "datasetId": ids.encode(Dataset.prefix, version.dataset_id),
        "versionId": version.ref,
        "version": version.number,
        "status": version.status,
    }
    report = QualityReport.of(version.tenant_id).filter(version=version).first()
    if report is None:
        empty: dict[str, Any] = dict.fromkeys(("grade", "score", "rows"))
        empty |= {"summary": "not validated yet", "issues": [], "checks": []}
        return {**head, **empty}
    return {**report.body, **head, "rejectsCount": report.rejects_count, "jobId": report.job_ref}


class Rejects(VersionView):
    """The rows a validation refused."""

    @extend_schema(
        operation_id="versions_rejects",
        parameters=[VERSION],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, ref: str) -> StreamingHttpResponse:
        """Download the refused rows as JSON lines: row, line, column, value, reason."""
        version = versions.of_dataset(self.find(Dataset, ref), request.query_params.get("version"))
        report = QualityReport.of(version.tenant_id).filter(version=version).exclude(rejects_key="").first()
        if report is None:
            raise NotFound(f"version {version.number} has no refused rows")
        size = blobs.size_bytes(report.rejects_key)
        return streams.download(request, _reader(report.rejects_key), size, "", "rejects.jsonl")


class Lineage(VersionView):
    """Where a version comes from."""

    @extend_schema(
        operation_id="versions_lineage",
        parameters=[
            VERSION,
            *AROUND,
            OpenApiParameter(
                "format", str, enum=["json", "openlineage", "ndjson"], description="openlineage: run events"
            ),
        ],
        responses={
            200: shapes.answer_of(
                "LineageAnswer",
                focus=serializers.CharField(required=False),
                path=serializers.ListField(child=serializers.CharField(), required=False),
                nodes=serializers.ListField(child=serializers.DictField()),
                edges=serializers.ListField(child=serializers.DictField()),
            )
        },
    )
    def get(self, request: Request, ref: str) -> Response | HttpResponse:
        """Return the graph from the first byte to the last report; default: of the newest version.

        Without `focus`, `depth`, `dir` and `fan` the whole of it, up to 20 generations of versions each way, 200
        versions a generation, and 500 publications and 500 backtest inputs. With one of them the neighbourhood of the
        focus: each node says in `neighbours` and `hidden` how many it has above and below, and how many of them are
        not in the answer; `path` leads from the version to the focus. As `openlineage`: a bare list of the run events
        of the jobs that made the things of the whole graph (`ndjson`: one a line).
        """
        version = versions.of_dataset(self.find(Dataset, ref), request.query_params.get("version"))
        around = neighbourhood.asked(request.query_params)
        if request.query_params.get("format", "json") != "json":
            as_lines = openlineage.wants_lines(request)
            found = _events(version)
            return openlineage.lines(found) if as_lines else Response(found)
        return respond(request, neighbourhood.of(version, **around) if around else lineage.of_version(version))


def _events(version: DatasetVersion) -> list[dict[str, Any]]:
    nodes = lineage.of_version(version)["nodes"]
    jobs = {str(ref) for node in nodes if (ref := (node.get("details") or {}).get("jobId"))}
    return events.about(version.tenant_id, [node["id"] for node in nodes], jobs)


class Activity(VersionView):
    """What happened to a dataset."""

    @extend_schema(
        operation_id="datasets_audit",
        parameters=shapes.PAGING,
        responses={200: shapes.page_of(audit.EntrySerializer)},
    )
    def get(self, request: Request, ref: str) -> Response:
        """List the audit entries of a dataset and its (newest 1,000) versions, newest first."""
        dataset = self.find(Dataset, ref)
        rows = activity.entries(dataset, list(activity.subjects_of(dataset)))
        return pagination.page(request, rows, audit.render, ("-seq",))


class Download(VersionView):
    """A version's bytes."""

    @extend_schema(
        operation_id="versions_download",
        parameters=[
            VERSION,
            OpenApiParameter("what", str, enum=["raw", "canonical"], description="default: raw where there is one"),
            SYMBOL,
            OpenApiParameter("file", int, description="number of a canonical file, as the version lists them"),
        ],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, ref: str) -> StreamingHttpResponse:
        """Download the raw file, or one symbol's canonical Parquet file; ranges and digest for resuming."""
        version = self.version(ref)
        what = request.query_params.get("what") or ("raw" if version.raw_key else "canonical")
        if what == "raw":
            if not version.raw_key:
                raise NotFound(f"version {version.number} was not uploaded: it has no raw file; use what=canonical")
            name = version.filename or "data"
            return streams.download(request, _reader(version.raw_key), version.size_bytes, version.sha256, name)
        if what != "canonical":
            raise BadRequest("what must be raw or canonical", {"fields": {"what": [what[:32]]}})
        file = self._chosen(version)
        name = f"{file.instrument}_{file.interval or version.kind}_v{version.number}.parquet"
        return streams.download(request, _reader(file.key), file.size_bytes, file.sha256, name)

    def _chosen(self, version: DatasetVersion) -> VersionFile:
        """Return the one file meant; BadRequest where several would fit, because one of them is not the version."""
        number = self.number("file", None, 0, 2**31 - 1)
        found = [file for file in reads.files_of(version, self.symbol) if number in (None, file.number)]
        if len(found) == 1:
            return found[0]
        listed = [{"file": file.number, "symbol": file.instrument, "venue": file.venue} for file in found[:50]]
        if not found:
            raise NotFound(f"version {version.number} has no file {number}")
        raise BadRequest(
            f"version {version.number} has {len(found)} files here: name one with symbol=, or with file= by its number",
            {"fields": {"symbol": ["required"]}, "files": listed},
        )


def _reader(key: str) -> Callable[[int, int], Iterator[bytes]]:
    return lambda start, stop: blobs.read_range(key, start, stop)
