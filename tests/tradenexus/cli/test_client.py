"""The connection: what is tried again, what is not, and whom the token is shown to."""

import socket

import pytest

from tests.kit.fakeplatform import TOKEN
from tradenexus.cli.client import Client
from tradenexus.cli.failures import Limited, Unreachable, Usage


@pytest.fixture
def client(platform):
    made = Client(platform.url, TOKEN, agent="test", retry_s=30, say=lambda line: None)
    yield made
    made.close()


def test_a_read_is_tried_again(platform, client):
    platform.fail("GET /v1/me", 503, times=2)
    assert client.get("/v1/me")["email"] == "a@example.org"


def test_a_post_keeps_its_key_when_tried_again(platform, client):
    platform.fail("POST /v1/strategies", 502, times=2)
    client.post("/v1/strategies", {"description": "long enough"})
    assert len({h["Idempotency-Key"] for method, _, h in platform.headers_seen if method == "POST"}) == 1
    assert len(platform.lists["/v1/strategies"]) == 1


def test_retry_after_is_obeyed(platform, client):
    platform.fail("GET /v1/me", 429, headers={"Retry-After": "1"}, times=1)
    assert client.get("/v1/me")


def test_a_retry_after_beyond_patience_is_told_at_once(platform):
    impatient = Client(platform.url, TOKEN, agent="test", retry_s=1, say=lambda line: None)
    platform.fail("GET /v1/me", 429, headers={"Retry-After": "3600"}, times=99)
    with pytest.raises(Limited):
        impatient.get("/v1/me")
    assert sum(path == "/v1/me" for _, path, _ in platform.headers_seen) == 1


def test_a_500_is_not_tried_again(platform, client):
    platform.fail("GET /v1/me", 500, times=1)
    with pytest.raises(Exception, match="refused with 500"):
        client.get("/v1/me")


def test_nobody_listening_is_unreachable_with_exit_code_10(nexus, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("NEXUS_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("NEXUS_TOKEN", TOKEN)
    ran = nexus("dataset", "list")
    assert ran.code == 10
    assert "nexus doctor" in ran.err


def test_an_answer_that_is_not_ours_is_unreachable(platform, client):
    platform.fail("GET /v1/me", 200, body=b"<html>welcome</html>")
    with pytest.raises(Unreachable):
        client.get("/v1/me")


def test_the_token_never_goes_to_another_origin(client):
    for url in ("http://evil.example/v1/me", client.url.replace("http", "https") + "/v1/me", client.url + "1/v1/me"):
        with pytest.raises(Usage):
            client.get(url)


def test_a_redirect_is_not_followed(platform, client):
    platform.fail("GET /v1/me", 302, headers={"Location": "http://evil.example/"})
    with pytest.raises(Exception, match="302"):
        client.get("/v1/me")


def test_lists_are_read_to_the_end_or_to_the_limit(platform, client):
    for n in range(450):
        platform.dataset(f"d{n}")
    assert len(list(client.pages("/v1/datasets"))) == 450
    assert len(list(client.pages("/v1/datasets", limit=210))) == 210


def test_numbers_are_not_rounded_on_the_way(platform, client):
    dataset = platform.dataset()
    row = client.get(f"/v1/datasets/{dataset['id']}/versions/1/preview")["rows"][1]
    assert str(row[1]) == "1.10"


def test_a_version_skew_is_told_once_a_day(platform, nexus):
    platform.version = "9.0.0"
    assert "9.0.0" in nexus("auth", "whoami").err
    assert "9.0.0" not in nexus("auth", "whoami").err
