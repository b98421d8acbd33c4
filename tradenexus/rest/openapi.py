"""What drf-spectacular cannot know by itself: our credentials, the error envelope on every route, paging parameters."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

_ERROR = {
    "type": "object",
    "required": ["error", "requestId"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"},
                "message": {"type": "string"},
                "details": {"type": "object", "additionalProperties": True},
            },
        },
        "requestId": {"type": "string"},
    },
}
_CODES = ("400", "401", "403", "404", "405", "406", "409", "410", "413", "415", "422", "429", "502", "503")


class Schema(AutoSchema):
    """Adds the Idempotency-Key header to every POST."""

    def get_override_parameters(self) -> list[Any]:
        """Return the extra parameters of an operation."""
        if self.method != "POST":
            return []
        return [
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "pattern": "^[!-~]{8,128}$"},
                OpenApiParameter.HEADER,
                required=False,
                description="8 to 128 printable characters; the same key and body get the first answer again.",
            )
        ]


class KeyScheme(OpenApiAuthenticationExtension):
    """Names the key in the schema."""

    target_class = "tradenexus.rest.auth.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "nx_<prefix>_<secret>"}


class SessionScheme(OpenApiAuthenticationExtension):
    """Names the browser's session in the schema."""

    target_class = "tradenexus.rest.auth.SessionAuth"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the security scheme."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


def add_common_answers(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put the error envelope on every operation of the schema."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = _ERROR
    reference = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    for path in result.get("paths", {}).values():
        for name, operation in path.items():
            if name in {"get", "post", "put", "patch", "delete", "head"}:
                for code in _CODES:
                    operation["responses"].setdefault(code, {"description": _WORDS[code], **reference})
    return result


_WORDS = {
    "400": "The request is not well formed",
    "401": "No valid credential",
    "403": "Scope or role missing",
    "404": "Unknown id",
    "405": "Method not allowed",
    "406": "Not acceptable",
    "409": "Wrong state, or replayed key with another body",
    "410": "Expired",
    "413": "Too large",
    "415": "Media type not taken",
    "422": "Cannot be carried out",
    "429": "Limit used up",
    "502": "The provider did not answer",
    "503": "Busy",
}
