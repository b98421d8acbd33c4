"""One envelope for every error."""

from tradenexus import errors
from tradenexus.errors import ProblemError


def test_the_envelope_is_the_contracts():
    problem = errors.NotFound("no such thing", {"id": "x"})
    assert problem.envelope("r") == {
        "error": {"code": "NOT_FOUND", "message": "no such thing", "details": {"id": "x"}},
        "requestId": "r",
    }
    assert "details" not in ProblemError("oops").envelope("r")["error"]


def test_statuses_fit_their_meaning():
    found = {kind.code: kind.status for kind in ProblemError.__subclasses__()}
    for code, status in {
        "VALIDATION_ERROR": 400,
        "AUTH_REQUIRED": 401,
        "FORBIDDEN": 403,
        "NOT_FOUND": 404,
        "STATE_CONFLICT": 409,
        "GONE": 410,
        "TOO_LARGE": 413,
        "UNPROCESSABLE": 422,
        "RATE_LIMITED": 429,
        "SERVICE_UNAVAILABLE": 503,
    }.items():
        assert found[code] == status


def test_what_is_left_out_is_a_fault_of_ours():
    assert (ProblemError.code, ProblemError.status) == ("INTERNAL", 500)
