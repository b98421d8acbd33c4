"""A vendor that replays local files, and a worker that runs in the test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def work():
    """Run every job that is due, the waiting ones too, until none is left."""
    from tests.lona import worker

    return worker.work


@pytest.fixture(autouse=True)
def own_home(settings, tmp_path):
    """Staging and the watched folder of this test alone."""
    home = tmp_path / "home"
    home.mkdir()
    settings.NEXUS_HOME = home
    return home


@pytest.fixture
def replaying(settings, tmp_path):
    """Configure the replay vendor with sources; their files lie in the test's folder."""

    def configure(*sources: dict, root: Path = tmp_path) -> None:
        path = tmp_path / "manifest.json"
        path.write_text(json.dumps({"sources": list(sources)}))
        settings.NEXUS_VENDORS = ["backfill.vendors.adapters.replay"]
        settings.NEXUS_REPLAY_MANIFEST, settings.NEXUS_REPLAY_ROOT = str(path), str(root)

    return configure


@pytest.fixture
def recorded(settings, realdata):
    """Configure the replay vendor with the real data."""
    settings.NEXUS_VENDORS = ["backfill.vendors.adapters.replay"]
    settings.NEXUS_REPLAY_MANIFEST = str(Path(__file__).with_name("realdata.json"))
    settings.NEXUS_REPLAY_ROOT = str(realdata)


@pytest.fixture
def hand_in(work):
    """Hand candidates in over the API, run the jobs, return {table/instrument: item}."""

    def do(person, candidates, run=True, **options) -> dict[str, dict]:
        body = {"candidates": candidates, **options}
        answer = person.api.post("/v1/lake/candidates", body, format="json")
        assert answer.status_code == 202, answer.json()
        if run:
            work()
        items = person.api.get(f"/v1/lake/ingests/{answer.json()['ingest']['id']}/items?limit=200").json()["items"]
        return {f"{each['table']}/{each['instrument']}": each for each in items}

    return do


@pytest.fixture
def answering(settings):
    """Configure a vendor that answers as the test says: `answering["X:A"] = (page, ...)` or an error."""
    from tests.kit import answering as vendor

    settings.NEXUS_VENDORS = ["tests.kit.answering"]
    vendor.ANSWERS.clear()
    vendor.CALLS.clear()
    return vendor.ANSWERS


@pytest.fixture
def ranged(settings):
    """Configure two vendors, `ranged` before `other`: `ranged["other"] = {time: close}` is what that one has."""
    from tests.kit import ranged as vendor

    settings.NEXUS_VENDORS = ["tests.kit.ranged", "tests.kit.ranged_other"]
    for each in (vendor.HELD, vendor.CALLS, vendor.SINCE):
        each.clear()
    return vendor.HELD


@pytest.fixture
def repaired(work):
    """Ask for a repair over the API, run its job, return (the run, its items)."""

    def do(person, run=True, **body) -> tuple[dict, list[dict]]:
        answer = person.api.post("/v1/lake/repairs", body, format="json")
        assert answer.status_code == 202, answer.json()
        if run:
            work()
        told = person.api.get(f"/v1/lake/repairs/{answer.json()['repair']['id']}?limit=200").json()
        return told["repair"], told["items"]

    return do
