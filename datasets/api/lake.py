"""/v1/lake: what the golden copy holds: entries, their verdicts and revisions, commits, tables."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.api import lake_shapes as show
from datasets.api.queries import QueryView
from datasets.lake import catalog, ledger, scan
from datasets.market import tables
from datasets.models import Grade, LakeCommit, LakeEntry, LakePartition, LakeRevision
from tradenexus.errors import BadRequest
from tradenexus.rest import pagination, shapes
from tradenexus.rest.views import respond

FILTERS = [
    OpenApiParameter("table", str),
    OpenApiParameter("q", str, description="a part of VENUE:SYMBOL"),
    OpenApiParameter("grade", str, enum=["GREEN", "AMBER", "RED"]),
    OpenApiParameter("freshness", str, enum=list(catalog.STATES)),
    OpenApiParameter("vendor", str),
]
ENTRY = shapes.answer_of("LakeEntryAnswer", entry=show.LakeEntrySerializer())


class LakeView(QueryView):
    """A view of one entry, named by table and instrument in the path."""

    def entry(self, table: str, instrument: str) -> LakeEntry:
        """Return the entry; NotFound for what the lake does not hold."""
        return scan.entry_of(self.actor.tenant_id, table, instrument)


class Summary(QueryView):
    """The lake as a whole."""

    @extend_schema(operation_id="lake_summary", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Count entries, rows, bytes, sessions by verdict and entries by freshness."""
        return respond(request, {"lake": catalog.summary(self.actor.tenant_id)})


class Tables(QueryView):
    """The tables that there are."""

    @extend_schema(operation_id="lake_tables", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """List every table with its columns, key and how it is cut into segments."""
        return respond(request, {"items": [_table(table) for table in tables.TABLES.values()], "nextCursor": None})


class Entries(QueryView):
    """Entries of the catalog."""

    @extend_schema(
        operation_id="lake_entries",
        parameters=[*FILTERS, *shapes.PAGING],
        responses=shapes.page_of(show.LakeEntrySerializer),
    )
    def get(self, request: Request) -> Response:
        """List entries by table and instrument."""
        asked = request.query_params
        names = {"table": "table", "text": "q", "grade": "grade", "freshness": "freshness", "vendor": "vendor"}
        given = {name: asked.get(parameter, "") for name, parameter in names.items()}
        rows = catalog.entries(self.actor.tenant_id, **given)
        return pagination.page(request, rows, show.entry, ("table", "instrument"))


class Entry(LakeView):
    """One entry."""

    @extend_schema(operation_id="lake_entry", responses=ENTRY)
    def get(self, request: Request, table: str, instrument: str) -> Response:
        """Return an entry with its coverage."""
        return respond(request, {"entry": show.whole_entry(self.entry(table, instrument))})


class Partitions(LakeView):
    """The ledger of an entry."""

    @extend_schema(
        operation_id="lake_partitions",
        parameters=[
            OpenApiParameter("status", str, enum=["GREEN", "AMBER", "RED"], description="the verdict in force"),
            OpenApiParameter("code", str),
            OpenApiParameter("start", str, description="first session"),
            OpenApiParameter("end", str, description="session after the last"),
            *shapes.PAGING,
        ],
        responses=shapes.page_of(show.PartitionSerializer),
    )
    def get(self, request: Request, table: str, instrument: str) -> Response:
        """List the verdicts on the entry's sessions, the newest first."""
        rows = ledger.in_force(LakePartition.objects.filter(entry=self.entry(table, instrument)))
        asked = request.query_params
        if status := asked.get("status", ""):
            if status not in Grade.values:
                raise BadRequest("status is GREEN, AMBER or RED", {"fields": {"status": [status[:16]]}})
            rows = rows.filter(verdict=status)
        if code := asked.get("code", ""):
            rows = rows.filter(code=code[:24].replace("\0", ""))
        start, end = self.instant("start"), self.instant("end")
        rows = rows.filter(session__gte=start.date()) if start else rows
        rows = rows.filter(session__lt=end.date()) if end else rows
        return pagination.page(request, rows, show.partition, ("-session",))


class Revisions(LakeView):
    """What happened to an entry."""

    @extend_schema(
        operation_id="lake_revisions", parameters=shapes.PAGING, responses=shapes.page_of(show.RevisionSerializer)
    )
    def get(self, request: Request, table: str, instrument: str) -> Response:
        """List the revisions of an entry, the newest first, each with the first values that it replaced."""
        rows = LakeRevision.objects.filter(entry=self.entry(table, instrument))
        return pagination.page(request, rows, show.revision, ("-number",))


class Commits(QueryView):
    """Changes of the lake."""

    @extend_schema(
        operation_id="lake_commits",
        parameters=[
            OpenApiParameter("source", str, description="id of what it came from"),
            OpenApiParameter("operation", str, description="as in ingest, promote, release"),
            *shapes.PAGING,
        ],
        responses=shapes.page_of(show.CommitSerializer),
    )
    def get(self, request: Request) -> Response:
        """List commits, the newest first."""
        rows = LakeCommit.of(self.actor.tenant_id)
        for name in ("source", "operation"):
            if value := request.query_params.get(name, ""):
                rows = rows.filter(**{name: value[:64].replace("\0", "")})
        return pagination.page(request, rows, show.commit)


class Commit(QueryView):
    """One change of the lake."""

    @extend_schema(
        operation_id="lake_commit", responses=shapes.answer_of("LakeCommitAnswer", commit=show.CommitSerializer())
    )
    def get(self, request: Request, ref: str) -> Response:
        """Return a commit."""
        return respond(request, {"commit": show.commit(self.find(LakeCommit, ref))})


class CommitEntries(QueryView):
    """What one commit changed."""

    @extend_schema(
        operation_id="lake_commit_entries",
        parameters=shapes.PAGING,
        responses=shapes.page_of(show.ChangedSerializer),
    )
    def get(self, request: Request, ref: str) -> Response:
        """List the entries that a commit changed, each with the revision that it made and the address of its diff."""
        rows = LakeRevision.objects.filter(commit=self.find(LakeCommit, ref)).select_related("entry")
        return pagination.page(request, rows, show.changed, ("id",))


def _table(table: tables.Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "about": table.about,
        "version": table.version,
        "interval": table.interval,
        "family": table.family,
        "segment": table.span,
        "key": list(table.key),
        "columns": [
            {"name": each.name, "type": each.dtype, "unit": each.unit, "nullable": each.nullable, "about": each.about}
            for each in table.columns
        ],
    }
