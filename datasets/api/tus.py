"""The upload protocol in the OpenAPI file: those routes are an ASGI application of their own, which DRF cannot see."""

from __future__ import annotations

from typing import Any

_VERSION = {
    "name": "Tus-Resumable",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "enum": ["1.0.0"]},
}
_REF = {"name": "ref", "in": "path", "required": True, "schema": {"type": "string"}}
_EMPTY = {"description": "Done"}
_ERROR = {
    "description": "See docs/errors.md",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_REFUSALS = ("400", "401", "403", "404", "405", "409", "410", "412", "413", "415", "423", "429", "460", "503", "507")


def add(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add creation, HEAD, PATCH, DELETE and OPTIONS of the tus resource to the schema."""
    for path in ("/v1/uploads", "/v1/uploads/"):
        result["paths"][path] |= {
            "post": _operation("uploads_create" + path[11:].replace("/", "_slash"), _creation(), "201"),
            "options": {
                **_operation("uploads_options" + path[11:].replace("/", "_slash"), [], "204"),
                "security": [],  # what the server can do is no secret
            },
        }
    result["paths"]["/v1/uploads/{ref}"] |= {
        "head": _operation("uploads_offset", [_REF, _VERSION], "200"),
        "patch": {
            **_operation("uploads_append", [_REF, _VERSION, _number("Upload-Offset"), _TOLD_LATER], "204"),
            "requestBody": _BYTES,
        },
        "delete": _operation("uploads_terminate", [_REF, _VERSION], "204"),
    }
    result["paths"]["/v1/uploads/{ref}/parts/{number}"] = {
        "put": {
            **_operation("uploads_mend", [_REF, _PART, _VERSION], "204"),
            "summary": "Send one damaged part again",
            "requestBody": _BYTES,
        }
    }
    return result


_BYTES = {
    "required": True,
    "content": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
_PART = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}


def _creation() -> list[dict[str, Any]]:
    metadata = {
        "name": "Upload-Metadata",
        "in": "header",
        "schema": {"type": "string"},
        "description": "tus metadata: filename, filetype, datasetId, ..., each value in base64",
    }
    return [_VERSION, _number("Upload-Length", required=False), _DEFERRED, _CONCAT, metadata]


def _number(name: str, required: bool = True, description: str = "") -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0}
    told = {"description": description} if description else {}
    return {"name": name, "in": "header", "required": required, "schema": schema, **told}


_TOLD_LATER = _number("Upload-Length", required=False, description="tells the length of an upload begun without, once")
_CONCAT = {
    "name": "Upload-Concat",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`partial`, or `final;` and the addresses of whole partial uploads, separated by spaces",
}
_DEFERRED = {
    "name": "Upload-Defer-Length",
    "in": "header",
    "schema": {"type": "string", "enum": ["1"]},
    "description": "in place of Upload-Length: a later PATCH tells it",
}


def _operation(name: str, parameters: list[dict[str, Any]], done: str) -> dict[str, Any]:
    return {
        "operationId": name,
        "tags": ["uploads"],
        "summary": f"tus 1.0: {name.removeprefix('uploads_').replace('_', ' ')}",
        "parameters": parameters,
        "responses": {done: _EMPTY, **dict.fromkeys(_REFUSALS, _ERROR)},
        "security": [{"apiKey": []}, {"session": []}],
    }
