"""Who is calling: from the credential alone."""

import pytest
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


def test_me_tells_tenant_person_and_scopes_for_both_header_forms(owner):
    for headers in ({"HTTP_AUTHORIZATION": f"Bearer {owner.key}"}, {"HTTP_X_API_KEY": owner.key}):
        answer = APIClient().get("/v1/me", **headers)
        assert answer.status_code == 200
        assert answer.data["email"] == "owner@example.org"
        assert answer.data["scopes"] == ["admin", "publish", "read", "write"]
        assert answer.data["requestId"] == answer["X-Request-Id"]


def test_no_credential_and_a_wrong_one_are_401_in_the_envelope(owner):
    for headers in ({}, {"HTTP_AUTHORIZATION": "Bearer nx_wrong"}, {"HTTP_AUTHORIZATION": "Basic abc"}):
        answer = APIClient().get("/v1/me", **headers)
        assert answer.status_code == 401
        assert answer.data["error"]["code"] == "AUTH_REQUIRED"
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_contradicting_identity_headers_are_refused_and_agreeing_ones_pass(owner, stranger):
    refused = owner.api.get("/v1/me", HTTP_X_TENANT_ID=str(stranger.tenant.id))
    assert (refused.status_code, refused.data["error"]["code"]) == (401, "AUTH_IDENTITY_MISMATCH")
    assert owner.api.get("/v1/me", HTTP_X_USER_ID=str(stranger.user.id)).status_code == 401
    assert owner.api.get("/v1/me", HTTP_X_TENANT_ID=str(owner.tenant.id)).status_code == 200


def test_two_different_keys_are_refused_and_the_same_one_twice_passes(owner, stranger):
    for second, status in ((stranger.key, 401), (owner.key, 200)):
        headers = {"HTTP_AUTHORIZATION": f"Bearer {owner.key}", "HTTP_X_API_KEY": second}
        answer = APIClient().get("/v1/me", **headers)
        assert answer.status_code == status
    assert APIClient().get("/v1/me", HTTP_AUTHORIZATION="Basic abc", HTTP_X_API_KEY=owner.key).status_code == 200


def test_the_request_id_is_taken_when_printable_and_made_otherwise(owner):
    assert owner.api.get("/v1/me", HTTP_X_REQUEST_ID="mine-7").data["requestId"] == "mine-7"
    made = owner.api.get("/v1/me", HTTP_X_REQUEST_ID="x" * 129).data["requestId"]
    assert made != "x" * 129
    assert len(made) == 32


def test_a_missing_scope_is_403_and_says_which(viewer):
    answer = viewer.api.post("/v1/datasets/uploads:init", {}, format="json")
    assert (answer.status_code, answer.data["error"]["code"]) == (403, "SCOPE_MISSING")
    assert answer.data["error"]["details"]["needed"] == "write"


def test_a_browser_session_needs_the_csrf_token_to_write_but_not_to_read(owner):
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(owner.user, backend="django.contrib.auth.backends.ModelBackend")
    assert browser.get("/v1/me").data["via"] == "session"
    refused = browser.post("/v1/keys", {"name": "x", "scopes": ["read"]}, format="json")
    assert (refused.status_code, refused.data["error"]["code"]) == (403, "CSRF_FAILED")


def test_an_unknown_address_answers_the_envelope(owner):
    for method in (owner.api.get, owner.api.post):
        answer = method("/v1/nothing/here")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "NOT_FOUND"


def test_keys_are_made_shown_once_and_revoked_by_owner_or_admin(owner, teammate, stranger):
    made = teammate.api.post("/v1/keys", {"name": "ci", "scopes": ["read"]}, format="json")
    assert made.status_code == 201
    client = APIClient()
    client.credentials(HTTP_X_API_KEY=made.data["secret"])
    assert client.get("/v1/me").data["scopes"] == ["read"]
    listed = teammate.api.get("/v1/keys").data["items"]
    assert "secret" not in str(listed)
    path = f"/v1/keys/{made.data['key']['id']}"
    assert stranger.api.delete(path).status_code == 404
    assert owner.api.delete(path).data["key"]["revokedAt"]
    assert client.get("/v1/me").status_code == 401


def test_a_key_cannot_hold_more_than_its_maker(teammate):
    answer = teammate.api.post("/v1/keys", {"name": "x", "scopes": ["admin"]}, format="json")
    assert answer.status_code == 400
