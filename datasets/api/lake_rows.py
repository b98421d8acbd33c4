"""/v1/lake/{table}/{instrument}/rows: a range of the golden copy as Arrow, Parquet, CSV or pages of JSON."""

from __future__ import annotations

from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.api.lake import LakeView
from datasets.lake import adjusting, frozen, scan, sending
from datasets.market import instruments
from datasets.market.times import time_text
from datasets.models import Snapshot
from tradenexus.errors import BadRequest
from tradenexus.rest import streams
from tradenexus.rest.views import respond

PAGE_ROWS, MOST_ROWS = 1_000, 10_000


class Rows(LakeView):
    """Rows of an entry."""

    @extend_schema(
        operation_id="lake_rows",
        parameters=[
            OpenApiParameter("start", str, description="first moment, ISO 8601 with offset, or a date (UTC)"),
            OpenApiParameter("end", str, description="moment after the last"),
            OpenApiParameter("columns", str, description="names joined by commas; default: all"),
            OpenApiParameter("adjustment", str, enum=list(adjusting.KINDS), description="default: raw"),
            OpenApiParameter("asOf", str, description="the lake as it was then"),
            OpenApiParameter("snapshot", str, description="id of a snapshot: its rows instead of the lake's"),
            OpenApiParameter("format", str, enum=list(sending.FORMATS), description="or by the Accept header"),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": PAGE_ROWS}),
            OpenApiParameter("cursor", str, description="nextCursor of the page before; pages are JSON only"),
        ],
        responses={
            200: OpenApiTypes.OBJECT,
            (200, sending.ARROW): OpenApiTypes.BINARY,
            (200, sending.PARQUET): OpenApiTypes.BINARY,
            (200, sending.CSV): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, table: str, instrument: str) -> Response | StreamingHttpResponse:
        """Return rows in order, prices raw or adjusted; JSON comes in pages, the other forms whole."""
        asked = request.query_params
        media = sending.media_of(request.headers.get("Accept", ""), asked.get("format", ""))
        entry, as_of, snapshot = self.entry(table, instrument), self.instant("asOf"), self._snapshot()
        # Prices of a snapshot are adjusted by what was known when it was frozen.
        known = snapshot.created_at if snapshot else as_of
        columns = [name for name in asked.get("columns", "").split(",") if name] or None
        scan.check_columns(entry, columns)
        start, skip = self._begin()
        change = adjusting.of_entry(entry, asked.get("adjustment") or adjusting.RAW, known, start)
        end = self.moment("end")
        part = frozen.locate(snapshot, entry, start, end) if snapshot else scan.locate(entry, start, end, as_of)
        if media == sending.JSON:
            return self._page(request, part, columns, change, skip)
        response = StreamingHttpResponse(
            streams.pieces(sending.stream(media, part, columns, change)), content_type=media
        )
        name = f"{instruments.parse(entry.instrument).filename}_{entry.table}.{sending.SUFFIXES[media]}"
        response["Content-Disposition"] = streams.disposition(name)
        response["X-Content-Type-Options"] = "nosniff"
        response["X-Lake-Revision"] = str(part.revision)
        return response

    def _snapshot(self) -> Snapshot | None:
        """Return the snapshot to read, if one is named; it has a moment of its own."""
        ref = self.request.query_params.get("snapshot")
        if not ref:
            return None
        if self.request.query_params.get("asOf"):
            words = "a snapshot is of one moment: name either"
            raise BadRequest(words, {"fields": {"asOf": [words]}})
        found: Snapshot = self.find(Snapshot, ref)
        return found

    def _begin(self) -> tuple[int | None, int]:
        """Return where the read begins: at `start`, or where the page before ended."""
        cursor = self.request.query_params.get("cursor")
        if not cursor:
            return self.moment("start"), 0
        at, dot, skip = cursor.partition(".")
        if not (dot and at.lstrip("-").isdigit() and skip.isdigit() and len(cursor) < 32 and cursor.isascii()):
            raise BadRequest("this cursor is not one of this list", {"fields": {"cursor": [cursor[:40]]}})
        return int(at), int(skip)

    def _page(self, request: Request, part: scan.Slice, columns: list[str] | None, change: Any, skip: int) -> Response:
        limit = self.number("limit", PAGE_ROWS, 1, MOST_ROWS) or PAGE_ROWS
        rows, following = sending.page(part, columns, change, skip, limit)
        if following and skip and rows and following[0] == part.start_ns:
            following = (following[0], following[1] + skip)  # the whole page was of one instant
        return respond(
            request,
            {
                "table": part.entry.table,
                "instrument": part.entry.instrument,
                "revision": part.revision,
                "adjustment": request.query_params.get("adjustment") or adjusting.RAW,
                "start": None if part.start_ns is None else time_text(part.start_ns),
                "columns": columns or scan.columns_of(part.entry),
                "rows": rows,
                "nextCursor": f"{following[0]}.{following[1]}" if following else None,
            },
        )
