"""`nexus snapshot` against a real server: from freezing to the matrix in a file."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.kit import stocked
from tests.kit.server import Server
from tests.kit.stocked import NAMES, TABLE


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("snapshot") / "server") as one:
        one.run(stocked.CODE)
        yield one


@pytest.fixture(autouse=True)
def at(server, monkeypatch):
    monkeypatch.setenv("NEXUS_URL", server.url)
    monkeypatch.setenv("NEXUS_TOKEN", server.owner)


RANGE = ["--table", TABLE, "--from", "2024-10-07", "--to", "2025-11-11"]


def test_a_run_freezes_and_reads_what_it_froze(server, nexus, home):
    (home / "names.txt").write_text("# what the run wants\n" + "\n".join(NAMES[1:]) + "\n")
    wanted = ["-i", NAMES[0], "--instruments-from", home / "names.txt", *RANGE]
    made = nexus("snapshot", "create", "run-7", *wanted, "--json").json
    assert (made["entries"], made["segments"]) == (3, 6)
    assert [each["name"] for each in nexus("snapshot", "list", "--json").json] == ["run-7", "run-1"]
    members = nexus("snapshot", "show", "run-7", "--members", "--json").json
    assert len({each["segment"]["sha256"] for each in members}) == 6
    assert nexus("snapshot", "pin", "run-7", "--json").json["pinned"] is True
    assert nexus("snapshot", "expire", "run-7", "--yes").code != 0
    assert nexus("snapshot", "pin", "run-7", "--off", "--json").json["pinned"] is False
    assert nexus("snapshot", "expire", made["id"], "--yes", "--json").json["state"] == "expired"


def test_everything_unfit_is_told(nexus):
    told = nexus("snapshot", "create", "run-8", "-i", "X:A", "-i", NAMES[0], *RANGE, "--json")
    assert told.code != 0
    assert told.error["code"] == "SNAPSHOT_MEMBERS_UNFIT"
    assert [each["instrument"] for each in told.error["details"]["members"]] == ["X:A"]
    assert nexus("snapshot", "create", "run-8", *RANGE).code == 2
    assert nexus("snapshot", "show", "no-such-run").code == 5


def test_verify_materialise_and_matrix(server, nexus, home):
    (home / "candidates.json").write_text(json.dumps({"meta": {}, "data": [*NAMES, "X:A"]}))
    with server.working():
        assert nexus("snapshot", "verify", "run-1", "--wait", "--json").json["result"]["damaged"] == []
        put = nexus("snapshot", "materialise", "run-1", "--layout", "segments", "--wait", "--json").json
        assert put["result"]["files"] == 6
        out = home / "returns_matrix.parquet"
        made = nexus("snapshot", "matrix", "run-1", home / "candidates.json", "--out", out, "--json").json
    assert hashlib.sha256(out.read_bytes()).hexdigest() == made["sha256"]
    assert [each["reason"] for each in made["drops"]] == ["NOT_IN_SNAPSHOT"]
    assert "X:A" in nexus("snapshot", "matrix", "run-1", home / "candidates.json").out
    (home / "no.json").write_text("{")
    assert nexus("snapshot", "matrix", "run-1", home / "no.json").code == 2
