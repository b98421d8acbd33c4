"""Publishing against the sandbox as the provider."""

from __future__ import annotations

import pytest

from lona.models import Publication
from tests.lona.bars import MINUTE, START, times
from tests.lona.worker import work
from tradenexus.jobs import queue, runner
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def publish(person, version, **body):
    answer = person.api.post(f"/v1/datasets/{version.dataset.ref}/publish/lona", body, format="json")
    assert answer.status_code == 202, answer.content
    return answer.json()


def symbols(provider):
    return [row for row in provider.sandbox.state()["symbols"] if row["owner"] == provider.agent.id]


def test_a_version_ends_published_with_what_the_provider_holds_equal(owner, provider, make_bars):
    version = make_bars(owner, times(200))
    asked = publish(owner, version)
    assert asked["dataset"]["status"] == "publishing_lona"
    assert asked["publication"]["state"] == "queued"
    work()
    row = Publication.of(owner.tenant.id).get()
    version.refresh_from_db()
    assert (row.state, row.rows, row.first_ns, row.last_ns) == ("published", 200, START, START + 199 * MINUTE)
    assert (row.provider, row.reused, version.status) == ("Sandbox (local)", False, "published_lona")
    (there,) = symbols(provider)
    assert (there["id"], there["name"], there["rows"]) == (row.lona_symbol_id, row.symbol_name, 200)
    assert Job.of(owner.tenant.id).get().state == "succeeded"


def test_an_identical_request_joins_and_sends_nothing(owner, provider, make_bars):
    version = make_bars(owner, times(50))
    first = publish(owner, version)
    again = publish(owner, version, slice={"start": "2019-10-11"})
    assert again["publication"]["id"] == first["publication"]["id"]
    assert again["job"]["id"] == first["job"]["id"]
    work()
    done = publish(owner, version)
    assert done["publication"]["state"] == "published"
    assert done["dataset"]["status"] == "published_lona"
    work()
    assert len(symbols(provider)) == 1


def test_the_same_bars_in_another_version_are_reused(owner, provider, make_bars):
    first = make_bars(owner, times(50))
    publish(owner, first)
    work()
    second = make_bars(owner, times(50), dataset=first.dataset)
    publish(owner, second)
    work()
    rows = Publication.of(owner.tenant.id).order_by("created_at")
    assert [row.reused for row in rows] == [False, True]
    assert len({row.lona_symbol_id for row in rows}) == 1
    assert len(symbols(provider)) == 1


def test_two_tenants_with_equal_bars_get_a_symbol_each(owner, stranger, provider, make_bars):
    for person in (owner, stranger):
        publish(person, make_bars(person, times(50)))
    work()
    assert len(symbols(provider)) == 2
    mine = owner.api.get("/v1/lona/symbols?scope=mine").json()["items"]
    assert [row["id"] for row in mine] == [Publication.of(owner.tenant.id).get().lona_symbol_id]


@pytest.mark.parametrize("kind", ["drop_after_commit", "status_500_after_commit"])
def test_an_answer_lost_after_commit_ends_published_with_one_symbol(owner, provider, make_bars, kind):
    provider.sandbox.fault("POST /symbols", kind)
    version = make_bars(owner, times(50))
    publish(owner, version)
    work()
    row = Publication.of(owner.tenant.id).get()
    version.refresh_from_db()
    assert (row.state, version.status) == ("published", "published_lona")
    assert [there["id"] for there in symbols(provider)] == [row.lona_symbol_id]
    assert row.sent_at is not None


def test_an_answer_lost_before_commit_is_sent_again_only_when_it_can_no_longer_arrive(owner, provider, make_bars):
    provider.sandbox.fault("POST /symbols", "drop_before")
    version = make_bars(owner, times(50))
    publish(owner, version)
    runner.wake()
    row = Publication.of(owner.tenant.id).get()
    version.refresh_from_db()
    assert (row.state, version.status) == ("unknown", "publishing_lona")
    assert symbols(provider) == []
    work(pause_s=1.0)
    row.refresh_from_db()
    assert row.state == "published"
    assert len(symbols(provider)) == 1


def test_a_provider_that_stores_twice_is_left_with_one_symbol(owner, provider, make_bars):
    provider.sandbox.fault("POST /symbols", "double")
    publish(owner, make_bars(owner, times(50)))
    work()
    row = Publication.of(owner.tenant.id).get()
    assert row.state == "published"
    found = owner.api.post("/v1/mappings:reconcile", {"dryRun": True}, format="json").json()
    if len(symbols(provider)) > 1:
        assert found["counts"] == {"ok": 1, "orphan": 1}
        owner.api.post("/v1/mappings:reconcile", {"dryRun": False, "deleteOrphans": True}, format="json")
    assert [there["id"] for there in symbols(provider)] == [row.lona_symbol_id]


