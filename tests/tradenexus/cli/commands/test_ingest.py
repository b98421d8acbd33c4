"""Candidates from the command line into the lake of a real server, with a vendor that replays local files."""

import json

import pytest

from tests.backfill.vendors.adapters import replay_sample
from tests.kit.server import Server


@pytest.fixture
def server(tmp_path, monkeypatch):
    given = replay_sample.sample(tmp_path / "files").settings
    with Server(tmp_path / "server", **given) as running:
        monkeypatch.setenv("NEXUS_URL", running.url)
        monkeypatch.setenv("NEXUS_TOKEN", running.owner)
        yield running


def test_candidates_go_from_a_plan_to_what_became_of_each(server, nexus, home):
    (shown,) = nexus("vendor", "list", "--json").json
    assert (shown["name"], shown["configured"]) == ("replay", True)
    assert "crypto_bars_1d" in nexus("vendor", "list").out
    assert "X:PERP" in nexus("vendor", "show", "replay").out
    assert nexus("vendor", "show", "nobody").code != 0
    file = home / "candidates.json"
    file.write_text(json.dumps({"meta": {"venue": "X"}, "data": [{"symbol": "A"}, {"symbol": "../b"}]}))
    planned = nexus("ingest", "refresh", file, "--plan")
    assert planned.code == 0, planned.err
    assert planned.out.splitlines() == ["crypto_bars_1d\tX:A\treplay\tmissing", "trades\tX:A\treplay\tmissing"]
    assert "0 fresh, 2 will be fetched, 1 refused" in planned.err
    assert "SYMBOL_REFUSED" in planned.err
    asked = nexus("ingest", "refresh", file, "--json")
    assert asked.code == 0, asked.err
    server.work()
    done = nexus("ingest", "show", asked.json["id"], "--json").json
    assert [(each["table"], each["outcome"], each["rows"]) for each in done["items"]] == [
        ("crypto_bars_1d", "committed", 10),
        ("trades", "committed", 40),
    ]
    assert "committed" in nexus("ingest", "show", asked.json["id"]).out
    assert nexus("ingest", "show", asked.json["id"], "--outcome", "failed", "--json").json["items"] == []
    assert [each["id"] for each in nexus("ingest", "list", "--json").json] == [asked.json["id"]]
    again = nexus("ingest", "refresh", "X:A", "--wait", "--json")
    assert (again.code, again.json["counts"]["fresh"]) == (0, 2)
    with server.working():
        forced = nexus("ingest", "refresh", "X:A", "--freshness", "0", "--full", "--wait", "--json")
    assert (forced.code, forced.json["counts"]["committed"]) == (0, 2)


def test_entries_of_the_lake_are_refreshed_by_selector(server, nexus, home):
    assert nexus("lake", "refresh").code == 2
    assert nexus("lake", "refresh", "X:A").code == 5  # the lake does not hold it yet
    with server.working():
        assert nexus("ingest", "refresh", "X:A", "--wait").code == 0
    planned = nexus("lake", "refresh", "crypto_bars_1d/X:*", "--plan")
    assert planned.code == 0, planned.err
    assert planned.out.startswith("crypto_bars_1d\tX:A\treplay\tfetched ")
    assert "1 fresh, 0 will be fetched" in planned.err
    assert "2 fresh" in nexus("lake", "refresh", "--stale", "--plan").err
    assert "1 fresh" in nexus("lake", "refresh", "--table", "trades", "--plan").err
    done = nexus("lake", "refresh", "X:A", "trades", "--wait", "--json")
    assert (done.code, done.json["counts"]["fresh"]) == (0, 2)
    again = nexus("ingest", "retry", done.json["id"], "--json")
    assert again.error["code"] == "INGEST_NOTHING_FAILED"
    assert nexus("ingest", "cancel", done.json["id"], "--yes", "--json").error["code"] == "INGEST_NOTHING_RUNS"


def test_what_is_no_json_is_not_sent(server, nexus, home):
    (home / "bad.json").write_text("{")
    refused = nexus("ingest", "refresh", home / "bad.json")
    assert refused.code == 2
    assert "not JSON" in refused.err
    nobody = nexus("ingest", "refresh", "no-colon", "--json")
    assert nobody.error["code"] == "INGEST_NOTHING_ACCEPTED"
