"""Requests in a minute: who counts together, what the one too many is answered, and what never counts."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from tradenexus.limits import counting, middleware, requests
from tradenexus.tenancy.models import ApiKey

pytestmark = pytest.mark.django_db
NEW = {"name": "x", "scopes": ["read"]}


@pytest.fixture(autouse=True)
def three(anywhere, settings):
    """Three reads and two writes a minute."""
    settings.NEXUS_READS_PER_MIN, settings.NEXUS_WRITES_PER_MIN = 3, 2


def reads(api, count, path="/v1/me", **more):
    return [api.get(path, **more).status_code for _ in range(count)]


def signed_in(person):
    client = Client()
    client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_within_the_limit_all_pass_and_the_one_too_many_is_told_when_to_come_again(owner):
    assert reads(owner.api, 3) == [200] * 3
    refused = owner.api.get("/v1/me", headers={"X-Request-Id": "mine"})
    body = refused.json()
    wait_s = body["error"]["details"].pop("retryAfterSeconds")
    assert refused.status_code == 429
    assert refused["Content-Type"] == "application/json"
    assert body == {
        "error": {
            "code": "RATE_LIMITED",
            "message": f"more than 3 reads in a minute; try again in {wait_s} s",
            "details": {"counted": "reads", "limit": 3, "windowSeconds": 60},
        },
        "requestId": "mine",
    }
    assert 55 <= wait_s <= 60
    assert refused["Retry-After"] == str(wait_s)


def test_reads_and_writes_count_apart_and_a_refused_write_changes_nothing(owner):
    assert [owner.api.post("/v1/keys", NEW, format="json").status_code for _ in range(3)] == [201, 201, 429]
    assert ApiKey.of(owner.tenant.id).filter(name="x").count() == 2
    assert reads(owner.api, 1) == [200]


def test_a_malformed_and_a_forbidden_request_count_too(owner, viewer):
    assert [owner.api.post("/v1/keys", {}, format="json").status_code for _ in range(3)] == [400, 400, 429]
    assert [viewer.api.post("/v1/strategies", {}, format="json").status_code for _ in range(3)] == [403, 403, 429]


def test_another_key_another_person_and_another_workspace_are_unaffected(owner, teammate, stranger):
    made = owner.api.post("/v1/keys", NEW, format="json").json()
    assert reads(owner.api, 4)[-1] == 429
    second = next(value for value in made.values() if isinstance(value, str) and value.startswith("nx_"))
    assert reads(Client(headers={"X-API-Key": second}), 1) == [200]
    assert reads(teammate.api, 1) == reads(stranger.api, 1) == [200]


def test_both_ways_to_send_a_key_count_as_one(owner):
    assert reads(Client(headers={"X-API-Key": owner.key}), 2) == [200] * 2
    assert reads(owner.api, 2) == [200, 429]


def test_all_sessions_of_a_person_count_together_pages_and_api_alike(owner):
    first, second = signed_in(owner), signed_in(owner)
    assert reads(first, 2, "/jobs/") == [200, 200]
    assert reads(second, 2) == [200, 429]
    assert reads(owner.api, 1) == [200]  # the key is a credential of its own


def test_a_page_too_many_is_told_in_words_and_a_fragment_as_a_fragment(owner):
    browser = signed_in(owner)
    reads(browser, 3)
    page = browser.get("/jobs/")
    assert page.status_code == 429
    assert int(page["Retry-After"]) > 0
    assert "Too many requests" in page.content.decode()
    assert "<html" in page.content.decode()
    fragment = browser.get("/jobs/", headers={"HX-Request": "true"})
    assert fragment.status_code == 429
    assert "<html" not in fragment.content.decode()
    assert "data-problem" in fragment.content.decode()


def test_strangers_and_wrong_keys_count_for_their_address_and_leave_right_keys_alone(owner):
    def at(address, **headers):
        return Client(REMOTE_ADDR=address, headers=headers)

    assert reads(at("192.0.2.1"), 2) == [401, 401]
    assert reads(at("192.0.2.1", Authorization=f"Bearer nx_abcdefgh_{'x' * 43}"), 2) == [401, 429]
    assert reads(at("192.0.2.1"), 1, "/login/") == [429]
    assert reads(at("192.0.2.1", Authorization=f"Bearer {owner.key}"), 1) == [200]
    assert reads(at("192.0.2.2"), 1) == [401]


def test_a_key_that_contradicts_its_headers_counts_for_its_address(owner, stranger):
    lying = Client(headers={"X-API-Key": owner.key, "X-Tenant-Id": str(stranger.tenant.id)}, REMOTE_ADDR="192.0.2.3")
    assert reads(lying, 4) == [401, 401, 401, 429]
    assert reads(owner.api, 1) == [200]


def test_unknown_addresses_of_the_api_count(owner):
    assert reads(owner.api, 4, "/v1/nothing") == [404, 404, 404, 429]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/static/ui/frame.js"])
def test_health_metrics_and_static_files_never_count(client, path):
    assert 429 not in reads(client, 6, path)
    assert reads(client, 3, "/login/") == [200] * 3


def test_a_limit_of_zero_is_off(owner, settings):
    settings.NEXUS_READS_PER_MIN = 0
    assert reads(owner.api, 10) == [200] * 10


def test_when_the_window_has_passed_it_works_again(owner, monkeypatch):
    monkeypatch.setattr(requests, "WINDOW_S", 1)
    assert reads(owner.api, 4)[-1] == 429
    time.sleep(float(owner.api.get("/v1/me")["Retry-After"]))
    assert reads(owner.api, 1) == [200]


def test_counting_asks_the_database_nothing(owner, settings):
    def queries(client):
        with CaptureQueriesContext(connection) as asked:
            assert reads(client, 1, "/v1/datasets") == [200]
        return len(asked)

    browser = signed_in(owner)
    reads(owner.api, 1)  # notes the key's use
    counted = queries(owner.api), queries(browser)
    settings.NEXUS_READS_PER_MIN = 0
    assert counted == (queries(owner.api), queries(browser))


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ("192.0.2.9", "ip:192.0.2.9"),
        ("2001:db8:1:2:3:4:5:6", "ip:2001:db8:1:2::/64"),
        ("::ffff:192.0.2.9", "ip:192.0.2.9"),
        ("", "ip:"),
        ("unix", "ip:"),
    ],
)
def test_addresses_of_one_network_count_together(given, subject):
    assert middleware.address(RequestFactory().get("/", REMOTE_ADDR=given)) == subject


def test_without_redis_and_files_requests_go_on(owner, settings, tmp_path):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.NEXUS_HOME = tmp_path / "file"
    settings.NEXUS_HOME.write_text("")
    assert reads(owner.api, 6) == [200] * 6
    counting._asked_again_at.pop(settings.REDIS_URL)
