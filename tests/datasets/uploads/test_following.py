"""A large upload is validated to its end while it comes in; the validation takes that over, or says why it does not."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from datasets.uploads import provisional
from tests.kit import tus
from tests.kit.server import Server
from tests.kit.stack import is_reader

MIB = 1 << 20
SETTINGS = {"NEXUS_PROVISIONAL_BYTES": str(2 * MIB), "NEXUS_FOLLOW_WAIT_S": "20"}
LEAST = 10 * MIB // 3  # the last mark of what is longer is at 2 MiB
PART = 2 * MIB + 1000
REUSED = "reused from provisional scan"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server"), **SETTINGS) as running:
        yield running


def trades() -> bytes:
    """Trades of two instruments, some of them bad, repeated and out of order."""
    random, rows = np.random.default_rng(7), 220_000
    times = 1_700_000_000_000 + np.arange(rows) * 500 - (random.random(rows) < 0.001) * 9_000
    prices = np.round(100 + random.normal(0, 1, rows).cumsum() / 100, 2)
    sizes = random.random(rows)
    lines = [f"{times[at]},C{at % 2}-USD,{prices[at]},{sizes[at]},{at + 1}" for at in range(rows)]
    lines[7] = lines[5]
    lines[150_000] = "x,C1-USD,1,1,1"
    made = ("timestamp,symbol,price,size,trade_id\n" + "\n".join(lines) + "\n").encode()
    assert len(made) > 8 * MIB
    assert len(gzip.compress(made, 1)) > LEAST
    return made


@pytest.fixture(scope="module")
def data():
    return trades()


def jobs(client, subject: str) -> dict[str, dict]:
    return {job["kind"]: job for job in client.get(f"/v1/jobs?subject={subject}").json()["items"]}


def told(client, url: str) -> dict:
    return client.get(url).json()["upload"]


def scan(client, url: str) -> dict:
    return (told(client, url)["provisional"] or {}).get("scan") or {}


def until(wanted, wait_s: float = 60.0):
    """Ask again and again until the answer is true; return it."""
    deadline = time.monotonic() + wait_s
    while not (found := wanted()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found
    return found


def begun(client, data: bytes, **said: str) -> str:
    """Send the first part; return once a scan follows."""
    url = tus.create(client, len(data), **said)
    time.sleep(provisional.REPORT_S * PART / (len(data) - PART))  # what is faster is over too soon to be followed
    assert tus.patch(client, url, 0, data[:PART]).status_code == 204
    until(lambda: scan(client, url).get("state") == "following")
    return url


def completed(client, url: str, data: bytes) -> str:
    """Send the rest and complete; return the dataset once it is uploaded."""
    at = tus.offset(client, url)
    assert tus.patch(client, url, at, data[at:]).status_code == 204
    dataset = told(client, url)["datasetId"]
    digest = hashlib.sha256(data).hexdigest()
    assert client.post(f"/v1/datasets/{dataset}/uploads:complete", json={"sha256": digest}).status_code == 202
    until(lambda: client.get(f"/v1/datasets/{dataset}").json()["dataset"]["status"] == "uploaded")
    return dataset


def validated(client, dataset: str, **options) -> dict:
    """Validate; return what can be compared: the report, the files' digest, and the log of the job."""
    answer = client.post(f"/v1/datasets/{dataset}/validate", json=options)
    assert answer.status_code == 202, answer.text
    job = answer.json()["job"]["id"]
    until(lambda: client.get(f"/v1/jobs/{job}").json()["job"]["state"] == "succeeded")
    report = client.get(f"/v1/datasets/{dataset}/quality-report").json()["qualityReport"]
    log = [line["text"] for line in client.get(f"/v1/jobs/{job}/log").json()["items"]]
    nodes = client.get(f"/v1/datasets/{dataset}/lineage").json()["nodes"]
    version = next(node for node in nodes if node["kind"] == "version")
    upload = next(node for node in nodes if node["kind"] == "upload")
    shown = {name: report[name] for name in report if name not in ("id", "datasetId", "versionId", "version",
             "createdAt", "durationMs", "jobId", "links")}  # fmt: skip
    return {
        "report": shown,
        "content": version["details"]["contentDigest"],
        "log": log,
        "noted": upload["details"].get("provisionalScan"),
    }


