"""The drill: back up a serving installation while uploads go on, restore it elsewhere, start there, same digests."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.kit import raw, stocked, tus
from tests.kit.server import ROOT, Server, _database

FEATURE = "tv_technicals_1d"
LOOK = """
import json, django; django.setup()
from datasets.maintenance import fsck
from tradenexus.tenancy.models import Tenant
print(json.dumps([fsck.check(each, deep=True)["ok"] for each in Tenant.objects.values_list("id", flat=True)]))
"""


def manage(server: Server, *words: str) -> dict:
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(command, env=server.environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def upload(client, count: int) -> str:
    data = raw.trades(count)
    url = tus.create(client, len(data), symbol="BTC-USD")
    assert tus.patch(client, url, 0, data).status_code == 204
    dataset = client.get(url).json()["upload"]["datasetId"]
    assert client.post(f"/v1/datasets/{dataset}/uploads:complete", json={}).status_code == 202
    return dataset


def digests(client) -> dict[str, list]:
    """Each dataset's versions with their digests, and the digest of each raw file as it downloads."""
    found = {}
    for dataset in client.get("/v1/datasets", params={"limit": 200}).json()["items"]:
        versions = client.get(f"/v1/datasets/{dataset['id']}/versions").json()["items"]
        found[dataset["id"]] = [
            (each["version"], each["status"], each["contentDigest"], each["rowCount"]) for each in versions
        ]
    return found


@pytest.fixture
def empty(tmp_path):
    """A second installation with nothing in it."""
    with Server(tmp_path / "elsewhere") as made:
        made.kill()
        for path in made.home.glob("nexus.sqlite3*"):
            path.unlink()
        if made.environment.get("DATABASE_URL", "").startswith("postgres"):
            made.environment["DATABASE_URL"] = _database(made._postgres, None)
        yield made


def test_drill(tmp_path, empty):
    backups = tmp_path / "backups"
    with Server(tmp_path / "here") as here, here.client() as client:
        dataset = upload(client, 20_000)
        here.work()
        client.post(f"/v1/datasets/{dataset}/validate", json={})
        here.work()
        over = threading.Event()
        made: list[str] = []

        def write() -> None:
            with here.client() as own:
                while not over.is_set():
                    made.append(upload(own, 500))

        writer = threading.Thread(target=write)
        with here.working():
            writer.start()
            first = manage(here, "backup", str(backups))
            second = manage(here, "backup", str(backups))
            over.set()
            writer.join()
        here.work()
        before = digests(client)
    assert first["ok"]
    assert second["ok"]
    assert second["linked"] >= first["files"] > 0
    path = Path(second["path"])
    restored = manage(empty, "restore", str(path))
    assert (restored["files"], restored["bytes"]) == (second["files"], second["bytes"])
    empty.start()
    empty.work()  # jobs that were under way when the copy was made are done here
    with empty.client(here.owner) as client:
        after = digests(client)
    assert json.loads(empty.run(LOOK)) == [True, True]
    assert after[dataset] == before[dataset]
    assert after[dataset][0][1] == "validated"
    assert set(after) <= set(before)
    sealed = [(name, each) for name, rows in after.items() for each in rows if each[2]]
    assert all(each in before[name] for name, each in sealed)


def test_what_a_build_covered_survives(tmp_path, empty):
    with Server(tmp_path / "here") as here, here.client() as client:
        here.run(stocked.CODE)
        assert client.post(f"/v1/features/{FEATURE}/build", json={}).status_code == 202
        here.work()
        before = client.get(f"/v1/features/{FEATURE}").json()["coverage"]
        path = manage(here, "backup", str(tmp_path / "backups"))["path"]
    assert len(before["instruments"]) == 3
    manage(empty, "restore", path)
    empty.start()
    with empty.client(here.owner) as client:
        assert client.get(f"/v1/features/{FEATURE}").json()["coverage"] == before
    assert json.loads(empty.run(LOOK)) == [True, True]


def test_a_second_restore_is_refused(tmp_path, empty):
    with Server(tmp_path / "here") as here:
        path = manage(here, "backup", str(tmp_path / "backups"))["path"]
    manage(empty, "restore", path)
    with pytest.raises(AssertionError, match="HOME_NOT_EMPTY"):
        manage(empty, "restore", path)
