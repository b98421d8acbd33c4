"""Files put down by a worker that is killed between two of them: the next one ends it with the same bytes."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.kit import stocked
from tests.kit.server import Server

_ASK = """
import django; django.setup()
from datasets.models import Snapshot
from datasets.snapshots import materialise
from tradenexus import db
from tradenexus.actor import system
snapshot = Snapshot.everyone.get()
with db.atomic():
    print(materialise.request(system(snapshot.tenant_id, "r"), snapshot, {layout!r}, {folder!r}).ref)
"""
_MATRIX = """
import django; django.setup()
from datasets.models import ReturnsMatrix, Snapshot
from datasets.selector import matrices
from tests.kit.stocked import NAMES
from tradenexus import db
from tradenexus.actor import system
snapshot = Snapshot.everyone.get()
with db.atomic():
    matrix, _ = matrices.request(system(snapshot.tenant_id, "r"), snapshot, list(NAMES))
print(matrix.state, matrix.key)
"""
_SWEEP = """
import django; django.setup()
from datasets.models import Snapshot
from datasets.snapshots import keeping
from tradenexus import db
Snapshot.everyone.update(expires_at=db.now())
print(keeping.sweep("r"))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    home = tmp_path_factory.mktemp("killed")
    server = Server(home, NEXUS_RUNS_ROOT=str(home / "runs"))
    server.run(stocked.CODE)
    return server


def held(folder) -> dict[str, str]:
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {str(name): hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


@pytest.mark.parametrize("layout", ["segments", "single"])
def test_killed_between_two_files_the_next_attempt_gives_the_same_bytes(server, layout):
    def ask(folder: str) -> None:
        server.run(_ASK.format(layout=layout, folder=folder))

    ask(f"{layout}-calm")
    server.work()
    folder = next((server.home.parent / "runs").glob(f"*/{layout}-calm"))
    calm = held(folder)
    assert len(calm) == {"segments": 7, "single": 4}[layout]
    ask(f"{layout}-killed")
    server.work_until_killed("snapshots.file_placed:2")
    folder = folder.with_name(f"{layout}-killed")
    begun = held(folder)
    assert "manifest.json" not in begun
    assert len(begun) == 3  # two files and the note
    (folder / ".putting-left-behind").write_bytes(b"half")
    server.work_until_killed("snapshots.placed")
    assert "manifest.json" not in held(folder)
    server.work()
    assert held(folder) == calm
    assert json.loads((folder / "manifest.json").read_bytes())["layout"] == layout


def test_a_matrix_whose_bytes_were_stored_before_its_worker_died_is_ended_once(server):
    assert server.run(_MATRIX).split() == ["building"]
    server.work_until_killed("snapshots.matrix_stored")
    [stored] = (server.home / "data" / "snapshots").rglob("*.parquet")
    assert server.run(_MATRIX).split() == ["building"]
    server.work()
    state, key = server.run(_MATRIX).split()
    assert (state, [server.home / "data" / key]) == ("ready", [stored])
    assert list((server.home / "data" / "snapshots").rglob("*.parquet")) == [stored]


def test_killed_after_the_files_went_the_next_sweep_ends_it(server):
    server.run(_ASK.format(layout="segments", folder=""))
    server.work()
    assert len(list((server.home / "snapshots").glob("*/segments/manifest.json"))) == 1
    with pytest.raises(RuntimeError, match=r"killed at snapshots\.cleared"):
        server.run(_SWEEP, NEXUS_FAIL_AT="snapshots.cleared")
    assert not list((server.home / "snapshots").iterdir())
    assert server.run(_SWEEP).split() == ["{'expired':", "0,", "'cleared':", "1}"]
