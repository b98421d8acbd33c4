"""Passwords: held back after failures, of no use to those who have none, and nobody is led away by them."""

import pytest
from django.test import Client

from tradenexus.tenancy.models import Membership, User

PASSWORD = "correct horse battery"
pytestmark = pytest.mark.django_db


def attempt(client, email, password, **more):
    return client.post("/login/", {"username": email, "password": password, **more}, REMOTE_ADDR="192.0.2.7")


def signed_in(client):
    return client.get("/v1/me").status_code == 200


def test_the_right_password_signs_in_under_a_new_session(client, owner):
    client.get("/login/")
    client.session["x"] = 1
    before = client.session.session_key
    assert attempt(client, owner.user.email, PASSWORD)["Location"] == "/"
    assert signed_in(client)
    assert client.session.session_key != before


def test_after_the_limit_even_the_right_password_waits_and_others_are_not_locked_out(client, owner, teammate, settings):
    for _ in range(settings.AXES_FAILURE_LIMIT):
        attempt(client, owner.user.email, "wrong")
    held = attempt(client, owner.user.email, PASSWORD)
    assert held.status_code == 429
    assert int(held["Retry-After"]) > 0
    assert not signed_in(client)
    assert attempt(client, teammate.user.email, PASSWORD).status_code == 302
    elsewhere = Client()
    elsewhere.post("/login/", {"username": owner.user.email, "password": PASSWORD}, REMOTE_ADDR="192.0.2.8")
    assert signed_in(elsewhere)


def test_an_unknown_address_is_held_back_just_the_same(client, settings):
    codes = [attempt(client, "nobody@example.org", "wrong").status_code for _ in range(settings.AXES_FAILURE_LIMIT + 1)]
    assert codes[0] == 200
    assert codes[-1] == 429


@pytest.mark.parametrize("password", ["", " ", "!", "None", "unusable"])
def test_who_has_no_password_cannot_sign_in_by_one(client, owner, password):
    user = User.objects.create_user("link-only@example.org")
    Membership.everyone.create(tenant=owner.tenant, user=user, role="viewer")
    assert not user.has_usable_password()
    attempt(client, user.email, password)
    attempt(client, user.email, user.password)  # not even by what the database holds
    assert not signed_in(client)


def test_an_inactive_person_cannot_sign_in_and_is_signed_out(client, owner):
    attempt(client, owner.user.email, PASSWORD)
    owner.user.is_active = False
    owner.user.save()
    assert not signed_in(client)
    attempt(client, owner.user.email, PASSWORD)
    assert not signed_in(client)


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "http:///evil.example"],
)
def test_nobody_is_led_to_another_site(client, owner, target):
    answer = attempt(client, owner.user.email, PASSWORD, next=target)
    assert answer.status_code == 302
    assert answer["Location"] == "/"


def test_signing_out_takes_a_form_and_ends_the_session(client, owner):
    client.force_login(owner.user, backend="django.contrib.auth.backends.ModelBackend")
    key = client.session.session_key
    assert client.get("/logout/").status_code == 405
    assert signed_in(client)
    assert client.post("/logout/").status_code == 302
    assert not signed_in(client)
    again = Client()
    again.cookies["sessionid"] = key
    assert not signed_in(again)


def test_the_form_needs_its_token(owner):
    browser = Client(enforce_csrf_checks=True)
    assert attempt(browser, owner.user.email, PASSWORD).status_code == 403
    assert not signed_in(browser)
