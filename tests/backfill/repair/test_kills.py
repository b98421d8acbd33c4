"""The process of a repair killed at each step between gap and row: the next one ends it, with one effect."""

import json

import pytest

from tests.kit.lake import MONDAY
from tests.kit.server import Server

STEPS = [
    "repair.detected",
    "repair.landed",
    "repair.landed:2",
    "lake.segment_put",
    "lake.stored",
    "lake.swapping",
    "lake.swapped",
    "repair.committed",
]
FEW = {"repair.landed:2", "lake.swapped"}
NAMES = ["X:A", "X:B"]


def manifest(folder, lacking):
    """Twenty days of two instruments, without those that are withheld."""
    for name in "AB":
        lines = [f"{day * 86_400},{100 + day % 7}" for day in range(MONDAY, MONDAY + 20) if day - MONDAY not in lacking]
        (folder / f"{name}.csv").write_text("at,p\n" + "\n".join(lines) + "\n")


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    sources = [
        {
            "table": "crypto_bars_1d",
            "files": [f"{name}.csv"],
            "format": "csv",
            "instrument": f"X:{name}",
            "facts": {"type": "spot", "calendar": "24/7"},
            "time": {"column": "at", "unit": "s"},
            "columns": {"open": "p", "high": "p", "low": "p", "close": "p"},
        }
        for name in "AB"
    ]
    (folder / "manifest.json").write_text(json.dumps({"sources": sources}))
    manifest(folder, {5, 6, 12})
    given = {"NEXUS_REPLAY_MANIFEST": str(folder / "manifest.json"), "NEXUS_REPLAY_ROOT": str(folder)}
    with Server(tmp_path_factory.mktemp("killed"), **given, NEXUS_REPAIR_CLOSE_HOURS="0") as running:
        running.files = folder
        yield running


COUNTED = (
    "import json, django; django.setup(); from datasets.models import *; from backfill.models import *; "
    "print(json.dumps([sorted(LakeRevision.objects.filter(commit__source='%s').values_list('entry__instrument', "
    "'changes__added')), sorted(LakeEntry.everyone.values_list('instrument', 'rows', 'red')), "
    "VendorAnswer.everyone.count()]))"
)


@pytest.mark.parametrize(
    "step", [step if step in FEW else pytest.param(step, marks=pytest.mark.soak) for step in STEPS]
)
def test_killed_at_a_step_the_next_worker_ends_it_once(server, step):
    with server.client() as client:
        body = {"candidates": NAMES, "freshnessHours": 0}
        assert client.post("/v1/lake/candidates", json=body).status_code == 202
        server.work()
        manifest(server.files, set())
        run = client.post("/v1/lake/repairs", json={}).json()["repair"]["id"]
        server.work_until_killed(step)
        server.work()
        told = client.get(f"/v1/lake/repairs/{run}").json()
        assert (told["repair"]["state"], told["repair"]["counts"]["repaired"], told["repair"]["filled"]) == (
            "finished",
            4,
            6,
        )
        assert [len(item["vendors"]) for item in told["items"]] == [1, 1, 1, 1]
        revisions, entries, answers = json.loads(server.run(COUNTED % run))
        assert revisions == [["X:A", 1], ["X:A", 2], ["X:B", 1], ["X:B", 2]]
        assert entries == [["X:A", 20, 0], ["X:B", 20, 0]]
        assert answers == 4
        assert not (server.home / "staging" / run).exists()


EMPTY = (
    "import json, django; django.setup(); from datasets.models import *; "
    "empty = LakePartition.objects.filter(code='NO_DATA').values_list('entry__instrument', 'vendor'); "
    "print(json.dumps([sorted(empty), LakeCommit.everyone.filter(source='%s').count(), "
    "LakePartition.objects.filter(code='MISSING').count()]))"
)


@pytest.mark.parametrize("step", ["repair.absent", pytest.param("lake.swapped", marks=pytest.mark.soak)])
def test_killed_while_an_absence_is_written_the_next_worker_writes_it_once(server, step):
    with server.client() as client:
        manifest(server.files, {5, 6, 12})
        assert client.post("/v1/lake/candidates", json={"candidates": NAMES, "freshnessHours": 0}).status_code == 202
        server.work()
        run = client.post("/v1/lake/repairs", json={}).json()["repair"]["id"]
        server.work_until_killed(step)
        server.work()
        told = client.get(f"/v1/lake/repairs/{run}").json()
        assert (told["repair"]["state"], told["repair"]["counts"]["no_data"]) == ("finished", 4)
        assert [each["vendors"][0]["absent"] for each in told["items"] if each["instrument"] == "X:A"] == [
            ["2024-10-12", "2024-10-13"],
            ["2024-10-19"],
        ]
        empty, commits, missing = json.loads(server.run(EMPTY % run))
        assert empty == [["X:A", "replay"]] * 3 + [["X:B", "replay"]] * 3
        assert (commits, missing) == (2, 0)
