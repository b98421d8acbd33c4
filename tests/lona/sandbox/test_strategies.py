"""Strategies over HTTP."""

from __future__ import annotations

import pytest


def test_a_description_becomes_a_strategy_that_says_what_it_runs(agent):
    answer = agent.post("/agent/strategy/create", {"description": "sma_cross fast 5 slow 20", "name": "Crosser"})
    made = answer.json()["data"]
    assert set(made) == {"strategyId", "name", "code", "explanation"}
    assert made["name"] == "Crosser"
    assert made["explanation"].startswith("Sandbox (local) runs sma_cross (fast 5, slow 20)")
    assert 'STRATEGY = "sma_cross"' in made["code"]
    assert agent.get(f"/strategies/{made['strategyId']}/code").json()["data"]["code"] == made["code"]


def test_an_unknown_idea_says_that_it_is_the_fall_back(sandbox, agent):
    body = {"description": "mean reversion by RSI and moonlight"}
    assert "is the fall-back" in agent.post("/agent/strategy/create", body).json()["data"]["explanation"]
    sandbox.knobs(unknown_strategy="refuse")
    assert agent.post("/agent/strategy/create", body).status_code == 422


def test_code_becomes_a_strategy(agent):
    made = agent.post("/strategies", {"name": "By code", "code": 'STRATEGY = "breakout"', "language": "python"})
    strategy = agent.get(f"/strategies/{made.json()['data']['id']}").json()["data"]
    assert (strategy["name"], strategy["language"], strategy["provider"]) == ("By code", "python", "Sandbox (local)")


def test_a_taken_name_is_refused_by_the_knob(sandbox, agent):
    body = {"name": "Taken", "code": "x = 1"}
    agent.post("/strategies", body)
    assert agent.post("/strategies", body).status_code == 409
    sandbox.knobs(strategy_name_clash=400)
    taken = agent.post("/agent/strategy/create", {"description": "buy and hold it", "name": "Taken"})
    assert (taken.status_code, taken.json()["error"]["message"]) == (400, "Resource already exists")


def test_strategies_are_private_to_their_agent(agent, other_agent):
    strategy_id = agent.strategy()
    assert other_agent.get(f"/strategies/{strategy_id}").json() == {"detail": "Not found"}
    assert other_agent.get(f"/strategies/{strategy_id}/code").status_code == 404
    assert agent.get("/strategies").json()["data"]["total"] == 1
    assert other_agent.get("/strategies").json()["data"] == {"items": [], "has_next": False, "total": 0}


@pytest.mark.parametrize(
    "body", [{}, {"description": "too short"}, {"description": " " * 20}, {"description": 7}, [], "text", None]
)
def test_a_description_that_does_not_fit_is_refused(agent, body):
    assert agent.post("/agent/strategy/create", body).status_code == 422


def test_a_language_other_than_python_is_refused(agent):
    assert agent.post("/strategies", {"name": "R", "code": "x <- 1", "language": "R"}).status_code == 422


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"description": NaN}'])
def test_a_body_that_is_not_json_is_refused(sandbox, agent, content):
    answer = sandbox.client.post("/api/v1/agent/strategy/create", headers=agent.headers, content=content)
    assert answer.status_code == 422


def test_a_body_over_its_limit_is_413(sandbox, agent):
    answer = sandbox.client.post("/api/v1/strategies", headers=agent.headers, content=b" " * (1024 * 1024 + 1))
    assert answer.status_code == 413
