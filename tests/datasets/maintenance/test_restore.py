"""The drill: back up a serving installation while uploads go on, restore it elsewhere, start there, same digests."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from datasets.maintenance import backup
from tests.kit import exports, raw, stocked, tus
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


# Twelve instruments with a year of minute bars, four floats of a row that no other has: more than 200 MB.
FILL = f"""{exports.FILLED}
import numpy as np
from tests.kit.lake import MONDAY
random, minutes = np.random.default_rng(7), 525_600
stamps = (MONDAY * 1_440 + np.arange(minutes, dtype=np.int64)) * 60_000_000_000
for number in range(12):
    name = lake.registered(person, f"X:M{{number}}")
    closes = 100 * np.exp(np.cumsum(random.normal(0, 0.0002, minutes)))
    rows = lake.bars(stamps, closes, random.random(minutes), "crypto_bars_1m")
    lake.put(person, folder, lake.offer(folder, rows, name, "crypto_bars_1m"))
"""
DERIVE = f"""{exports.FILLED}
from datasets.features import run
from datasets.models import Snapshot
from datasets.selector import matrices
from tests.kit import stocked
from tradenexus import db
with db.atomic():
    matrices.request(person.actor, Snapshot.everyone.get(), list(stocked.NAMES))
    run.request(person.actor, {FEATURE!r}, {{}})
"""
EXPORT = f"""{exports.FILLED}
from datasets.exports import bundles
from tradenexus import db
with db.atomic():
    bundles.request(person.actor, {{}})
"""
APPEND = f"""{exports.FILLED}
name = lake.registered(person, "X:LIVE")
for number in range(1_000):
    rows = lake.daily([100.0 + number], first_day=lake.MONDAY + number)
    lake.put(person, folder, lake.offer(folder, rows, name))
    print(number, flush=True)
"""
HELD = """
import hashlib, json, django; django.setup()
from datasets.lake import scan
from datasets.models import ExportFile, LakeEntry, LakeRevision, ReturnsMatrix
from datasets.storage import blobs
def rows_of(entry):
    digest = hashlib.sha256()
    for rows in scan.tables_of(scan.locate(entry)):
        for name in rows.column_names:
            digest.update(json.dumps(rows[name][::500].to_pylist(), default=str).encode())
    return digest.hexdigest()
print(json.dumps({
    "slices": {str(each): [each.digest, rows_of(each)] for each in LakeEntry.everyone.exclude(instrument="X:LIVE")},
    "revisions": sorted(map(list, LakeRevision.objects.values_list("entry__instrument", "number", "digest"))),
    "matrices": [[each.sha256, blobs.verify(blobs.Blob(each.key, each.size_bytes, each.sha256))]
                 for each in ReturnsMatrix.everyone.all()],
    "exported": sorted(map(list, ExportFile.objects.exclude(path__contains="LIVE").exclude(path__startswith="qc/")
                       .filter(path__endswith=".parquet").values_list("path", "sha256"))),
}))
"""


def killed_backup(server: Server, folder: Path) -> None:
    """Begin a backup and kill it while it copies files."""
    command = [sys.executable, "manage.py", "backup", str(folder)]
    process = subprocess.Popen(command, env=server.environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    while len(list(folder.glob("building-*/blobs/lake/*/*/*"))) < 20:
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -9
    assert backup.all_in(folder) == []


def filled(server: Server) -> dict:
    """Fill a server with raw files, versions, the lake and what is derived of it; return what is held then."""
    server.patience_s = 3_600
    with server.client() as client:
        dataset = upload(client, 500_000)
        client.post(f"/v1/datasets/{dataset}/validate", json={})
    for code in (FILL, stocked.CODE, DERIVE, EXPORT):
        server.run(code)
    while server.work():
        pass
    return json.loads(server.run(HELD))


@pytest.mark.soak
def test_a_large_installation_comes_back_as_it_was(tmp_path, empty):
    backups = tmp_path / "backups"
    with Server(tmp_path / "here") as here, here.client() as client:
        before = filled(here)
        assert len(before["slices"]) == 18
        with here.working(APPEND), here.working():
            killed_backup(here, backups)
            upload(client, 5_000)
            made = manage(here, "backup", str(backups))
        datasets, held = digests(client), json.loads(here.run(HELD))
    assert made["ok"]
    assert made["bytes"] > 200_000_000
    empty.patience_s = 3_600
    restored = manage(empty, "restore", made["path"])
    assert (restored["files"], restored["bytes"]) == (made["files"], made["bytes"])
    assert json.loads(empty.run(LOOK)) == [True, True]
    after = json.loads(empty.run(HELD))
    assert {name: after[name] for name in ("slices", "matrices")} == {
        name: before[name] for name in ("slices", "matrices")
    }
    live = [each for each in after["revisions"] if each[0] == "X:LIVE"]
    assert live
    assert all(each in held["revisions"] for each in after["revisions"])
    empty.start()
    empty.run(EXPORT)
    while empty.work():
        pass
    assert before["exported"]
    assert json.loads(empty.run(HELD))["exported"] == before["exported"]
    with empty.client(here.owner) as client:
        assert set(digests(client)) <= set(datasets)
        assert client.get(f"/v1/features/{FEATURE}").json()["coverage"]["instruments"]
