"""Strategies and backtests over the API: refusals, replays, walls between tenants."""

from __future__ import annotations

import pytest

from lona.models import Backtest, Strategy
from tests.lona.bars import times
from tests.lona.worker import work

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = {"description": "buy_and_hold for ever", "name": "hold"}


def test_a_strategy_has_the_providers_code_and_says_whose_it_is(owner, provider):
    answer = owner.api.post("/v1/strategies", WORDS, format="json")
    made = answer.json()["strategy"]
    assert answer.status_code == 201
    assert answer["Location"] == f"/v1/strategies/{made['id']}"
    assert (made["state"], made["provider"], made["name"]) == ("ready", "Sandbox (local)", "hold")
    assert "buy_and_hold" in made["code"]
    assert owner.api.get(f"/v1/strategies/{made['id']}").json()["strategy"] == made
    assert [row["id"] for row in owner.api.get("/v1/strategies").json()["items"]] == [made["id"]]


def test_a_replayed_key_gives_the_same_strategy_and_one_at_the_provider(owner, provider):
    header = {"HTTP_IDEMPOTENCY_KEY": "strategy-key-1"}
    first = owner.api.post("/v1/strategies", WORDS, format="json", **header)
    again = owner.api.post("/v1/strategies", WORDS, format="json", **header)
    assert again.json()["strategy"] == first.json()["strategy"]
    assert again["Idempotent-Replay"] == "true"
    conflict = owner.api.post("/v1/strategies", {**WORDS, "name": "other"}, format="json", **header)
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "IDEMPOTENCY_KEY_CONFLICT")


def test_two_strategies_of_one_name_do_not_clash(owner, stranger, provider):
    made = [person.api.post("/v1/strategies", WORDS, format="json") for person in (owner, owner, stranger)]
    assert [answer.status_code for answer in made] == [201, 201, 201]


def test_a_lost_answer_is_found_again_by_name(owner, provider):
    provider.sandbox.fault("POST /agent/strategy/create", "drop_after_commit")
    answer = owner.api.post("/v1/strategies", WORDS, format="json")
    assert answer.status_code == 201
    assert answer.json()["strategy"]["lonaStrategyId"]


def test_a_provider_that_is_down_answers_502_and_the_same_key_goes_on(owner, provider, settings):
    header = {"HTTP_IDEMPOTENCY_KEY": "strategy-key-2"}
    settings.LONA_GATEWAY_URL = "http://127.0.0.1:9"
    answer = owner.api.post("/v1/strategies", WORDS, format="json", **header)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "LONA_UNAVAILABLE")
    settings.LONA_GATEWAY_URL = provider.url
    answer = owner.api.post("/v1/strategies", WORDS, format="json", **header)
    assert answer.status_code == 201
    assert Strategy.of(owner.tenant.id).count() == 1


def test_symbols_answer_502_while_the_provider_is_down(owner, provider, settings):
    settings.LONA_GATEWAY_URL = "http://127.0.0.1:9"
    answer = owner.api.get("/v1/lona/symbols")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "LONA_UNAVAILABLE")


def test_a_gateway_in_a_private_network_is_refused_unless_allowed(owner, provider, settings):
    settings.LONA_ALLOW_PRIVATE = False
    answer = owner.api.get("/v1/lona/symbols")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "LONA_ADDRESS_REFUSED")


def test_without_an_agent_the_answer_says_what_to_set(owner, provider, settings):
    settings.LONA_AGENT_TOKEN = ""
    answer = owner.api.get("/v1/lona/symbols")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "LONA_NOT_CONFIGURED")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"description": "too short"},
        {"description": 5},
        {"description": "long enough it is", "name": "x" * 81},
        {"description": "long enough it is", "model": "x"},
        {"description": "a NUL is in \x00 here"},
    ],
)
def test_a_strategy_that_does_not_fit_is_refused(owner, provider, body):
    assert owner.api.post("/v1/strategies", body, format="json").status_code == 400
    assert not Strategy.of(owner.tenant.id).exists()


GOOD = {"startDate": "2019-10-11", "endDate": "2019-10-11", "datasetIds": ["ds_x"]}


@pytest.mark.parametrize(
    "change",
    [
        {"startDate": None},
        {"startDate": "11.10.2019"},
        {"endDate": "2019-10-10"},
        {"datasetIds": []},
        {"dataIds": ["a"]},
        {"datasetIds": None},
        {"initialCash": 0},
        {"initialCash": "NaN"},
        {"leverage": -1},
        {"parameters": {"fast": [1]}},
        {"parameters": "fast"},
        {"missingData": "hope"},
        {"startDate": "0001-01-01"},
        {"endDate": "9999-12-31"},
        {"unknown": 1},
    ],
)
def test_a_backtest_that_does_not_fit_is_refused(owner, provider, change):
    made = owner.api.post("/v1/strategies", WORDS, format="json").json()["strategy"]["id"]
    answer = owner.api.post(f"/v1/strategies/{made}/backtests", {**GOOD, **change}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")


def test_another_tenants_things_are_unknown(owner, stranger, provider, make_bars):
    version = make_bars(owner, times(1440))
    made = owner.api.post("/v1/strategies", WORDS, format="json").json()["strategy"]["id"]
    body = {**GOOD, "datasetIds": [version.dataset.ref]}
    asked = owner.api.post(f"/v1/strategies/{made}/backtests", body, format="json").json()
    key = asked["backtest"]["id"]
    for path in (f"/v1/strategies/{made}", f"/v1/backtests/{key}", f"/v1/backtests/{key}/lineage"):
        assert stranger.api.get(path).status_code == 404
    assert stranger.api.post(f"/v1/strategies/{made}/backtests", body, format="json").status_code == 404
    theirs = stranger.api.post("/v1/strategies", WORDS, format="json").json()["strategy"]["id"]
    answer = stranger.api.post(f"/v1/strategies/{theirs}/backtests", body, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")
    for path in ("/v1/backtests", "/v1/publications", "/v1/mappings"):
        assert stranger.api.get(path).json()["items"] == []


def test_a_replayed_key_starts_one_backtest(owner, provider, make_bars):
    version = make_bars(owner, times(1440))
    made = owner.api.post("/v1/strategies", WORDS, format="json").json()["strategy"]["id"]
    body, header = {**GOOD, "datasetIds": [version.dataset.ref]}, {"HTTP_IDEMPOTENCY_KEY": "backtest-key-1"}
    path = f"/v1/strategies/{made}/backtests"
    first = owner.api.post(path, body, format="json", **header)
    work()
    again = owner.api.post(path, body, format="json", **header)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again["Idempotent-Replay"] == "true"
    assert Backtest.of(owner.tenant.id).count() == 1


def test_a_viewer_reads_and_starts_nothing(owner, viewer, provider):
    made = owner.api.post("/v1/strategies", WORDS, format="json").json()["strategy"]["id"]
    assert viewer.api.get(f"/v1/strategies/{made}").status_code == 200
    assert viewer.api.post("/v1/strategies", WORDS, format="json").status_code == 403
    assert viewer.api.post(f"/v1/strategies/{made}/backtests", GOOD, format="json").status_code == 403


def test_lists_filter_and_refuse_unknown_words(owner, provider):
    assert owner.api.get("/v1/backtests?status=completed").json()["items"] == []
    assert owner.api.get("/v1/backtests?status=odd").status_code == 400
    assert owner.api.get("/v1/backtests?strategyId=str_x").status_code == 404
