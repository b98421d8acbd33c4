"""Exit codes: every kind of refusal ends with its own, by the table that `nexus help exit-codes` prints."""

import pytest

from tradenexus.cli import failures


def subclasses(kind):
    return {kind, *(found for sub in kind.__subclasses__() for found in subclasses(sub))}


def test_every_failure_has_a_code_of_the_table_and_every_code_a_failure():
    assert {kind.exit_code for kind in subclasses(failures.Failure)} | {0} == {code for code, _ in failures.EXIT_CODES}


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (400, "VALIDATION_ERROR", 1),
        (401, "AUTH_REQUIRED", 4),
        (403, "SCOPE_MISSING", 4),
        (404, "NOT_FOUND", 5),
        (409, "STATE_CONFLICT", 6),
        (409, "DATASET_NOT_VALIDATED", 7),
        (410, "UPLOAD_EXPIRED", 5),
        (413, "TOO_LARGE", 1),
        (422, "DATASET_TRANSFORM_FREQUENCY_UNSUPPORTED", 1),
        (422, "DATASET_NOT_PUBLISHABLE", 7),
        (423, "UPLOAD_LOCKED", 6),
        (429, "RATE_LIMITED", 9),
        (500, "INTERNAL", 1),
        (502, "LONA_UNAVAILABLE", 10),
        (503, "UNAVAILABLE", 10),
    ],
)
def test_a_refusal_of_the_server_ends_with_its_exit_code(platform, nexus, status, code, exit_code):
    platform.fail("GET /v1/me", status, code, times=99)
    ran = nexus("--json", "auth", "whoami")
    assert (ran.code, ran.error["code"]) == (exit_code, code)


def test_an_error_is_three_lines_what_why_next(platform, nexus):
    platform.fail("GET /v1/me", 401, "AUTH_REQUIRED", details={"field": "key"})
    ran = nexus("auth", "whoami")
    what, why, following = ran.err.splitlines()
    assert what == "error: refused with 401"
    assert why == "why:   AUTH_REQUIRED · GET /v1/me · request req-test · field: key"
    assert following.startswith("next:  nexus auth login")
    assert ran.out == ""


def test_an_error_with_json_is_the_envelope_of_the_api(platform, nexus):
    import json

    platform.fail("GET /v1/me", 409, "STATE_CONFLICT", details={"upload": "up_1"})
    ran = nexus("--json", "auth", "whoami")
    assert json.loads(ran.err) == {
        "error": {"code": "STATE_CONFLICT", "message": "refused with 409", "details": {"upload": "up_1"}},
        "requestId": "req-test",
    }


def test_an_answer_of_a_proxy_is_told_as_what_it_is(platform, nexus):
    platform.fail("GET /v1/me", 418, body=b"<html>teapot</html>")
    ran = nexus("auth", "whoami")
    assert ran.code == 1
    assert "HTTP_418" in ran.err


def test_a_message_cannot_steer_the_terminal(platform, nexus):
    platform.fail(
        "GET /v1/me", 400, body={"error": {"code": "X", "message": "a\x1b[31mred\nnext: rm"}, "requestId": "r"}
    )
    assert "\x1b" not in nexus("auth", "whoami").err
