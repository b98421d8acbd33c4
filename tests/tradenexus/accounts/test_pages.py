"""Signing in and settings, as a browser without scripts does them."""

from __future__ import annotations

import pytest

from tradenexus.accounts import links, preferences
from tradenexus.audit.models import Entry
from tradenexus.tenancy import keys
from tradenexus.tenancy.models import ApiKey, Membership

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, owner):
    client.force_login(owner.user)
    return client


def test_a_link_signs_in_once(client, owner):
    path = links.create(owner.user)
    assert client.get(path).status_code == 200  # looking does not spend it
    assert client.post(path)["Location"] == "/"
    spent = client.post(path)
    assert spent.status_code == 410
    assert b"no longer works" in spent.content


def test_a_wrong_password_is_told_without_saying_which_part(client, owner):
    for email in (owner.user.email, "nobody@example.org"):
        answer = client.post("/login/", {"username": email, "password": "wrong"})
        assert b"do not match an account" in answer.content


def test_too_many_wrong_passwords_are_told_to_wait(client, owner):
    for _ in range(6):
        answer = client.post("/login/", {"username": owner.user.email, "password": "wrong"})
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) == 60
    assert b"Too many attempts" in answer.content
    assert b"API keys go on working" in answer.content


def test_signing_in_brings_the_own_look_along(client, owner):
    preferences.save(owner.user, {"theme": "dark", "zone": "exchange"})
    client.post("/login/", {"username": owner.user.email, "password": "correct horse battery"})
    assert client.cookies["nx_theme"].value == "dark"
    assert b'data-theme="dark" data-zone="exchange"' in client.get("/settings/profile/").content


def test_a_cookie_of_nonsense_is_not_painted(browser):
    browser.cookies["nx_theme"] = '"><script>'
    assert b'data-theme="auto"' in browser.get("/settings/profile/").content


def test_appearance_is_kept_and_painted_at_once(browser, owner):
    assert browser.post("/settings/appearance/", {"theme": "light", "density": "compact"}).status_code == 303
    page = browser.get("/settings/appearance/").content
    assert b'data-theme="light"' in page
    assert b'data-density="compact"' in page
    assert b"Saved." in page
    assert preferences.of(owner.user) == {"theme": "light", "density": "compact"}


def test_a_choice_that_is_none_of_ours_is_refused(browser, owner):
    assert browser.post("/settings/profile/", {"exchange": "Mars/Olympus"}).status_code == 400
    assert preferences.of(owner.user) == {}


def test_single_keys_can_be_switched_off(browser):
    browser.post("/settings/profile/", {"zone": "utc"})
    assert b'data-keys="off"' in browser.get("/settings/profile/").content


def test_notices_are_kept_in_one_value(browser, owner):
    browser.post("/settings/notifications/", {"notify": ["failed", "desktop", "else"]})
    assert preferences.of(owner.user) == {"notify": "failed.desktop"}


def test_a_key_is_shown_once_and_works(browser, owner):
    page = browser.post("/settings/keys/", {"name": "laptop", "scopes": ["read"], "days": "30"}).content.decode()
    secret = page.split("nx_", 1)[1].split("<")[0]
    actor = keys.verify(f"nx_{secret}", "r")
    assert actor is not None
    assert actor.scopes == {"read"}
    assert secret.split("_", 1)[1] not in browser.get("/settings/keys/").content.decode()
    assert Entry.of(owner.tenant.id).filter(action="key.created").exists()


def test_a_key_form_says_what_is_wrong_and_keeps_what_was_typed(browser):
    answer = browser.post("/settings/keys/", {"name": "", "scopes": ["read", "write"], "days": "7"})
    assert answer.status_code == 422
    assert b"so that you know it again" in answer.content
    assert b"Choose one of the list" in answer.content


def test_a_viewer_cannot_make_a_key_that_writes(client, viewer):
    client.force_login(viewer.user)
    before = ApiKey.of(viewer.tenant.id).count()
    assert client.post("/settings/keys/", {"name": "x", "scopes": ["write"], "days": ""}).status_code == 422
    assert ApiKey.of(viewer.tenant.id).count() == before


def test_a_revoked_key_is_refused(browser, owner):
    key = ApiKey.of(owner.tenant.id).get(user=owner.user)
    assert browser.post(f"/settings/keys/{key.ref}/revoke/").status_code == 303
    assert keys.verify(owner.key, "r") is None
    assert b"Revoked" in browser.get("/settings/keys/").content


def test_anothers_key_is_an_admins_business(client, teammate, owner):
    client.force_login(teammate.user)
    key = ApiKey.of(owner.tenant.id).get(user=owner.user)
    assert client.post(f"/settings/keys/{key.ref}/revoke/").status_code == 403
    assert keys.verify(owner.key, "r") is not None
    assert owner.user.email.encode() not in client.get("/settings/keys/").content


def test_a_strangers_key_is_unknown(client, stranger, owner):
    client.force_login(stranger.user)
    key = ApiKey.of(owner.tenant.id).get(user=owner.user)
    assert client.post(f"/settings/keys/{key.ref}/revoke/").status_code == 404


def test_the_workspace_can_be_changed_to_an_own_one_only(browser, owner, stranger):
    other = f"tnt_{stranger.tenant.id.hex}"
    assert browser.post("/settings/workspace/", {"workspace": other}).status_code == 404
    Membership.everyone.create(tenant=stranger.tenant, user=owner.user, role="viewer")
    assert browser.post("/settings/workspace/", {"workspace": other}).status_code == 303
    assert b"second" in browser.get("/settings/profile/").content
