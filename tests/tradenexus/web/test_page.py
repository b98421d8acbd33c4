"""The base of every page, seen through the pages of the ground."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from tradenexus.errors import BadRequest, ProblemError
from tradenexus.tenancy.models import User
from tradenexus.web import live
from tradenexus.web.page import Page

pytestmark = pytest.mark.django_db


class Failing(Page):
    template = "web/error.html"
    problem: Exception = ProblemError("the disk is on fire")

    def context(self, **kwargs):
        raise self.problem

    def post(self, request):
        return self.done(request.GET.get("to", "/"))


@pytest.fixture
def ask(owner, rf: RequestFactory):
    def answer(view=Failing, method="get", path="/x/", **headers):
        request = getattr(rf, method)(path, headers=headers)
        request.user, request.session, request.request_id = owner.user, {}, "req-1"
        request._dont_enforce_csrf_checks = True
        return view.as_view()(request)

    return answer


def test_nobody_is_led_to_sign_in_and_back(client):
    assert client.get("/audit/?object=ds_1")["Location"] == "/login/?next=/audit/%3Fobject%3Dds_1"


def test_htmx_of_nobody_is_led_there_too(client):
    answer = client.get("/audit/", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/login/?next=/audit/"


def test_an_account_without_a_workspace_is_told_so(client):
    client.force_login(User.objects.create_user("alone@example.org"))
    answer = client.get("/audit/")
    assert answer.status_code == 403
    assert b"NO_WORKSPACE" in answer.content


def test_a_problem_is_told_in_words(ask):
    answer = ask()
    text = answer.content.decode()
    assert answer.status_code == 500
    assert "The disk is on fire." in text
    assert "your data and running jobs are untouched" in text
    assert "req-1" in text
    assert "Try again" in text


def test_a_problem_to_htmx_is_a_fragment(ask):
    text = ask(**{"HX-Request": "true"}).content.decode()
    assert "<html" not in text
    assert "data-message" in text


def test_what_a_problem_says_is_text(ask):
    class Hostile(Failing):
        problem = BadRequest("<img src=x onerror=alert(1)>")

    answer = ask(Hostile)
    assert answer.status_code == 400
    assert b"<img" not in answer.content


def test_after_an_action_a_plain_form_is_led_on(ask):
    answer = ask(method="post", path="/x/?to=/jobs/")
    assert (answer.status_code, answer["Location"]) == (303, "/jobs/")
    answer = ask(method="post", path="/x/?to=/jobs/", **{"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/jobs/")


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_led_to_another_site(ask, to):
    assert ask(method="post", path=f"/x/?to={to}")["Location"] == "/"


def test_a_page_tells_from_where_to_listen(client, owner):
    client.force_login(owner.user)
    client.post("/settings/keys/", {"name": "one", "scopes": ["read"], "days": "30"})
    assert live.head(owner.tenant.id) == 1
    assert b'<nx-live since="1"' in client.get("/audit/").content


def test_pages_are_private_and_say_what_they_vary_on(client, owner):
    client.force_login(owner.user)
    answer = client.get("/audit/")
    assert answer["Cache-Control"] == "private, no-store"
    assert {"HX-Request", "Cookie"} <= {name.strip() for name in answer["Vary"].split(",")}


def test_no_script_or_style_stands_in_a_page(client, owner):
    client.force_login(owner.user)
    page = client.get("/").content.decode()
    assert "<style" not in page
    assert " style=" not in page
    assert all("src=" in tag.split(">")[0] for tag in page.split("<script")[1:])
    policy = client.get("/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "csp.constants" not in policy


def test_an_unknown_address_is_a_page_and_an_unknown_api_address_an_envelope(client):
    assert b"There is nothing at this address." in client.get("/nothing/").content
    assert client.get("/v1/nothing").json()["error"]["code"] == "NOT_FOUND"


def test_a_form_without_its_token_is_told_to_reload(owner):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner.user)
    answer = strict.post("/settings/appearance/", {"theme": "dark"})
    assert answer.status_code == 403
    assert b"out of date" in answer.content
