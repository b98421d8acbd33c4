"""From any exception to the contract's error envelope. One of the four borders where everything is caught."""

from __future__ import annotations

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from tradenexus import errors
from tradenexus.errors import ProblemError

log = structlog.get_logger(__name__)


class DatabaseBusy(errors.Unavailable):
    """The database did not take the write in time. Nothing was changed; try again after `Retry-After` seconds."""

    code = "DATABASE_BUSY"


class DatabaseFull(errors.Unavailable):
    """The disk of the database is full. Nothing was changed; free space there, then do the same again."""

    code, status = "DATABASE_FULL", 507


class DatabaseFailed(errors.Unavailable):
    """The disk of the database answered a read, write or sync with an error. Nothing was changed; see the log."""

    code = "DATABASE_FAILED"


_FULL_INDEX = 4874  # SQLITE_IOERR_SHMSIZE
_FULL = {13, _FULL_INDEX, "53100"}  # SQLITE_FULL, the above, and PostgreSQL's disk_full
_BROKEN = {10, "58030"}  # SQLITE_IOERR, io_error
_OF_DRF: dict[type[Exception], type[ProblemError]] = {
    exceptions.ValidationError: errors.BadRequest,
    exceptions.ParseError: errors.BadRequest,
    exceptions.NotAuthenticated: errors.AuthRequired,
    exceptions.AuthenticationFailed: errors.AuthRequired,
    exceptions.PermissionDenied: errors.Forbidden,
    PermissionDenied: errors.Forbidden,
    exceptions.NotFound: errors.NotFound,
    Http404: errors.NotFound,
    exceptions.MethodNotAllowed: errors.MethodNotAllowed,
    exceptions.NotAcceptable: errors.NotAcceptable,
    exceptions.UnsupportedMediaType: errors.UnsupportedMedia,
    exceptions.Throttled: errors.TooManyRequests,
}


def handle(exception: Exception, context: dict[str, Any]) -> Response:
    """Return the envelope for an exception raised in an API view; what nobody expected is logged and answered 500."""
    problem = problem_of(exception)
    request_id = getattr(context["request"]._request, "request_id", "")
    if problem.status >= 500:
        log.error("api_error", code=problem.code, exc_info=exception)
    return Response(problem.envelope(request_id), status=problem.status, headers=headers_of(problem))


def problem_of(exception: Exception) -> ProblemError:
    """Return the ProblemError that stands for an exception."""
    if isinstance(exception, ProblemError):
        return exception
    if isinstance(exception, OperationalError):
        return _of_database(exception)
    for kind, problem in _OF_DRF.items():
        if isinstance(exception, kind):
            return _translated(exception, problem)
    return ProblemError("an unexpected error on our side; nothing already accepted is lost")


def _of_database(exception: OperationalError) -> ProblemError:
    cause = exception.__cause__
    code = getattr(cause, "sqlite_errorcode", 0)
    # SQLite writes into each new page of its shared index to learn in time of a full disk: unixShmMap in os_unix.c
    reason = _FULL_INDEX if code == _FULL_INDEX else code & 0xFF or getattr(cause, "sqlstate", "")
    if reason in _FULL:
        return DatabaseFull("the database's disk is full; nothing was changed")
    if reason in _BROKEN:
        return DatabaseFailed("the database's disk failed; nothing was changed")
    return DatabaseBusy("the database is busy; nothing was changed", {"retryAfterSeconds": 2})


def headers_of(problem: ProblemError) -> dict[str, str]:
    """Return the headers that go with a problem: Retry-After, WWW-Authenticate, Allow, Content-Range."""
    headers = {}
    if "retryAfterSeconds" in problem.details:
        headers["Retry-After"] = str(int(problem.details["retryAfterSeconds"]))
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="trade-nexus"'
    if "allow" in problem.details:
        headers["Allow"] = ", ".join(problem.details["allow"])
    if problem.status == 416 and "sizeBytes" in problem.details:
        headers["Content-Range"] = f"bytes */{problem.details['sizeBytes']}"
    return headers


def answer(problem: ProblemError, request: HttpRequest) -> JsonResponse:
    """Return the envelope outside DRF (unknown routes, plain Django views)."""
    request_id = getattr(request, "request_id", "")
    return JsonResponse(problem.envelope(request_id), status=problem.status, headers=headers_of(problem))


def _translated(exception: Exception, problem: type[ProblemError]) -> ProblemError:
    detail = getattr(exception, "detail", None)
    if isinstance(detail, dict):
        fields = {name: _plain(reasons) for name, reasons in detail.items()}
        return problem("; ".join(f"{name}: {_first(reason)}" for name, reason in fields.items()), {"fields": fields})
    message = _first(_plain(detail)) if detail else "not found"
    wait = getattr(exception, "wait", None)
    if wait:
        return problem(message, {"retryAfterSeconds": int(wait) + 1})
    return problem(message)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return str(value)


def _first(value: Any) -> str:
    while isinstance(value, list | dict):
        value = next(iter(value.values() if isinstance(value, dict) else value), "invalid")
    return str(value)
