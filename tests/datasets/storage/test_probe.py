"""The probe: whether the storage answers, and what it promises."""

from __future__ import annotations

import pytest
from django.core import management
from django.core.files.storage import storages

from datasets import checks
from datasets.storage import probe


@pytest.fixture(autouse=True)
def anew():
    probe.forget()
    yield
    probe.forget()


def test_a_storage_that_is_there_answers(store):
    assert probe.answers()
    assert probe.refuses_to_replace() is (None if store.kind == "folder" else True)
    assert [line["state"] for line in checks.storage()] == ["ok"] * (1 if store.kind == "folder" else 2)
    if store.kind == "bucket":
        assert store.keys() == []
        assert store.prefix in probe.where()


def test_a_bucket_that_is_not_there_is_told_with_what_to_do(bucket, settings, capsys):
    entry = settings.STORAGES["data"]
    options = {**entry["OPTIONS"], "bucket_name": "no-such-bucket"}
    settings.STORAGES = {**settings.STORAGES, "data": {**entry, "OPTIONS": options}}
    [line] = checks.storage()
    assert (line["state"], line["check"]) == ("fail", "storage")
    assert "no-such-bucket" in line["found"]
    assert "NEXUS_STORAGE" in line["fix"]
    with pytest.raises(management.CommandError, match=r"datasets\.E001"):
        management.call_command("check", "--deploy", "--tag", "storage")


def test_the_answer_is_asked_for_once_in_ten_seconds(bucket, swift):
    assert probe.answers()
    with swift.away():
        assert probe.answers()
        probe.forget()
        assert not probe.answers()


def test_a_bucket_that_ignores_the_condition_is_found_out(bucket, monkeypatch):
    client = storages["data"].client
    real = client.put_object
    monkeypatch.setattr(client, "put_object", lambda IfNoneMatch, **given: real(**given))
    assert probe.refuses_to_replace() is False
    line = checks.storage()[1]
    assert (line["state"], line["check"]) == ("warn", "storage put-once")
