"""/v1/views: saved views of the list of datasets."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import saved
from datasets.models import SavedView
from tradenexus import db, ids
from tradenexus.actor import Actor
from tradenexus.rest import idempotency, pagination, shapes
from tradenexus.rest.views import TenantView, respond

# One's own views need no more than looking on; sharing one is refused in datasets.saved without `write`.
OWN = {"POST": "read", "PATCH": "read", "DELETE": "read"}


class ViewSerializer(serializers.Serializer):
    """A saved view."""

    id = serializers.CharField()
    name = serializers.CharField()
    query = serializers.CharField(allow_blank=True, help_text="filters as in an address: state=ready&kind=bars")
    filters = serializers.DictField(child=serializers.CharField(), help_text="the same, one by one")
    shared = serializers.BooleanField()
    ownerId = serializers.CharField()
    mine = serializers.BooleanField()
    web = serializers.CharField()
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()


class ViewRequest(serializers.Serializer):
    """A view to save."""

    name = serializers.CharField(max_length=80)
    query = serializers.CharField(max_length=1000, allow_blank=True, default="")
    shared = serializers.BooleanField(default=False)


class ViewChange(serializers.Serializer):
    """What is to be different."""

    name = serializers.CharField(max_length=80, required=False)
    query = serializers.CharField(max_length=1000, allow_blank=True, required=False)
    shared = serializers.BooleanField(required=False)


ANSWER = shapes.answer_of("ViewAnswer", view=ViewSerializer())


def render(actor: Actor, view: SavedView) -> dict[str, Any]:
    """Return a view as the API shows it."""
    return {
        "id": view.ref,
        "name": view.name,
        "query": view.query,
        "filters": saved.filters_of(view),
        "shared": view.shared,
        "ownerId": ids.encode("usr", view.user_id),
        "mine": view.user_id == actor.user_id,
        "web": f"/datasets/?{view.query}",
        "createdAt": view.created_at,
        "updatedAt": view.updated_at,
    }


class ViewList(TenantView):
    """Saved views."""

    scopes = OWN

    @extend_schema(operation_id="views_list", parameters=shapes.PAGING, responses=shapes.page_of(ViewSerializer))
    def get(self, request: Request) -> Response:
        """List one's own views and those shared with the workspace, by name."""
        return pagination.page(
            request, saved.seen_by(self.actor), lambda view: render(self.actor, view), order=("name", "id")
        )

    @extend_schema(operation_id="views_create", request=ViewRequest, responses={201: ANSWER})
    @idempotency.once
    def post(self, request: Request) -> Response:
        """Save filters under a name; private unless `shared`, which needs the scope `write`."""
        asked = self.parsed(ViewRequest)
        view = saved.create(self.actor, asked["name"], asked["query"], asked["shared"])
        return respond(request, {"view": render(self.actor, view)}, 201)


class ViewDetail(TenantView):
    """One saved view."""

    scopes = OWN

    @extend_schema(operation_id="views_get", responses=ANSWER)
    def get(self, request: Request, ref: str) -> Response:
        """Return a view."""
        return respond(request, {"view": render(self.actor, saved.find(self.actor, ref))})

    @extend_schema(operation_id="views_change", request=ViewChange, responses=ANSWER)
    def patch(self, request: Request, ref: str) -> Response:
        """Rename a view, give it other filters, share it or take it back."""
        view = saved.find(self.actor, ref)
        with db.atomic():
            view = saved.change(self.actor, view, **self.parsed(ViewChange))
        return respond(request, {"view": render(self.actor, view)})

    @extend_schema(
        operation_id="views_delete",
        request=None,
        responses={200: shapes.answer_of("ViewDeleted", deleted=serializers.CharField())},
    )
    def delete(self, request: Request, ref: str) -> Response:
        """Delete a view; no dataset is touched."""
        view = saved.find(self.actor, ref)
        with db.atomic():
            saved.delete(self.actor, view)
        return respond(request, {"deleted": view.ref})
