"""/v1/vendors: whom this installation can ask for data, and for what."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from backfill.vendors import registry
from backfill.vendors.registry import Listed
from tradenexus.rest import shapes
from tradenexus.rest.views import TenantView, respond

_SHOWN = 200


class CapabilitySerializer(serializers.Serializer):
    """A lake table that a vendor can fill."""

    table = serializers.CharField()
    interval = serializers.CharField(allow_blank=True)
    assetTypes = serializers.ListField(child=serializers.CharField(), help_text="empty: any")
    venues = serializers.ListField(child=serializers.CharField(), help_text="empty: any")
    instruments = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text=f"null: any that it is asked for; at most {_SHOWN}"
    )


class VendorSerializer(serializers.Serializer):
    """A vendor of this installation."""

    name = serializers.CharField()
    configured = serializers.BooleanField()
    missing = serializers.ListField(child=serializers.CharField(), help_text="settings without which it is not asked")
    fault = serializers.CharField(allow_blank=True)
    offline = serializers.BooleanField(allow_null=True, help_text="reads local files only")
    capabilities = CapabilitySerializer(many=True)


def render(each: Listed) -> dict[str, Any]:
    """Return a vendor as the API shows it."""
    return {
        "name": each.name,
        "configured": each.vendor is not None,
        "missing": list(each.lacking),
        "fault": each.fault,
        "offline": each.vendor.offline if each.vendor else None,
        "capabilities": [
            {
                "table": one.table,
                "interval": one.interval,
                "assetTypes": list(one.asset_types),
                "venues": list(one.venues),
                "instruments": None if one.instruments is None else sorted(one.instruments)[:_SHOWN],
            }
            for one in each.capabilities
        ],
    }


class VendorList(TenantView):
    """Vendors of the installation."""

    @extend_schema(
        operation_id="vendors_list", responses=shapes.answer_of("VendorList", items=VendorSerializer(many=True))
    )
    def get(self, request: Request) -> Response:
        """List the vendors, the preferred one first, with what each can fill."""
        return respond(request, {"items": [render(each) for each in registry.listed()]})
