"""Publish, publications, mappings and symbols over the API: refusals, replays, walls, reconciliation."""

from __future__ import annotations

import pytest

from lona.models import Publication
from tests.lona import versions
from tests.lona.bars import times
from tests.lona.worker import work
from tradenexus.jobs.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


def post(person, version, body=None, **headers):
    return person.api.post(f"/v1/datasets/{version.dataset.ref}/publish/lona", body or {}, format="json", **headers)


def test_trades_are_told_to_become_candles_first(owner, provider, make_bars):
    version = make_bars(owner, times(20))
    versions.place(version, "validated", kind="trades")
    answer = post(owner, version)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "DATASET_NOT_PUBLISHABLE")
    assert "candles" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "status", ["uploading", "uploaded", "validating", "validation_failed", "transforming", "archived"]
)
def test_a_version_in_another_state_is_a_conflict(owner, provider, make_bars, status):
    version = make_bars(owner, times(20))
    versions.place(version, status)
    answer = post(owner, version)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "STATE_CONFLICT")
    assert not Publication.of(owner.tenant.id).exists()


def test_a_frequency_that_the_provider_lacks_is_named(owner, provider, make_bars):
    answer = post(owner, make_bars(owner, times(20), interval="7m"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "DATASET_NOT_PUBLISHABLE")
    assert "7m" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("part", "status", "code"),
    [
        ({"start": "2030-01-01"}, 422, "PUBLISH_RANGE_EMPTY"),
        ({"end": "2010-01-01"}, 422, "PUBLISH_RANGE_EMPTY"),
        ({"symbols": ["NONE"]}, 422, "PUBLISH_RANGE_EMPTY"),
        ({"start": "2019-10-12", "end": "2019-10-11"}, 400, "VALIDATION_ERROR"),
        ({"start": "yesterday"}, 400, "VALIDATION_ERROR"),
        ({"start": "2019-10-11T00:10:00"}, 400, "VALIDATION_ERROR"),
        ({"start": "9999-01-01"}, 400, "VALIDATION_ERROR"),
        ({"symbols": []}, 400, "VALIDATION_ERROR"),
    ],
)
def test_a_slice_that_does_not_fit_is_refused(owner, provider, make_bars, part, status, code):
    answer = post(owner, make_bars(owner, times(20)), {"slice": part})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_slice_is_half_open_and_has_a_publication_of_its_own(owner, provider, make_bars):
    version = make_bars(owner, times(3000))
    post(owner, version)
    answer = post(owner, version, {"slice": {"start": "2019-10-11T00:10:00Z", "end": "2019-10-11T01:10:00+00:00"}})
    assert answer.status_code == 202
    work()
    rows = Publication.of(owner.tenant.id).order_by("created_at")
    assert [(row.state, row.rows) for row in rows] == [("published", 3000), ("published", 60)]
    assert len({row.symbol_name for row in rows}) == 2


def test_a_replayed_key_answers_the_same(owner, provider, make_bars):
    version = make_bars(owner, times(20))
    first = post(owner, version, HTTP_IDEMPOTENCY_KEY="publish-key-1")
    again = post(owner, version, HTTP_IDEMPOTENCY_KEY="publish-key-1")
    assert again.json() == first.json()
    other = post(owner, version, {"version": 1}, HTTP_IDEMPOTENCY_KEY="publish-key-1")
    assert (other.status_code, other.json()["error"]["code"]) == (409, "IDEMPOTENCY_KEY_CONFLICT")
    assert Job.of(owner.tenant.id).count() == 1


def test_another_tenants_dataset_and_publication_are_unknown(owner, stranger, provider, make_bars):
    version = make_bars(owner, times(20))
    assert post(stranger, version).status_code == 404
    key = post(owner, version).json()["publication"]["id"]
    assert stranger.api.get(f"/v1/publications/{key}").status_code == 404
    assert owner.api.get(f"/v1/publications/{key}").json()["publication"]["id"] == key
    assert owner.api.get("/v1/publications?state=odd").status_code == 400


def test_a_viewer_may_not_publish(owner, viewer, provider, make_bars):
    assert post(viewer, make_bars(owner, times(20))).status_code == 403


