"""The process of a job killed at each step between vendor and lake: the next one ends it, with one effect."""

import json

import pytest

from tests.backfill.vendors.adapters import replay_sample
from tests.kit.server import Server

STEPS = [
    "ingestion.landed",
    "ingestion.landed:2",
    "lake.segment_put",
    "lake.stored",
    "lake.swapping",
    "lake.swapped",
    "ingestion.committed",
]
FEW = {"ingestion.landed", "lake.swapped"}
NAMES = ["X:A", "X:B"]


@pytest.fixture
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    given = replay_sample.sample(folder).settings
    with Server(tmp_path_factory.mktemp("killed"), **given) as running:
        yield running


def told(server, client, names):
    """Hand candidates in with all that the vendor has, asked for anew."""
    body = {"candidates": names, "freshnessHours": 0, "full": True}
    answer = client.post("/v1/lake/candidates", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["ingest"]["id"]


def count(server):
    code = (
        "import json, django; django.setup(); from datasets.models import *; "
        "print(json.dumps([LakeCommit.everyone.filter(source='%s').count(), LakeRevision.objects.count(), "
        "sorted(LakeEntry.everyone.values_list('table', 'instrument', 'rows', 'revision'))]))"
    )
    return lambda source: json.loads(server.run(code % source))


@pytest.mark.parametrize(
    "step", [step if step in FEW else pytest.param(step, marks=pytest.mark.soak) for step in STEPS]
)
def test_killed_at_a_step_the_next_worker_ends_it_once(server, step):
    with server.client() as client:
        run = told(server, client, NAMES)
        server.work_until_killed(step)
        server.work()
        found = client.get(f"/v1/lake/ingests/{run}").json()["ingest"]
        assert found["state"] == "finished"
        assert found["counts"]["committed"] == found["total"] == 3
        commits, revisions, entries = count(server)(run)
        assert commits == 1
        assert revisions == 3
        assert [each[1:] for each in entries] == [["X:A", 10, 1], ["X:B", 60, 1], ["X:A", 40, 1]]
        assert not (server.home / "staging" / run).exists()
