"""How a command ends other than well: one exception per exit code, and the table of the codes.

A Failure carries what `nexus` prints in three lines (what, why, next command) or, with --json, as the API's error
envelope. `from_answer` turns an HTTP refusal of the platform into the Failure with the right exit code.
"""

from __future__ import annotations

from typing import Any

EXIT_CODES: tuple[tuple[int, str], ...] = (
    (0, "ok (an empty list too)"),
    (1, "failed"),
    (2, "usage: the command line itself was wrong"),
    (3, "partial success: some of several files or items failed; they are listed"),
    (4, "authentication missing or refused"),
    (5, "not found"),
    (6, "conflict, or already running"),
    (7, "gate failed: validation, quality, preflight, access"),
    (8, "still pending: --timeout was hit, the job goes on"),
    (9, "rate limited, or a budget is used up"),
    (10, "server or network unreachable"),
    (130, "interrupted; what was sent is kept and can be resumed"),
)

GATE_CODES = frozenset({"DATASET_NOT_PUBLISHABLE", "DATASET_NOT_VALIDATED"})


class Failure(Exception):
    """The command failed. `message` says what, `why` where and how it is known, `hint` which command comes next."""

    exit_code = 1
    code = "FAILED"
    command = ""  # the command that failed, `nexus dataset show`; set at the border

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        why: str = "",
        hint: str = "",
        details: Any = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.why = why
        self.hint = hint
        self.details = details
        self.request_id = request_id

    def envelope(self) -> dict[str, Any]:
        """Return the failure in the shape of the API's errors, for --json."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        details = self.details
        if details is None and (self.why or self.hint):
            details = {key: value for key, value in (("why", self.why), ("next", self.hint)) if value}
        if details is not None:
            error["details"] = details
        return {"error": error, "requestId": self.request_id or None}


class Usage(Failure):
    """The command line cannot be carried out as written; nothing was sent."""

    exit_code = 2
    code = "USAGE"


class Partial(Failure):
    """Some of several things were done; the others are listed and can be run again."""

    exit_code = 3
    code = "PARTIAL"


class AuthNeeded(Failure):
    """No token, or the server refused it: `nexus auth login`."""

    exit_code = 4
    code = "AUTH_REQUIRED"


class Missing(Failure):
    """Nothing of that name or id is visible to this token."""

    exit_code = 5
    code = "NOT_FOUND"


class Clash(Failure):
    """The thing is in another state, or the same work is already running."""

    exit_code = 6
    code = "STATE_CONFLICT"


class GateFailed(Failure):
    """The data did not pass: read the report, fix, run again."""

    exit_code = 7
    code = "GATE_FAILED"


class StillPending(Failure):
    """--timeout was hit; the job goes on at the server."""

    exit_code = 8
    code = "STILL_PENDING"


class Limited(Failure):
    """Too many requests, or a quota is used up; wait as told and run again."""

    exit_code = 9
    code = "RATE_LIMITED"


class Unreachable(Failure):
    """No answer from the server, or from what stands before it."""

    exit_code = 10
    code = "UNREACHABLE"


class Interrupted(Failure):
    """Stopped by the user; nothing sent is lost."""

    exit_code = 130
    code = "INTERRUPTED"


_BY_STATUS: dict[int, type[Failure]] = {
    401: AuthNeeded,
    403: AuthNeeded,
    404: Missing,
    409: Clash,
    410: Missing,
    412: Clash,
    423: Clash,
    429: Limited,
    502: Unreachable,
    503: Unreachable,
    504: Unreachable,
}

_HINTS: dict[type[Failure], str] = {
    AuthNeeded: "nexus auth login --with-token < token.txt",
    Missing: "nexus search WORDS finds names and ids",
    Clash: "nexus status, nexus job list --state running",
    GateFailed: "nexus quality show REF --failed",
    Limited: "wait, then run the same command again",
    Unreachable: "nexus doctor",
}


def kind_of(status: int, code: str) -> type[Failure]:
    """Return the Failure class (and so the exit code) of an HTTP status and an error code of the API."""
    if code in GATE_CODES:
        return GateFailed
    return _BY_STATUS.get(status, Failure)


def from_answer(status: int, body: Any, request_id: str = "", where: str = "") -> Failure:
    """Build the Failure of a refusal; `body` is the decoded JSON, or the text a proxy answered with."""
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    code = str(error.get("code") or f"HTTP_{status}")
    kind = kind_of(status, code)
    request_id = (body.get("requestId") if isinstance(body, dict) else "") or request_id
    why = " · ".join(
        part for part in (code, where, f"request {request_id}" if request_id else "", fields(error)) if part
    )
    return kind(
        str(error.get("message") or f"the server answered {status}"),
        code=code,
        why=why,
        hint=_HINTS.get(kind, ""),
        details=error.get("details"),
        request_id=request_id or "",
    )


def fields(error: dict[str, Any]) -> str:
    """Return the details of an error as `field: reason` pairs on one line; empty when there are none."""
    details = error.get("details")
    if isinstance(details, dict):
        return ", ".join(f"{key}: {_flat(value)}" for key, value in details.items())
    return _flat(details) if details else ""


def _flat(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(_flat(item) for item in value[:5])
    if isinstance(value, dict):
        return "; ".join(f"{key} {_flat(item)}" for key, item in list(value.items())[:5])
    return str(value)