def from_zero(server, data: bytes, **said: str) -> dict:
    """Validate the same bytes in another workspace, sent at once, so that nothing is looked at."""
    with server.client(server.stranger) as client:
        url = tus.create(client, len(data), **said)
        assert tus.patch(client, url, 0, data).status_code == 204
        with server.working():
            return validated(client, completed(client, url, data))


def staging(server, url: str) -> list[Path]:
    return list((server.home / "staging").glob(f"*/{url.rsplit('_', 1)[1]}"))


def test_what_was_found_while_the_file_came_in_is_what_the_validation_finds(server, client, data):
    with server.working():
        url = begun(client, data)
        status = client.get(f"/v1/datasets/{told(client, url)['datasetId']}").json()["dataset"]["status"]
        assert status == "uploading"
        until(lambda: scan(client, url)["scannedBytes"])
        dataset = completed(client, url, data)
        found = validated(client, dataset)
    assert any(REUSED in line for line in found["log"])
    assert found["noted"] == "reused"
    assert (scan(client, url)["state"], scan(client, url)["scannedBytes"]) == ("reused", len(data))
    assert jobs(client, told(client, url)["id"])["upload.follow"]["result"]["state"] == "ready"
    assert staging(server, url) == []
    fresh = from_zero(server, data)
    assert not any("reused" in line for line in fresh["log"])
    assert fresh["noted"] is None
    assert (found["report"], found["content"]) == (fresh["report"], fresh["content"])


def test_a_packed_file_is_followed_too(server, client, data):
    packed = gzip.compress(data, 1)
    with server.working():
        url = begun(client, packed)
        found = validated(client, completed(client, url, packed))
    assert found["noted"] == "reused"
    fresh = from_zero(server, packed)
    assert (found["report"], found["content"]) == (fresh["report"], fresh["content"])


def refused(found: dict, fresh: dict | None, why: str) -> None:
    """Assert that nothing was taken over, that it says why, and that the result is that of the bytes that came."""
    assert any(line.startswith("not reused: ") and why in line for line in found["log"])
    assert found["noted"].startswith("dropped: ")
    assert why in found["noted"]
    if fresh is not None:
        assert (found["report"], found["content"]) == (fresh["report"], fresh["content"])


def ready(client, url: str, data: bytes) -> None:
    """Send the rest, and wait until the scan has read all of it."""
    at = tus.offset(client, url)
    assert tus.patch(client, url, at, data[at:]).status_code == 204
    until(lambda: scan(client, url).get("state") == "ready")


def test_bytes_that_were_sent_again_after_they_were_read_are_read_anew(server, client, data):
    with server.working():
        url = begun(client, data)
        ready(client, url, data)
    other = data.replace(b"C1-USD", b"C3-USD")
    path = tus.path_of(server, url)
    with path.open("r+b") as file:  # as when parts are damaged, and come again
        file.write(other)
    server.run(
        "import crc32c, django; django.setup()\n"  # the digests that the parts landed with
        "from datasets.models import UploadLeaf\n"
        f"data = open({str(path)!r}, 'rb').read()\n"
        f"for leaf in UploadLeaf.objects.filter(session_id='{url.rsplit('_', 1)[1]}'):\n"
        "    start = leaf.number << 23; leaf.crc32c = crc32c.crc32c(data[start : start + leaf.size_bytes]); leaf.save()"
    )
    with server.working():
        refused(validated(client, completed(client, url, other)), from_zero(server, other), "sent again")
    assert staging(server, url) == []


