"""Browsers on the byte path: the session's cookie, and the CSRF token for everything that writes."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.kit import tus


@pytest.fixture
def browser(server):
    with httpx.Client(base_url=server.url, follow_redirects=True) as made:
        page = made.get("/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        if token is None:
            pytest.skip("no sign-in page")
        said = {"username": "owner@example.org", "password": "correct horse battery"}
        made.post(
            "/login/", data={**said, "csrfmiddlewaretoken": token[1]}, headers={"Referer": f"{server.url}/login/"}
        )
        if "sessionid" not in made.cookies:
            pytest.skip("could not sign in")
        yield made


def test_a_session_with_its_token_uploads(browser):
    token = {"X-CSRFToken": browser.cookies["csrftoken"]}
    headers = {**tus.HEADERS, **token, "Upload-Length": "5"}
    url = browser.post("/v1/uploads/", headers=headers).headers["location"]
    assert tus.patch(browser, url, 0, b"hello", **token).status_code == 204
    assert tus.offset(browser, url) == 5


def test_a_session_without_the_token_is_refused(browser):
    answer = browser.post("/v1/uploads/", headers={**tus.HEADERS, "Upload-Length": "5"})
    assert (answer.status_code, tus.error(answer)) == (403, "CSRF_FAILED")


def test_a_stranger_host_is_refused(server):
    with httpx.Client(base_url=server.url, headers={"Host": "evil.example"}) as client:
        answer = client.post("/v1/uploads/", headers={**tus.HEADERS, "Upload-Length": "5", "Cookie": "sessionid=x"})
        assert answer.status_code in (400, 401)
