"""Gaps from the command line, against a real server whose vendor got what it had withheld."""

import json

import pytest

from tests.kit.lake import MONDAY
from tests.kit.server import Server


def write(folder, lacking):
    lines = [f"{day * 86_400},{100 + day % 7}" for day in range(MONDAY, MONDAY + 20) if day - MONDAY not in lacking]
    (folder / "a.csv").write_text("at,p\n" + "\n".join(lines) + "\n")


@pytest.fixture
def server(tmp_path, monkeypatch):
    source = {
        "table": "crypto_bars_1d",
        "files": ["a.csv"],
        "format": "csv",
        "instrument": "X:A",
        "facts": {"type": "spot", "calendar": "24/7"},
        "time": {"column": "at", "unit": "s"},
        "columns": {"open": "p", "high": "p", "low": "p", "close": "p"},
    }
    (tmp_path / "manifest.json").write_text(json.dumps({"sources": [source]}))
    write(tmp_path, {5, 6, 12})
    with Server(tmp_path / "server", NEXUS_REPLAY_MANIFEST=str(tmp_path / "manifest.json")) as running:
        monkeypatch.setenv("NEXUS_URL", running.url)
        monkeypatch.setenv("NEXUS_TOKEN", running.owner)
        yield running


def test_gaps_go_from_a_plan_to_what_became_of_each(server, nexus, tmp_path):
    assert nexus("ingest", "refresh", "X:A", "--json").code == 0
    server.work()
    asked = nexus("lake", "repair", "crypto_bars_1d/*", "--plan", "--json")
    assert asked.code == 0, asked.err
    server.work()
    plan = nexus("lake", "repairs", asked.json["id"], "--json").json
    assert [(item["outcome"], item["missing"]) for item in plan["items"]] == [("planned", 2), ("planned", 1)]
    write(tmp_path, {6})
    with server.working():
        done = nexus("lake", "repair", "X:A", "--from", "2024-10-01", "--wait", "--json")
    assert done.code == 0, done.err
    assert sum(item["filled"] for item in done.json["items"]) == 2
    assert done.json["counts"]["partly"] == 1
    shown = nexus("lake", "repairs", done.json["id"], "--outcome", "partly")
    assert "X:A" in shown.out
    assert "it has no more" in shown.out
    listed = nexus("lake", "repairs", "--json").json
    assert [each["id"] for each in listed] == [done.json["id"], asked.json["id"]]
    refused = nexus("lake", "repair", "nonsense", "--json")
    assert (refused.code != 0, refused.error["code"]) == (True, "VALIDATION_ERROR")
