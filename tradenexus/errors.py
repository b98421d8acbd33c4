"""The error tree. One base; each package defines its own errors beside the code that raises them.

    ProblemError                 500 INTERNAL
      BadRequest                 400 VALIDATION_ERROR
      AuthRequired               401 AUTH_REQUIRED
      Forbidden                  403 FORBIDDEN
      NotFound                   404 NOT_FOUND
      Conflict                   409 STATE_CONFLICT
      Gone                       410 GONE
      TooLarge                   413 TOO_LARGE
      Unprocessable              422 UNPROCESSABLE
      TooManyRequests            429 RATE_LIMITED
      BadGateway                 502 UPSTREAM_FAILED
      Unavailable                503 SERVICE_UNAVAILABLE

`code` is stable and listed in docs/errors.md; the class docstring says what happened and what to do.
"""

from __future__ import annotations

from typing import Any


class ProblemError(Exception):
    """Something went wrong on our side. Nothing already accepted is lost; quote the request id when you report it."""

    code = "INTERNAL"
    status = 500

    def __init__(self, message: str, details: dict[str, Any] | None = None):
        super().__init__(message)
        self.message = message
        self.details = details or {}

    def envelope(self, request_id: str) -> dict[str, Any]:
        """Return the contract's error body: {"error": {code, message, details?}, "requestId"}."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = self.details
        return {"error": error, "requestId": request_id}


class BadRequest(ProblemError):
    """The request is not well formed. `details` names each wrong field and what it must look like."""

    code, status = "VALIDATION_ERROR", 400


class AuthRequired(ProblemError):
    """No valid credential came with the request. Send `Authorization: Bearer <key>` or sign in."""

    code, status = "AUTH_REQUIRED", 401


class Forbidden(ProblemError):
    """The credential is valid but lacks the scope or role that `details` names. An admin can grant it."""

    code, status = "FORBIDDEN", 403


class NotFound(ProblemError):
    """Nothing with this id exists in your workspace. Check the id; other workspaces' ids look unknown."""

    code, status = "NOT_FOUND", 404


class MethodNotAllowed(ProblemError):
    """This address exists but does not take this method. The `Allow` header lists those it takes."""

    code, status = "METHOD_NOT_ALLOWED", 405


class NotAcceptable(ProblemError):
    """The answer cannot be given in any media type the `Accept` header asks for. Ask for application/json."""

    code, status = "NOT_ACCEPTABLE", 406


class Conflict(ProblemError):
    """The object is not in a state that allows this action. `details` names its state and the states that would."""

    code, status = "STATE_CONFLICT", 409


class Gone(ProblemError):
    """The object existed and has expired or was removed. Start again with a new one."""

    code, status = "GONE", 410


class TooLarge(ProblemError):
    """The body is larger than the limit that `details` names."""

    code, status = "TOO_LARGE", 413


class UnsupportedMedia(ProblemError):
    """The body's media type is not one this address takes. `message` names those it takes."""

    code, status = "UNSUPPORTED_MEDIA_TYPE", 415


class Unprocessable(ProblemError):
    """The request is well formed but cannot be carried out on this object. `message` says why and what to do."""

    code, status = "UNPROCESSABLE", 422


class TooManyRequests(ProblemError):
    """A limit is used up. Wait as long as `Retry-After` says, or free what `details` names."""

    code, status = "RATE_LIMITED", 429


class BadGateway(ProblemError):
    """A service we depend on answered with an error or not at all. Nothing was lost; try again later."""

    code, status = "UPSTREAM_FAILED", 502


class Unavailable(ProblemError):
    """The platform cannot do this at the moment (busy or starting). Try again after `Retry-After` seconds."""

    code, status = "SERVICE_UNAVAILABLE", 503
