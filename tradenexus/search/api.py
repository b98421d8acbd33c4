"""/v1/search: hits of every kind; /v1/overview: what is here and what goes on."""

from __future__ import annotations

import shutil

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from tradenexus.errors import BadRequest
from tradenexus.rest import shapes
from tradenexus.rest.views import TenantView, respond
from tradenexus.search import doctor
from tradenexus.search.registry import FINDERS, SUMMARIES

PER_KIND = 20


class HitSerializer(serializers.Serializer):
    """One thing found."""

    kind = serializers.CharField()
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    detail = serializers.CharField(allow_blank=True)
    url = serializers.CharField()


class Search(TenantView):
    """The search box."""

    @extend_schema(
        operation_id="search",
        parameters=[OpenApiParameter("q", str, required=True, description="at least one character")],
        responses={200: shapes.answer_of("SearchAnswer", items=HitSerializer(many=True))},
    )
    def get(self, request: Request) -> Response:
        """Find things by name, symbol or id, at most 20 of each kind."""
        text = request.query_params.get("q", "").strip()[:200]
        if not text or "\0" in text:
            raise BadRequest("q must hold at least one character", {"fields": {"q": ["required"]}})
        hits = [hit for find in FINDERS.values() for hit in find(self.actor.tenant_id, text, PER_KIND)]
        return respond(request, {"items": hits})


class FindingSerializer(serializers.Serializer):
    """One line of the examination."""

    check = serializers.CharField()
    state = serializers.ChoiceField(["ok", "warn", "fail"])
    found = serializers.CharField(allow_blank=True)
    fix = serializers.CharField(allow_blank=True)


class Doctor(TenantView):
    """The installation's health in detail."""

    scopes = {"GET": "write"}  # it tells of the machine: not for viewers

    @extend_schema(
        operation_id="doctor", responses={200: shapes.answer_of("DoctorAnswer", items=FindingSerializer(many=True))}
    )
    def get(self, request: Request) -> Response:
        """Examine database, wake-ups, disk, the reader's protections and the provider."""
        return respond(request, {"items": doctor.examine()})


class Overview(TenantView):
    """The workspace at a glance."""

    @extend_schema(operation_id="overview", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Return counts by state, recent work and free disk."""
        disk = shutil.disk_usage(settings.NEXUS_HOME)
        parts = {name: summarise(self.actor.tenant_id) for name, summarise in SUMMARIES.items()}
        return respond(request, {**parts, "disk": {"freeBytes": disk.free, "totalBytes": disk.total}})
