"""The feed and one job's events over HTTP."""

from __future__ import annotations

import json

import pytest

from tests.tradenexus.openlineage.test_events import KIND, OTHER, kinds, ran  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_job_is_a_bare_list_or_lines(owner):
    job = ran(owner)
    found = owner.api.get(f"/v1/jobs/{job.ref}/openlineage").json()
    assert [event["eventType"] for event in found] == ["START", "COMPLETE"]
    for answer in (
        owner.api.get(f"/v1/jobs/{job.ref}/openlineage?format=ndjson"),
        owner.api.get(f"/v1/jobs/{job.ref}/openlineage", headers={"Accept": "application/x-ndjson"}),
    ):
        assert answer["Content-Type"] == "application/x-ndjson"
        assert [json.loads(line) for line in answer.content.decode().splitlines()] == found


def test_others_are_refused_and_viewers_may_read(owner, viewer, stranger):
    job = ran(owner)
    assert stranger.api.get(f"/v1/jobs/{job.ref}/openlineage").status_code == 404
    assert stranger.api.get("/v1/openlineage").json()["items"] == []
    assert len(viewer.api.get("/v1/openlineage").json()["items"]) == 2


def test_a_collector_goes_on_where_it_was(owner):
    ran(owner, n=1)
    first = owner.api.get("/v1/openlineage?limit=1").json()
    assert (len(first["items"]), first["nextCursor"]) == (1, first["resumeCursor"])
    rest = owner.api.get(f"/v1/openlineage?cursor={first['nextCursor']}").json()
    assert (len(rest["items"]), rest["nextCursor"]) == (1, None)
    again = owner.api.get(f"/v1/openlineage?cursor={rest['resumeCursor']}").json()
    assert (again["items"], again["nextCursor"]) == ([], None)
    job = ran(owner, n=2)
    fresh = owner.api.get(f"/v1/openlineage?cursor={again['resumeCursor']}&format=ndjson")
    assert [json.loads(line)["run"]["runId"] for line in fresh.content.decode().splitlines()] == [str(job.id)] * 2
    assert int(fresh["X-Resume-Cursor"]) > int(again["resumeCursor"])


def test_since_begins_at_a_time(owner):
    ran(owner)
    assert len(owner.api.get("/v1/openlineage?since=1h").json()["items"]) == 2
    assert owner.api.get("/v1/openlineage?since=2999-01-01").json()["items"] == []


@pytest.mark.parametrize("query", ["cursor=x", "since=soon", "format=xml", "limit=0", "cursor=" + "9" * 30])
def test_what_cannot_be_meant_is_refused(owner, query):
    assert owner.api.get(f"/v1/openlineage?{query}").status_code == 400


def test_the_page_of_a_job_that_moves_data_leads_to_its_events(owner, client):
    client.force_login(owner.user)
    address = "/v1/jobs/{}/openlineage"
    job, silent = ran(owner), ran(owner, OTHER)
    assert address.format(job.ref).encode() in client.get(f"/jobs/{job.ref}/").content
    assert address.format(silent.ref).encode() not in client.get(f"/jobs/{silent.ref}/").content