def test_reconcile_names_what_differs_both_ways_and_mends(owner, stranger, provider, make_bars):
    kept, lost, orphaned = (make_bars(owner, times(count)) for count in (20, 30, 40))
    for version in (kept, lost, orphaned):
        post(owner, version)
    post(stranger, make_bars(stranger, times(20)))
    work()
    rows = {version.ref: Publication.of(owner.tenant.id).get(version=version) for version in (kept, lost, orphaned)}
    provider.agent.call("DELETE", f"/symbols/{rows[lost.ref].lona_symbol_id}")
    Publication.everyone.filter(id=rows[orphaned.ref].id).delete()
    looked = owner.api.post("/v1/mappings:reconcile", {"dryRun": True}, format="json").json()
    assert looked["counts"] == {"ok": 1, "missing": 1, "orphan": 1}
    assert {item["lonaSymbolId"] for item in looked["items"]} == {row.lona_symbol_id for row in rows.values()}
    lost.refresh_from_db()
    assert lost.status == "published_lona"
    owner.api.post("/v1/mappings:reconcile", {"dryRun": False, "deleteOrphans": True}, format="json")
    lost.refresh_from_db()
    assert lost.status == "ready"
    again = owner.api.post("/v1/mappings:reconcile", {}, format="json").json()
    assert again["counts"] == {"ok": 1}
    assert [item["state"] for item in owner.api.get("/v1/mappings").json()["items"]] == ["ok"]
    theirs = stranger.api.post("/v1/mappings:reconcile", {}, format="json").json()
    assert theirs["counts"] == {"ok": 1}


def test_reconcile_looks_again_for_what_was_lost(owner, provider, make_bars):
    version = make_bars(owner, times(20))
    post(owner, version)
    work()
    row = Publication.of(owner.tenant.id).get()
    Publication.everyone.filter(id=row.id).update(state="unknown", lona_symbol_id="")
    versions.place(version, "publishing_lona")
    told = owner.api.post("/v1/mappings:reconcile", {"dryRun": False}, format="json").json()
    assert told["counts"] == {"unknown": 1}
    work()
    row.refresh_from_db()
    version.refresh_from_db()
    assert (row.state, version.status) == ("published", "published_lona")


def test_symbols_are_paged_to_the_end(owner, provider):
    text = "timestamp,open,high,low,close,volume\n" + "".join(
        f"2024-01-{day:02d} 00:00:00,1,2,0.5,1.5,10\n" for day in range(1, 12)
    )
    for number in range(60):
        provider.agent.symbol(f"hand made {number}", text)
    found, cursor = [], "0"
    while cursor is not None:
        page = owner.api.get(f"/v1/lona/symbols?scope=mine&limit=200&cursor={cursor}").json()
        found += page["items"]
        cursor = page["nextCursor"]
    assert len({row["id"] for row in found}) == 60
    assert found[0]["provider"] == "Sandbox (local)"
    assert owner.api.get("/v1/lona/symbols?scope=all").status_code == 400
    assert owner.api.get("/v1/lona/symbols?cursor=x").status_code == 400


def test_a_global_symbol_is_linked_once_and_has_no_bytes(owner, provider):
    rows = owner.api.get("/v1/lona/symbols?scope=global").json()["items"]
    if not rows:
        pytest.skip("the sandbox has no global symbols")
    answer = owner.api.post("/v1/datasets/lona:link", {"symbolId": rows[0]["id"]}, format="json")
    assert answer.status_code == 201, answer.content
    dataset = answer.json()["dataset"]
    assert (dataset["providerDataId"], dataset["status"]) == (rows[0]["id"], "published_lona")
    again = owner.api.post("/v1/datasets/lona:link", {"symbolId": rows[0]["id"]}, format="json")
    assert again.json()["dataset"]["id"] == dataset["id"]
    told = owner.api.post(f"/v1/datasets/{dataset['id']}/publish/lona", {}, format="json")
    assert (told.status_code, told.json()["error"]["code"]) == (422, "DATASET_NOT_PUBLISHABLE")


def test_a_symbol_that_is_not_global_cannot_be_linked(owner, provider, make_bars):
    post(owner, make_bars(owner, times(20)))
    work()
    mine = Publication.of(owner.tenant.id).get().lona_symbol_id
    for key in (mine, "nobody", "../../x"):
        answer = owner.api.post("/v1/datasets/lona:link", {"symbolId": key}, format="json")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "LONA_SYMBOL_NOT_FOUND")
