"""/v1/datasets: list, one, archive; its versions and their differences."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import descriptions, lifecycle, listing, versions
from datasets.api import shapes as show
from datasets.market.kinds import ASSET_CLASSES
from datasets.models import Dataset, DatasetVersion, Status
from tradenexus import db
from tradenexus.errors import BadRequest
from tradenexus.rest import pagination, shapes
from tradenexus.rest.views import TenantView, respond

FILTERS = [
    OpenApiParameter("state", str, description="A status; several by comma"),
    OpenApiParameter("kind", str, enum=listing.KINDS),
    OpenApiParameter("symbol", str),
    OpenApiParameter("vendor", str, description="Where it was got, exactly as it was said"),
    OpenApiParameter("assetClass", str, enum=list(ASSET_CLASSES)),
    OpenApiParameter("resolution", str, description="ticks, or the interval of the bars: 1m, 1h, 1d, ..."),
    OpenApiParameter("owner", str, description="me, an e-mail address or a person's id (usr_...)"),
    OpenApiParameter(
        "freshness",
        str,
        enum=[*listing.FRESHNESS, listing.OLDER],
        description="When the newest version was begun: within this time, or older than the longest",
    ),
    OpenApiParameter("q", str, description="Part of the name, or an id"),
    OpenApiParameter("sort", str, enum=list(listing.SORTS)),
]
VERSION = OpenApiParameter("version", str, description=show.VERSION_PARAMETER_WORDS)

ARCHIVED = shapes.answer_of("DatasetArchived", dataset=show.DatasetSerializer(), version=serializers.IntegerField())


class DatasetList(TenantView):
    """Datasets of the workspace."""

    @extend_schema(
        operation_id="datasets_list",
        parameters=[*FILTERS, *shapes.PAGING],
        responses={200: shapes.page_of(show.DatasetSerializer)},
    )
    def get(self, request: Request) -> Response:
        """List datasets, newest first; archived ones only when asked for by `state=archived`."""
        asked = request.query_params
        order = listing.order_of(asked)
        rows = listing.filtered(self.actor, asked)
        limit = pagination.limit_of(request)
        found, cursor = pagination.slice_of(rows, order, limit, asked.get("cursor"))
        return respond(request, {"items": render_all(found), "nextCursor": cursor})


def render_all(rows: list[Dataset]) -> list[dict[str, Any]]:
    """Return datasets as the API shows them, with one query for all their newest versions."""
    newest = {version.dataset_id: version for version in listing.newest_of(rows)}
    return [show.dataset(row, newest[row.id]) for row in rows]


class Description(serializers.Serializer):
    """What is said of a dataset; what is left out stays, an empty text takes back."""

    vendor = serializers.CharField(required=False, allow_blank=True, max_length=descriptions.LONGEST)
    assetClass = serializers.ChoiceField(ASSET_CLASSES, required=False, allow_blank=True)


class DatasetDetail(TenantView):
    """One dataset."""

    @extend_schema(
        operation_id="datasets_get",
        responses={200: shapes.answer_of("DatasetAnswer", dataset=show.DatasetSerializer())},
    )
    def get(self, request: Request, ref: str) -> Response:
        """Return one dataset."""
        return respond(request, {"dataset": one(self.find(Dataset, ref))})

    @extend_schema(
        operation_id="datasets_describe",
        request=Description,
        responses={200: shapes.answer_of("DatasetDescribed", dataset=show.DatasetSerializer())},
    )
    def patch(self, request: Request, ref: str) -> Response:
        """Say where a dataset was got and what is traded in it, or take it back."""
        dataset, said = self.find(Dataset, ref), self.parsed(Description)
        with db.atomic():
            told = {"vendor": said.get("vendor"), "asset_class": said.get("assetClass")}
            descriptions.change(self.actor, dataset, **told)
        return respond(request, {"dataset": one(dataset)})

    @extend_schema(
        operation_id="datasets_archive",
        parameters=[VERSION],
        request=None,
        responses={200: ARCHIVED},
    )
    def delete(self, request: Request, ref: str) -> Response:
        """Archive a version (default: the newest): it takes no further part; nothing is deleted, lineage stays."""
        dataset = self.find(Dataset, ref)
        with db.atomic():
            version = versions.of_dataset(dataset, request.query_params.get("version"))
            if version.status != Status.ARCHIVED:
                lifecycle.advance(version, Status.ARCHIVED, self.actor, reason="archived by request")
        return respond(request, {"dataset": one(dataset), "version": version.number})


def one(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset as the API shows it."""
    return show.dataset(dataset, versions.of_dataset(dataset, None))


class VersionList(TenantView):
    """Versions of a dataset."""

    @extend_schema(
        operation_id="versions_list",
        parameters=shapes.PAGING,
        responses={200: shapes.page_of(show.VersionSerializer)},
    )
    def get(self, request: Request, ref: str) -> Response:
        """List a dataset's versions, newest first."""
        rows = DatasetVersion.of(self.actor.tenant_id).filter(dataset=self.find(Dataset, ref))
        return pagination.page(request, rows, show.version, ("-number",))


class VersionDetail(TenantView):
    """One version."""

    @extend_schema(
        operation_id="versions_get",
        parameters=[OpenApiParameter("number", int, OpenApiParameter.PATH)],
        responses={200: shapes.answer_of("VersionAnswer", version=show.VersionDetailSerializer())},
    )
    def get(self, request: Request, ref: str, number: str) -> Response:
        """Return one version with its files."""
        version = versions.of_dataset(self.find(Dataset, ref), number)
        return respond(request, {"version": show.version_detail(version)})


class DiffSerializer(shapes.Answer):
    """What differs between two versions."""

    a = show.VersionSerializer()
    b = show.VersionSerializer()
    identical = serializers.BooleanField()
    rowsDelta = serializers.IntegerField(allow_null=True)
    changed = serializers.DictField(help_text="field -> [value in a, value in b]")
    symbolsAdded = serializers.ListField(child=serializers.CharField())
    symbolsRemoved = serializers.ListField(child=serializers.CharField())


class VersionDiff(TenantView):
    """Two versions side by side."""

    @extend_schema(
        operation_id="versions_diff",
        parameters=[OpenApiParameter("span", str, OpenApiParameter.PATH, description="a...b, two version numbers")],
        responses={200: DiffSerializer},
    )
    def get(self, request: Request, ref: str, span: str) -> Response:
        """Compare two versions of a dataset."""
        dataset = self.find(Dataset, ref)
        first, dots, second = span.partition("...")
        if not dots:
            raise BadRequest("name two versions as a...b")
        a, b = versions.of_dataset(dataset, first), versions.of_dataset(dataset, second)
        return respond(request, difference(show.version(a), show.version(b)))


def difference(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Return what differs between two versions as the API shows them."""
    facts = ("kind", "interval", "rowCount", "timeRange", "grade", "score", "sizeBytes", "sha256", "contentDigest")
    counted = a["rowCount"] is not None and b["rowCount"] is not None
    return {
        "a": a,
        "b": b,
        "identical": a["contentDigest"] is not None and a["contentDigest"] == b["contentDigest"],
        "rowsDelta": b["rowCount"] - a["rowCount"] if counted else None,
        "changed": {name: [a[name], b[name]] for name in facts if a[name] != b[name]},
        "symbolsAdded": sorted(set(b["symbols"]) - set(a["symbols"])),
        "symbolsRemoved": sorted(set(a["symbols"]) - set(b["symbols"])),
    }
