"""/v1/audit: entries, newest first; /v1/audit:verify walks the chain; /v1/audit/export streams it as JSON lines.

/v1/audit/head is the newest entry's number and hash, to be kept elsewhere; /v1/audit/bundle is one file that proves it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tradenexus import db, ids
from tradenexus.audit import bundle, chain
from tradenexus.audit.models import Entry
from tradenexus.errors import BadRequest
from tradenexus.rest import pagination, shapes, streams
from tradenexus.rest.views import TenantView, respond
from tradenexus.tenancy.models import Tenant


class EntrySerializer(serializers.Serializer):
    """One audit entry."""

    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    userId = serializers.CharField(allow_null=True)
    via = serializers.CharField()
    requestId = serializers.CharField()
    action = serializers.CharField()
    subject = serializers.CharField()
    old = serializers.CharField()
    new = serializers.CharField()
    reason = serializers.CharField()
    details = serializers.DictField()
    prevHash = serializers.CharField()
    hash = serializers.CharField()


def render(entry: Entry) -> dict[str, Any]:
    """Return an entry as the API shows it."""
    return {
        "seq": entry.seq,
        "at": chain.at_text(entry.at),
        "userId": ids.encode("usr", entry.user_id) if entry.user_id else None,
        "via": entry.via,
        "requestId": entry.request_id,
        "action": entry.action,
        "subject": entry.subject,
        "old": entry.old,
        "new": entry.new,
        "reason": entry.reason,
        "details": entry.details,
        "prevHash": entry.prev_hash,
        "hash": entry.hash,
    }


class AuditList(TenantView):
    """Entries of the workspace, newest first."""

    @extend_schema(
        operation_id="audit_list",
        parameters=[
            OpenApiParameter("object", str, description="Typed id of the object, e.g. dsv_…"),
            OpenApiParameter("actor", str, description="usr_… of the person"),
            *shapes.PAGING,
        ],
        responses={200: shapes.page_of(EntrySerializer)},
    )
    def get(self, request: Request) -> Response:
        """List audit entries."""
        rows = Entry.of(self.actor.tenant_id)
        if request.query_params.get("object"):
            rows = rows.filter(subject=request.query_params["object"])
        if request.query_params.get("actor"):
            rows = rows.filter(user_id=_person(request.query_params["actor"]))
        return pagination.page(request, rows, render, ("-seq",))


def _person(text: str) -> Any:
    try:
        return ids.decode("usr", text)
    except ValueError as error:
        raise BadRequest(str(error), {"fields": {"actor": ["must be usr_<32 hex digits>"]}}) from error


class VerdictSerializer(shapes.Answer):
    """The outcome of a verification."""

    ok = serializers.BooleanField()
    entries = serializers.IntegerField()
    head = serializers.CharField()
    firstBad = serializers.IntegerField(allow_null=True)
    why = serializers.CharField(allow_blank=True)


class AuditVerify(TenantView):
    """The chain, walked from its first entry to its head."""

    @extend_schema(operation_id="audit_verify", responses={200: VerdictSerializer})
    def get(self, request: Request) -> Response:
        """Verify the audit chain."""
        verdict = chain.verify(self.actor.tenant_id)
        payload = {"ok": verdict.ok, "entries": verdict.entries, "head": verdict.head}
        return respond(request, payload | {"firstBad": verdict.first_bad, "why": verdict.why})


class AuditExport(TenantView):
    """The whole chain as JSON lines, oldest first."""

    @extend_schema(operation_id="audit_export", responses={(200, "application/x-ndjson"): OpenApiTypes.STR})
    def get(self, request: Request) -> StreamingHttpResponse:
        """Export the audit chain as JSON lines."""
        lines = streams.pieces(_lines(self.actor.tenant_id))
        response = StreamingHttpResponse(lines, content_type="application/x-ndjson")
        response["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
        return response


def _lines(tenant_id: Any) -> Iterator[str]:
    for entry in Entry.of(tenant_id).order_by("seq").iterator(chunk_size=1_000):
        yield json.dumps(render(entry), ensure_ascii=False) + "\n"


class HeadSerializer(shapes.Answer):
    """The newest entry of the chain; `hash` is 64 zeros where nothing has happened yet."""

    seq = serializers.IntegerField()
    hash = serializers.CharField()
    at = serializers.DateTimeField(help_text="when it was asked for")


class AuditHead(TenantView):
    """The head of the chain: kept elsewhere, it is a witness that no entry was computed anew."""

    @extend_schema(operation_id="audit_head", responses={200: HeadSerializer})
    def get(self, request: Request) -> Response:
        """Show the head of the audit chain."""
        head = bundle.head_of(self.actor.tenant_id)
        return respond(request, {"seq": head.audit_seq, "hash": head.audit_hash, "at": chain.at_text(db.now())})


class AuditBundle(TenantView):
    """Entries as they were hashed, the head, and what verifies them offline."""

    @extend_schema(
        operation_id="audit_bundle",
        parameters=[
            OpenApiParameter("from", str, description="A day or a time: the first entry at or after it"),
            OpenApiParameter("to", str, description="A day or a time: the last entry before it"),
        ],
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """Export the audit chain, or a range of it, as a bundle."""
        start, end = (bundle.edge(name, request.query_params.get(name, "")) for name in ("from", "to"))
        if start and end and start >= end:
            raise BadRequest("from must be before to", {"fields": {"from": ["must be before to"]}})
        tenant = Tenant.objects.get(id=self.actor.tenant_id)
        parts = streams.pieces(bundle.pieces(tenant, bundle.span(tenant.id, start, end)))
        response = StreamingHttpResponse(parts, content_type="application/zip")
        response["X-Content-Type-Options"] = "nosniff"
        response["Content-Disposition"] = streams.disposition(f"audit-{db.now():%Y-%m-%d}.zip")
        return response
