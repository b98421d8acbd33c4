"""Features over HTTP: the registry, a build as a job, what it covered, and whose it is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kit import lake
from tradenexus.jobs import runner

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/v1/features/tv_technicals_1d"


def body(response, status=200):
    assert response.status_code == status, response.content[:500]
    return response.json()


def post(person, key="build-one-1", **asked):
    return person.api.post(f"{URL}/build", asked, format="json", headers={"Idempotency-Key": key})


def work():
    while runner.wake():
        pass


@pytest.fixture
def filled(owner, tmp_path):
    """Two hundred and fifty days."""
    name = lake.registered(owner)
    lake.put(owner, tmp_path, lake.offer(tmp_path, lake.daily(100 + np.sin(np.arange(250.0))), name))
    return owner


def test_the_registry_says_what_is_computed_of_what(owner):
    (listed,) = body(owner.api.get("/v1/features"))["items"]
    told = body(owner.api.get(URL))
    assert told["feature"] == listed
    assert told["coverage"] is None
    assert listed["inputs"] == ["equities_bars", "crypto_bars_1d", "index_bars"]
    units = {each["name"]: each["unit"] for each in listed["columns"]}
    assert units["recommend_all"] == "-1 to 1"
    assert "ts_event" not in units


def test_a_build_is_a_job_whose_coverage_is_shown(filled):
    first = post(filled)
    started = body(first, 202)
    assert first["Location"] == f"/v1/jobs/{started['job']['id']}"
    again = post(filled)
    assert again["Idempotent-Replay"] == "true"
    assert again.json()["job"]["id"] == started["job"]["id"]
    assert body(post(filled, "build-one-1", full=True), 409)["error"]["code"] == "IDEMPOTENCY_KEY_CONFLICT"
    assert body(post(filled, "another-key"), 202)["job"]["id"] == started["job"]["id"]  # it is under way
    work()
    coverage = body(filled.api.get(URL))["coverage"]
    assert coverage["jobId"] == started["job"]["id"]
    (line,) = coverage["instruments"]
    assert (line["instrument"], line["bars"], line["rows"]) == ("BINANCE:ETH-BTC", 250, 243)
    rows = body(filled.api.get("/v1/lake/features_tv_technicals_1d/BINANCE:ETH-BTC/rows?columns=rsi&limit=1"))
    assert rows["requestId"]


def test_another_workspace_sees_neither_rows_nor_coverage(filled, stranger):
    post(filled)
    work()
    assert body(stranger.api.get(URL))["coverage"] is None
    refused = body(post(stranger, instruments=["BINANCE:ETH-BTC"]), 400)
    assert refused["error"]["code"] == "VALIDATION_ERROR"
    job = body(post(stranger, "build-two-2"), 202)["job"]
    work()
    assert body(stranger.api.get(f"/v1/jobs/{job['id']}"))["job"]["error"]["code"] == "FEATURE_NO_COVERAGE"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"tables": ["trades"]}, 400, "VALIDATION_ERROR"),
        ({"tables": []}, 400, "VALIDATION_ERROR"),
        ({"instruments": ["X:NONE"]}, 400, "VALIDATION_ERROR"),
        ({"instruments": ["none"]}, 400, "SYMBOL_REFUSED"),
        ({"columns": ["rsi"]}, 400, "VALIDATION_ERROR"),
    ],
)
def test_what_is_not_understood_is_refused(filled, asked, status, code):
    assert body(post(filled, **asked), status)["error"]["code"] == code


def test_an_unknown_feature_is_not_found_and_a_viewer_builds_nothing(owner, viewer):
    assert body(owner.api.get("/v1/features/nothing"), 404)["error"]["code"] == "FEATURE_UNKNOWN"
    answer = owner.api.post("/v1/features/nothing/build", {}, format="json")
    assert body(answer, 404)["error"]["code"] == "FEATURE_UNKNOWN"
    assert body(post(viewer), 403)["error"]["code"] == "SCOPE_MISSING"
