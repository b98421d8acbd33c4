"""Invites, registration, and who may call."""

from __future__ import annotations

import sqlite3

import pytest

from tests.lona.sandbox.process import SECRET, Agent

BODY = {"agent_id": "newcomer", "agent_name": "Newcomer", "source": "tests"}


def invite(sandbox, agent_id):
    return sandbox.client.post("/api/v1/agents/request-invite", json={**BODY, "agent_id": agent_id})


def register(sandbox, agent_id, code=None, **headers):
    return sandbox.client.post(
        "/api/v1/agents/register", json={**BODY, "agent_id": agent_id, "invite_code": code}, headers=headers
    )


def listed(sandbox, agent_id, token):
    return sandbox.client.get("/api/v1/symbols", headers={"X-API-Key": token, "X-User-Id": agent_id})


def test_an_invite_registers_an_agent_once(private_sandbox):
    sandbox = private_sandbox()
    code = invite(sandbox, "n1").json()["data"]["invite_code"]
    answer = register(sandbox, "n1", code).json()["data"]
    assert set(answer) == {"token", "partner_id", "partner_name", "permissions", "expires_at"}
    assert listed(sandbox, "n1", answer["token"]).status_code == 200
    assert register(sandbox, "n1", code).status_code == 403


def test_an_invite_is_for_its_agent_only(private_sandbox):
    sandbox = private_sandbox()
    code = invite(sandbox, "n1").json()["data"]["invite_code"]
    assert register(sandbox, "n2", code).status_code == 403
    assert register(sandbox, "n1", code).status_code == 200


def test_a_fourth_invite_within_the_hour_is_refused(private_sandbox):
    sandbox = private_sandbox()
    assert [invite(sandbox, f"n{number}").status_code for number in range(4)] == [200, 200, 200, 429]
    refused = invite(sandbox, "n9")
    assert refused.json()["error"]["code"] == "RATE_LIMITED"
    assert 0 < int(refused.headers["retry-after"]) <= 3600


def test_an_expired_invite_is_refused(private_sandbox):
    sandbox = private_sandbox()
    code = invite(sandbox, "n1").json()["data"]["invite_code"]
    with sqlite3.connect(sandbox.home / "sandbox.sqlite3") as database:
        database.execute("UPDATE invite SET expires_at = '2020-01-01T00:00:00.000000Z'")
    assert register(sandbox, "n1", code).status_code == 403


def test_an_expired_token_is_refused(private_sandbox):
    sandbox = private_sandbox()
    agent = Agent(sandbox, "n1")
    with sqlite3.connect(sandbox.home / "sandbox.sqlite3") as database:
        database.execute("UPDATE agent SET expires_at = '2020-01-01T00:00:00.000000Z'")
    assert agent.get("/symbols").json()["error"]["code"] == "TOKEN_EXPIRED"


def test_a_registered_agent_is_replaced_only_by_the_secret(sandbox, agent):
    answer = register(sandbox, agent.id, None, **{"X-Agent-Registration-Secret": "wrong"})
    assert answer.status_code == 403
    assert register(sandbox, agent.id, "no-such-invite").status_code == 403
    again = register(sandbox, agent.id, None, **{"X-Agent-Registration-Secret": SECRET})
    assert listed(sandbox, agent.id, again.json()["data"]["token"]).status_code == 200
    assert agent.get("/symbols").status_code == 401


def test_without_invites_an_existing_agent_still_cannot_be_taken_over(sandbox, agent):
    sandbox.knobs(invite_required=False)
    assert register(sandbox, agent.id).status_code == 409
    assert register(sandbox, f"{agent.id}-open").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "wrong"}])
def test_a_wrong_or_missing_key_is_401(sandbox, agent, headers):
    answer = sandbox.client.get("/api/v1/symbols", headers={"X-User-Id": agent.id, **headers})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "UNAUTHORIZED"


def test_a_key_under_another_agents_id_is_401(agent, other_agent):
    agent.headers["X-User-Id"] = other_agent.id
    assert agent.get("/symbols").status_code == 401


def test_the_environment_names_an_agent_and_only_its_hash_is_stored(private_sandbox):
    token = "token-of-the-environment-4711"
    sandbox = private_sandbox(AGENT_ID="platform", AGENT_TOKEN=token)
    assert listed(sandbox, "platform", token).status_code == 200
    assert listed(sandbox, "platform", token + "x").status_code == 401
    sandbox.stop()
    stored = b"".join(path.read_bytes() for path in sandbox.home.glob("sandbox.sqlite3*"))
    assert token.encode() not in stored
    assert token not in sandbox.log_path.read_text()


@pytest.mark.parametrize("days", [0, 366, True, "30", 1.5])
def test_expiry_days_out_of_range_are_refused(sandbox, days):
    answer = sandbox.client.post(
        "/api/v1/agents/register",
        json={**BODY, "agent_id": "d", "expires_in_days": days},
        headers={"X-Agent-Registration-Secret": SECRET},
    )
    assert answer.status_code == 422
