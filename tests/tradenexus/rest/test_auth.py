"""Browsers at the API: the token of the form, the origin, and the workspace that the session has chosen."""

import pytest
from django.test import Client

from tradenexus.tenancy.models import Membership, Role

pytestmark = pytest.mark.django_db
KEY = {"name": "x", "scopes": ["read"]}


@pytest.fixture
def browser(owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner.user, backend="django.contrib.auth.backends.ModelBackend")
    client.get("/login/")
    return client


def token(client):
    from django.middleware.csrf import _get_new_csrf_string

    client.cookies["csrftoken"] = _get_new_csrf_string()
    return client.cookies["csrftoken"].value


def write(client, **headers):
    return client.post("/v1/keys", KEY, content_type="application/json", headers=headers)


def test_the_token_lets_a_browser_write(browser):
    assert write(browser, X_CSRFToken=token(browser)).status_code == 201


def test_a_wrong_token_and_a_foreign_origin_do_not(browser):
    good = token(browser)
    for headers in ({}, {"X_CSRFToken": "x" * 32}, {"X_CSRFToken": good, "Origin": "https://evil.example"}):
        answer = write(browser, **headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "CSRF_FAILED")
    assert write(browser, X_CSRFToken=good, Origin="null").status_code == 403


def test_a_key_needs_no_token_and_wins_over_the_cookie(browser, stranger):
    answer = write(browser, Authorization=f"Bearer {stranger.key}")
    assert answer.status_code == 201
    assert browser.get("/v1/me", headers={"X-API-Key": stranger.key}).json()["email"] == stranger.user.email


def test_a_wrong_key_does_not_fall_back_to_the_cookie(browser):
    for headers in ({"Authorization": "Bearer nx_wrong"}, {"X-API-Key": "x"}, {"Authorization": "Basic eA=="}):
        answer = browser.get("/v1/me", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AUTH_REQUIRED")


def test_no_other_site_may_read_the_answers(owner):
    answer = owner.api.get("/v1/me", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_the_session_works_in_the_workspace_it_chose_until_the_person_leaves_it(browser, owner, stranger):
    Membership.everyone.create(tenant=stranger.tenant, user=owner.user, role=Role.VIEWER)
    assert browser.get("/v1/me").json()["tenant"] == "first"
    session = browser.session
    session["tenant_id"] = str(stranger.tenant.id)
    session.save()
    chosen = browser.get("/v1/me").json()
    assert (chosen["tenant"], chosen["role"], chosen["scopes"]) == ("second", "viewer", ["read"])
    assert write(browser, X_CSRFToken=token(browser)).status_code in (201, 400)  # a key of one's own, no more than read
    Membership.of(stranger.tenant.id).filter(user=owner.user).delete()
    assert browser.get("/v1/me").status_code == 401


def test_a_changed_role_acts_on_the_next_request(browser, owner):
    assert "admin" in browser.get("/v1/me").json()["scopes"]
    Membership.of(owner.tenant.id).filter(user=owner.user).update(role=Role.VIEWER)
    assert browser.get("/v1/me").json()["scopes"] == ["read"]
    assert owner.api.get("/v1/me").data["scopes"] == ["read"]
