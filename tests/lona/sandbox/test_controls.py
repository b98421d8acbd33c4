"""The sandbox's own paths: health, knobs, state, and who may turn them."""

from __future__ import annotations

import pytest

from tests.lona.sandbox.process import csv_of


def test_health_needs_no_credentials(sandbox):
    assert sandbox.client.get("/healthz").json() == {"status": "ok", "provider": "Sandbox (local)"}


def test_knobs_are_shown_and_turned(sandbox):
    assert sandbox.client.get("/_sandbox/knobs").json()["symbol_min_rows"] == 10
    assert sandbox.client.put("/_sandbox/knobs", json={"symbol_min_rows": 3}).json()["symbol_min_rows"] == 3
    refused = sandbox.client.put("/_sandbox/knobs", json={"symbol_min_rows": "many"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "KNOB_REFUSED")


def test_state_shows_what_is_stored_and_asked(sandbox, agent):
    agent.symbol("SEEN", csv_of([1.0] * 10))
    state = sandbox.state()
    assert [symbol["name"] for symbol in state["symbols"] if symbol["owner"] == agent.id] == ["SEEN"]
    assert state["requests"]["POST /api/v1/symbols"] >= 1
    assert state["knobs"]["registration_secret"] == "set"
    assert "token" not in str(state["agents"])


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_foreign_host_name_finds_nothing(sandbox, method):
    answer = sandbox.client.request(method, "/_sandbox/knobs", headers={"Host": "evil.example"}, json={})
    assert answer.status_code == 404


def test_a_body_a_web_page_could_send_is_refused(sandbox):
    headers = {"Content-Type": "text/plain"}
    answer = sandbox.client.post(
        "/_sandbox/faults", headers=headers, content=b'{"match": "* /*", "kind": "status_500"}'
    )
    assert answer.status_code == 415
    assert sandbox.state()["faults"] == []


def test_unknown_paths_and_methods_answer_in_lonas_shape(sandbox, agent):
    assert agent.get("/nothing/here").json() == {"detail": "Not Found"}
    assert agent.call("PATCH", "/symbols").status_code == 405
    sandbox.knobs(error_shape="error")
    assert agent.get("/symbols/x").json() == {"error": {"code": "HTTP_404", "message": "Not found"}}
    sandbox.knobs(error_shape="detail")
    assert agent.get("/symbols", params={"limit": 0}).json()["detail"].startswith("limit must be")
