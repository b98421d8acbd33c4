"""Health for machines, the API's reader, and what unknown and broken addresses answer."""

import json
import re
from collections import namedtuple
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.test import Client, RequestFactory

from tradenexus import db, home
from tradenexus.jobs.models import Worker

Disk = namedtuple("Disk", "total used free")


def test_healthz_needs_neither_a_credential_nor_the_database(client, monkeypatch):
    answer = client.get("/healthz")  # no database mark: a query would fail this test
    assert (answer.status_code, answer.json()["status"]) == (200, "alive")
    assert answer["Cache-Control"] == "private, no-store"


def beat(seconds_ago=0):
    at = db.now() - timedelta(seconds=seconds_ago)
    Worker.objects.create(host="h", pid=1, concurrency=1, started_at=at, beat_at=at)


@pytest.mark.django_db
def test_readyz_is_ready_when_all_is_there(client):
    beat()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


@pytest.mark.django_db
def test_readyz_names_a_missing_or_silent_worker(client):
    for prepare in (lambda: None, lambda: beat(seconds_ago=3_600)):
        prepare()
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"] == {"database": True, "worker": False, "disk": True, "storage": True}


@pytest.mark.django_db
def test_readyz_names_a_full_disk_and_a_lost_database(client, monkeypatch):
    beat()
    with monkeypatch.context() as patch:
        patch.setattr(home.shutil, "disk_usage", lambda path: Disk(10**12, 10**12, 1000))
        assert client.get("/readyz").json()["checks"] == {
            "database": True,
            "worker": True,
            "disk": False,
            "storage": True,
        }

    def lost():
        raise DatabaseError("the server closed the connection, user=nexus password=canary")

    monkeypatch.setattr(home.connection, "cursor", lost)
    answer = home.readyz(RequestFactory().get("/readyz"))
    assert answer.status_code == 503
    assert json.loads(answer.content)["checks"]["database"] is False
    assert b"canary" not in answer.content


@pytest.mark.django_db
def test_readyz_names_a_storage_that_does_not_answer(client, monkeypatch):
    beat()
    monkeypatch.setattr("datasets.storage.probe.answers", lambda: False)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["storage"]) == (503, False)


@pytest.mark.django_db
def test_the_api_reader_runs_no_inline_script_and_nothing_from_elsewhere(client):
    answer = client.get("/v1/docs/")
    assert answer.status_code == 200
    page = answer.content.decode()
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page, re.S)
    assert scripts
    assert all("src=" in attributes and not body.strip() for attributes, body in scripts)
    assert not re.search(r"\son\w+=|javascript:|<style", page)
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", page)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/v1/docs/", "/login/", "/nowhere/", "/v1/nowhere", "/healthz"])
def test_every_page_forbids_inline_scripts_framing_and_guessing(client, path):
    answer = client.get(path)
    policy = {
        part.split()[0]: part.split()[1:] for part in answer["Content-Security-Policy"].split(";") if part.strip()
    }
    assert "'unsafe-inline'" not in str(policy)
    assert "'unsafe-eval'" not in str(policy)
    assert policy["object-src"] == ["'none'"]
    assert policy["frame-ancestors"] == ["'none'"]
    assert policy["base-uri"] == ["'none'"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert {"private", "no-store"} <= set(answer["Cache-Control"].split(", "))


@pytest.mark.django_db
def test_the_nonce_of_a_page_is_in_its_policy_and_is_new_each_time(client):
    seen = set()
    for _ in range(2):
        answer = client.get("/v1/docs/")
        [nonce] = set(re.findall(r'nonce="([^"]+)"', answer.content.decode()))
        assert f"'nonce-{nonce}'" in answer["Content-Security-Policy"]
        seen.add(nonce)
    assert len(seen) == 2


@pytest.mark.django_db
def test_a_fault_of_ours_tells_the_request_id_and_nothing_else(owner, monkeypatch):
    def broken(*args, **options):
        raise RuntimeError("canary: the inside of the platform")

    client = Client(raise_request_exception=False)
    client.force_login(owner.user, backend="django.contrib.auth.backends.ModelBackend")
    monkeypatch.setattr(home.Home, "context", broken)
    monkeypatch.setattr("tradenexus.accounts.api.Me.get", broken)
    page = client.get("/", headers={"X-Request-Id": "mine-1"})
    envelope = client.get("/v1/me", headers={"X-Request-Id": "mine-2"})
    assert (page.status_code, envelope.status_code) == (500, 500)
    assert b"mine-1" in page.content
    assert envelope.json()["error"]["code"] == "INTERNAL"
    assert envelope.json()["requestId"] == "mine-2"
    for answer in (page, envelope):
        assert b"canary" not in answer.content
        assert b"Traceback" not in answer.content


@pytest.mark.django_db
def test_an_unknown_address_shows_nothing_of_what_was_asked_as_markup(client):
    answer = client.get("/<script>alert(1)</script>/")
    assert answer.status_code == 404
    assert b"<script>alert" not in answer.content


@pytest.mark.django_db
def test_a_foreign_host_is_refused(client):
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