def test_another_mapping_than_the_one_it_was_read_with_is_read_anew(server, client, data):
    with server.working():
        url = begun(client, data)
        ready(client, url, data)
        mapping = {"columnMapping": {"ts_event": "timestamp", "price": "size", "size": "price", "symbol": "symbol"}}
        found = validated(client, completed(client, url, data), **mapping)
    refused(found, None, "what was said of the file")
    assert staging(server, url) == []


def test_other_thresholds_are_read_anew(server, client, data):
    with server.working():
        url = begun(client, data)
        ready(client, url, data)
        refused(validated(client, completed(client, url, data), profile="strict"), None, "what was said of the file")


def test_damaged_or_lost_staging_is_not_taken_over(server, client, data):
    with server.working():
        url = begun(client, data)
        ready(client, url, data)
        (file, *_) = (server.home / "staging").glob(f"*/{url.rsplit('_', 1)[1]}/*/*.parquet")
        whole = file.read_bytes()
        file.write_bytes(whole[:1000] + b"x" + whole[1001:])
        refused(validated(client, completed(client, url, data)), from_zero(server, data), "damaged")


def child_of(server, home: Path) -> int:
    """Return the process that reads an upload of this server."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and is_reader(int(entry.name)):
                opened = [os.readlink(each) for each in (entry / "fd").iterdir()]
                if any(str(home) in each and each.endswith("/data") for each in opened):
                    return int(entry.name)
    return 0


def test_a_child_that_is_killed_begins_again_and_loses_nothing(server, client, data):
    with server.working():
        url = begun(client, data)
        os.kill(until(lambda: child_of(server, server.home)), signal.SIGKILL)
        found = validated(client, completed(client, url, data))
    fresh = from_zero(server, data)
    assert (found["report"], found["content"]) == (fresh["report"], fresh["content"])


def test_a_worker_that_is_killed_leaves_the_validation_to_read_all(server, client, data):
    with server.working():
        url = begun(client, data)
    with server.working():
        refused(validated(client, completed(client, url, data)), from_zero(server, data), "cut short")
    assert staging(server, url) == []


@pytest.mark.parametrize("ending", ["terminated", "expired"])
def test_an_upload_that_ends_takes_its_staging_along(server, client, data, ending):
    with server.working():
        url = begun(client, data)
        until(lambda: staging(server, url))
        if ending == "terminated":
            assert client.delete(url, headers=tus.HEADERS).status_code == 204
        else:
            server.run(
                "import django; django.setup()\n"
                "from datasets.models import UploadSession; from tradenexus import db\n"
                "from datasets.uploads import expiry\n"
                "UploadSession.everyone.filter(state='open').update(expires_at=db.now()); expiry.sweep('test')"
            )
        until(lambda: jobs(client, told(client, url)["id"])["upload.follow"]["state"] == "succeeded")
        assert told(client, url)["state"] == ending
        assert until(lambda: staging(server, url) == [])


def test_a_place_is_given_up_when_other_work_waits(server, client, data):
    with server.working():
        url = begun(client, data)
        until(lambda: scan(client, url)["scannedBytes"])
        small = tus.create(client, 29)
        assert tus.patch(client, small, 0, b"time,price,size\n170000000,1,1").status_code == 204
        client.post(f"/v1/datasets/{told(client, small)['datasetId']}/uploads:complete", json={})
        until(lambda: scan(client, url)["state"] == "dropped")
        assert scan(client, url)["reason"] == "other work waited for its place"
        refused(validated(client, completed(client, url, data)), None, "other work")


def test_another_workspace_sees_and_takes_nothing_of_it(server, client, data):
    with server.working():
        url = begun(client, data)
        ready(client, url, data)
        with server.client(server.stranger) as other:
            assert other.get(url).status_code == 404
            assert other.get(f"/v1/jobs/{scan(client, url)['jobId']}").status_code == 404
        fresh = from_zero(server, data)
        assert fresh["noted"] is None
        assert scan(client, url)["state"] == "ready"
        assert validated(client, completed(client, url, data))["noted"] == "reused"
