"""The base of every API view: the actor, tenant-scoped look-up by typed id, scopes by method, requestId in bodies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from tradenexus import ids
from tradenexus.actor import Actor
from tradenexus.errors import BadRequest, NotFound
from tradenexus.tenancy.models import TenantOwned

Row = TypeVar("Row", bound=TenantOwned)


class TenantView(APIView):
    """A view inside one tenant. `scopes` maps method to scope; a method without an entry needs `write`."""

    scopes: ClassVar[Mapping[str, str | None]] = {}

    def scope_for(self, method: str) -> str | None:
        """Return the scope a method needs."""
        if method in self.scopes:
            return self.scopes[method]
        return "read" if method in {"GET", "HEAD", "OPTIONS"} else "write"

    @property
    def actor(self) -> Actor:
        """Who is calling."""
        return self.request.auth  # type: ignore[return-value]

    def find(self, model: type[Row], ref: str, **related: Any) -> Row:
        """Return this tenant's row with the typed id; NotFound for unknown, malformed and other tenants' ids alike."""
        return find(self.actor, model, ref)

    def parsed(self, serializer: type[Serializer], data: Any = None) -> dict[str, Any]:
        """Return the request body checked by a serializer; BadRequest names each wrong or unknown field."""
        body = self.request.data if data is None else data
        if not isinstance(body, dict):
            raise BadRequest("the body must be a JSON object")
        checked = serializer(data=body)
        unknown = sorted(set(body) - set(checked.fields))
        if unknown:
            raise BadRequest(f"unknown field: {unknown[0]}", {"fields": {name: ["unknown field"] for name in unknown}})
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)

    def query(self, serializer: type[Serializer]) -> dict[str, Any]:
        """Return the query parameters checked by a serializer (paging parameters are read by pagination)."""
        checked = serializer(data=self.request.query_params)
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)


def find(actor: Actor, model: type[Row], ref: str) -> Row:
    """Return the actor's tenant's row with the typed id; NotFound otherwise."""
    noun = model._meta.verbose_name
    try:
        row = model.of(actor.tenant_id).filter(id=ids.decode(model.prefix, ref)).first()
    except ValueError:
        row = None
    if row is None:
        raise NotFound(f"no {noun} with id {ref[:64]!r} in this workspace")
    return row


def respond(
    request: Request, payload: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the payload with `requestId` in front."""
    request_id = getattr(request._request, "request_id", "")
    return Response({"requestId": request_id, **payload}, status=status, headers=dict(headers or {}))
