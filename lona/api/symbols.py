"""The provider's symbols, and linking a global one as a dataset."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.api import shapes as dataset_shapes
from datasets.api.datasets import one
from lona import errors, symbols
from lona.api import shapes as show
from lona.client import connect, provider_label
from tradenexus.errors import BadRequest
from tradenexus.rest import idempotency, pagination, shapes
from tradenexus.rest.views import TenantView, respond

SCOPES = ("mine", "global")


class SymbolList(TenantView):
    """Symbols at the provider."""

    @extend_schema(
        operation_id="lona_symbols_list",
        parameters=[OpenApiParameter("scope", str, enum=SCOPES, default="mine"), *shapes.PAGING],
        responses={200: shapes.page_of(show.ProviderSymbolSerializer)},
    )
    def get(self, request: Request) -> Response:
        """List a page of the provider's symbols; a page may hold fewer than asked and still not be the last."""
        scope = request.query_params.get("scope", "mine")
        if scope not in SCOPES:
            raise BadRequest("scope is mine or global", {"fields": {"scope": [scope[:32]]}})
        cursor = request.query_params.get("cursor", "0")
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 10):
            raise BadRequest("the cursor is not one of ours; start again without it", {"fields": {"cursor": [""]}})
        limit = pagination.limit_of(request)
        client = connect(self.actor.request_id)
        items, following = symbols.listed(client, self.actor.tenant_id, scope, int(cursor), limit)
        label = provider_label()
        shown = [show.symbol(item, label) for item in items]
        return respond(request, {"items": shown, "nextCursor": None if following is None else str(following)})


class LinkRequest(serializers.Serializer):
    """A global symbol of the provider."""

    symbolId = serializers.CharField(max_length=200)
    name = serializers.CharField(max_length=200, required=False)


class Link(TenantView):
    """Link a global symbol as a dataset without bytes."""

    @extend_schema(
        operation_id="datasets_link",
        request=LinkRequest,
        responses={201: shapes.answer_of("DatasetLinked", dataset=dataset_shapes.DatasetSerializer())},
    )
    def post(self, request: Request) -> Response:
        """Make a dataset that names a global symbol; the one that is there already is returned."""
        asked = self.parsed(LinkRequest)
        try:  # outside of the transaction: the provider may be slow
            known: Any = symbols.linkable(connect(self.actor.request_id), asked["symbolId"]), provider_label()
        except errors.LonaError as away:
            known = away
        except errors.SymbolNotLinkable as refused:
            known = refused
        return self._link(request, asked=asked, known=known)

    @idempotency.once
    def _link(self, request: Request, *, asked: dict[str, Any], known: Any) -> Response:
        if isinstance(known, Exception):
            raise known
        symbol, label = known
        dataset = symbols.link(self.actor, symbol, asked.get("name", ""), label)
        return respond(request, {"dataset": one(dataset)}, 201, {"Location": f"/v1/datasets/{dataset.ref}"})
