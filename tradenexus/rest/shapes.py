"""Serializers that many answers share, for the OpenAPI file: the requestId, a page of items, paging parameters."""

from __future__ import annotations

from functools import cache

from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers


class Answer(serializers.Serializer):
    """An answer that is not a list."""

    requestId = serializers.CharField()


PAGING = [
    OpenApiParameter("cursor", str, description="nextCursor of the page before"),
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}),
]


@cache
def page_of(item: type[serializers.Serializer]) -> serializers.Serializer:
    """Return the shape of a list of items."""
    return inline_serializer(
        f"{item.__name__.removesuffix('Serializer')}Page",
        {
            "requestId": serializers.CharField(),
            "items": item(many=True),
            "nextCursor": serializers.CharField(allow_null=True),
        },
    )


def answer_of(name: str, **fields: serializers.Field) -> serializers.Serializer:
    """Return the shape {requestId, **fields} under a name of its own."""
    return inline_serializer(name, {"requestId": serializers.CharField(), **fields})