def test_a_provider_that_is_down_ends_publish_failed_and_a_retry_publishes(owner, provider, make_bars, settings):
    settings.LONA_GATEWAY_URL = "http://127.0.0.1:9"
    version = make_bars(owner, times(50))
    publish(owner, version)
    work()
    version.refresh_from_db()
    row = Publication.of(owner.tenant.id).get()
    job = Job.of(owner.tenant.id).get()
    assert (version.status, row.state, row.error["code"]) == ("publish_failed", "failed", "LONA_UNAVAILABLE")
    assert (job.state, job.error["code"], job.attempts) == ("failed", "LONA_UNAVAILABLE", 12)
    settings.LONA_GATEWAY_URL = provider.url
    queue.retry(owner.actor, job)
    version.refresh_from_db()
    assert version.status == "publishing_lona"
    work()
    version.refresh_from_db()
    assert version.status == "published_lona"


def test_a_slice_the_provider_refuses_fails_with_its_words(owner, provider, make_bars):
    version = make_bars(owner, times(5))
    publish(owner, version)
    work()
    row = Publication.of(owner.tenant.id).get()
    version.refresh_from_db()
    assert (row.state, row.error["code"], version.status) == ("failed", "LONA_REJECTED", "publish_failed")
    assert "10" in row.error["details"]["providerMessage"]


def test_each_instrument_is_published_and_one_after_another(owner, provider, make_bars):
    version = make_bars(owner, times(30), symbols=("AAA", "BBB", "CCC"))
    asked = publish(owner, version)
    assert len(asked["publications"]) == 3
    work()
    version.refresh_from_db()
    assert version.status == "published_lona"
    assert len(symbols(provider)) == 3


def test_one_failed_instrument_makes_the_version_failed_and_keeps_the_others(owner, provider, make_bars):
    version = make_bars(owner, times(30), symbols=("AAA", "BBB"))
    provider.sandbox.fault("POST /symbols", "status_500", times=1)
    publish(owner, version, slice={"symbols": ["AAA"]})
    publish(owner, version, slice={"symbols": ["BBB"]})
    work(pause_s=1.0)
    version.refresh_from_db()
    assert version.status == "published_lona"


def test_what_was_stored_otherwise_is_not_called_published(owner, provider, make_bars, monkeypatch):
    from lona.publish import readback

    monkeypatch.setattr(readback, "digest", lambda *_: {"rows": 49, "firstNs": 1, "lastNs": 2, "contentHash": "x"})
    version = make_bars(owner, times(50))
    publish(owner, version)
    work()
    row = Publication.of(owner.tenant.id).get()
    version.refresh_from_db()
    assert (row.state, row.error["code"]) == ("failed", "LONA_READBACK_MISMATCH")
    assert version.status == "publish_failed"
    assert symbols(provider) == []


def test_a_symbol_that_is_ready_later_is_awaited(owner, provider, make_bars):
    provider.sandbox.knobs(symbol_ready_seconds=0.5)
    publish(owner, make_bars(owner, times(50)))
    work()
    assert Publication.of(owner.tenant.id).get().state == "published"


@pytest.mark.parametrize(
    "knobs", [{"file_url": True}, {"envelope": False}, {"timestamp_style": "iso"}, {"error_shape": "detail"}]
)
def test_other_ways_of_the_provider_are_understood(owner, provider, make_bars, knobs):
    provider.sandbox.knobs(**knobs)
    publish(owner, make_bars(owner, times(50)))
    work()
    assert Publication.of(owner.tenant.id).get().state == "published"


def test_bars_without_volume_are_published_without_it(owner, provider, make_bars):
    publish(owner, make_bars(owner, times(20), volume=[None] * 20))
    work()
    row = Publication.of(owner.tenant.id).get()
    assert (row.state, row.has_volume) == ("published", False)


def test_a_cancelled_publish_leaves_the_version_ready(owner, provider, make_bars):
    version = make_bars(owner, times(50))
    publish(owner, version)
    queue.cancel(owner.actor, Job.of(owner.tenant.id).get())
    version.refresh_from_db()
    row = Publication.of(owner.tenant.id).get()
    assert (version.status, row.state, row.error["code"]) == ("ready", "failed", "JOB_CANCELLED")
    publish(owner, version)
    work()
    version.refresh_from_db()
    assert version.status == "published_lona"


def test_a_worker_killed_after_sending_finds_its_symbol_again(owner, provider, make_bars, monkeypatch):
    from lona import client
    from lona.client import Client

    sent = Client.create_symbol

    def killed(self, path, form):
        sent(self, path, form)
        raise KeyboardInterrupt

    version = make_bars(owner, times(50))
    publish(owner, version)
    monkeypatch.setattr(client.Client, "create_symbol", killed)
    with pytest.raises(KeyboardInterrupt):
        runner.wake()
    monkeypatch.setattr(client.Client, "create_symbol", sent)
    Job.everyone.filter(state="running").update(state="queued", lease_until=None, holder="", worker=None)
    work()
    row = Publication.of(owner.tenant.id).get()
    assert (row.state, row.reused) == ("published", False)
    assert len(symbols(provider)) == 1
