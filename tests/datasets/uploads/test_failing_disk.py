"""The disk fails under the server and the ingest job, or they die at one of its calls: nothing promised is lost.

After each: the offset is not ahead of the bytes, the same request again ends well, and nothing is left lying about.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os

import httpx
import pytest

from tests.kit import tus
from tests.kit.faulty import EVERY, Faults
from tests.kit.server import Server

LEAF = 8 << 20
DATA = os.urandom(LEAF + 70_000)
DIGEST = hashlib.sha256(DATA).hexdigest()
NAMES = {errno.ENOSPC: ("INSUFFICIENT_STORAGE", 507), errno.EIO: ("STORAGE_UNAVAILABLE", 503)}


def longer(*rows: tuple) -> list:
    """Parameters for the soak alone."""
    return [pytest.param(*row, marks=pytest.mark.soak) for row in rows]


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    return Faults(tmp_path_factory.mktemp("faulty"))


@pytest.fixture(scope="module")
def server(faults, tmp_path_factory):
    with Server(tmp_path_factory.mktemp("failing"), **faults.settings) as running:
        yield running


@pytest.fixture
def client(server, faults):
    with server.client() as made:
        yield made
    faults.clear()


def of(url: str) -> str:
    """Return the part of a path that only this upload's files have."""
    return url.rsplit("_", 1)[1]


def sent(server: Server, client: httpx.Client) -> tuple[str, str]:
    """Send the file whole; return its address and its dataset."""
    url = tus.create(client, len(DATA))
    assert tus.patch(client, url, 0, DATA).status_code == 204
    return url, client.get(url).json()["upload"]["datasetId"]


def complete(client: httpx.Client, dataset: str) -> httpx.Response:
    answer = client.post(f"/v1/datasets/{dataset}/uploads:complete", json={"sha256": DIGEST})
    assert answer.status_code == 202, answer.text
    return answer


def go_on(server: Server, client: httpx.Client, url: str, promised: int = 0) -> None:
    """Check what is promised now, send the rest, and see it become a version with nothing beside it."""
    at = tus.offset(client, url)
    assert at >= promised
    assert tus.path_of(server, url).read_bytes()[:at] == DATA[:at]
    if at < len(DATA):
        assert tus.patch(client, url, at, DATA[at:]).status_code == 204
    ends_well(server, client, url, client.get(url).json()["upload"]["datasetId"])


def ends_well(server: Server, client: httpx.Client, url: str, dataset: str) -> None:
    complete(client, dataset)
    server.work()
    shown = client.get(f"/v1/datasets/{dataset}").json()["dataset"]
    assert (shown["status"], shown["version"], shown["sha256"]) == ("uploaded", 1, DIGEST)
    raw = [path for path in (server.home / "data" / "raw").glob(f"*/{dataset[3:]}/*") if path.is_file()]
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in raw] == [DIGEST]
    assert not list((server.home / "uploads").glob(f"*/{of(url)}"))
    assert not list((server.home / "work" / "spool").glob("*"))


@pytest.mark.parametrize(
    ("code", "calls", "first"),
    [
        (errno.ENOSPC, "write", 4),
        (errno.EIO, "sync", 1),
        *longer((errno.EIO, "write", 1), (errno.EIO, "write", 4), (errno.ENOSPC, "write", 1)),
        *longer((errno.EIO, "sync", 2), (errno.ENOSPC, "sync", 1), (errno.ENOSPC, "sync", 2)),
    ],
)
def test_a_patch_on_a_failing_disk_is_refused_by_name_and_goes_on_later(server, client, faults, code, calls, first):
    url = tus.create(client, len(DATA))
    with faults.failing(code, calls, of(url), first):
        answer = tus.patch(client, url, 0, DATA)
        assert (tus.error(answer), answer.status_code) == NAMES[code]
        promised = tus.offset(client, url)
        assert tus.path_of(server, url).read_bytes()[:promised] == DATA[:promised]
    go_on(server, client, url, promised)


@pytest.mark.parametrize("code", NAMES, ids=errno.errorcode.get)
@pytest.mark.parametrize("calls", ["mkdir", "sync", "allocate"])
def test_a_creation_on_a_failing_disk_leaves_nothing(server, client, faults, code, calls):
    before = [item["id"] for item in client.get("/v1/uploads").json()["items"]]
    folders = set((server.home / "uploads").glob("*/*"))
    with faults.failing(code, calls, "/uploads"):
        given = {**tus.HEADERS, "Upload-Length": "1000", "Upload-Metadata": tus.metadata(filename="t.csv")}
        answer = client.post("/v1/uploads/", headers=given)
    assert (tus.error(answer), answer.status_code) == NAMES[code]
    assert [item["id"] for item in client.get("/v1/uploads").json()["items"]] == before
    assert set((server.home / "uploads").glob("*/*")) == folders


@pytest.mark.parametrize(
    ("code", "calls"),
    [
        (errno.ENOSPC, "link"),
        (errno.EIO, "sync"),
        *longer((errno.ENOSPC, "mkdir"), (errno.ENOSPC, "sync"), (errno.EIO, "mkdir"), (errno.EIO, "link")),
    ],
)
def test_an_ingest_on_a_failing_disk_fails_by_name_and_ends_well_later(server, client, faults, code, calls):
    url, dataset = sent(server, client)
    job = complete(client, dataset).json()["job"]["id"]
    with faults.failing(code, calls, "/data/raw"):
        server.work()
    found = client.get(f"/v1/jobs/{job}").json()["job"]
    assert (found["state"], found["error"]["code"]) == ("failed", NAMES[code][0])
    assert client.get(f"/v1/datasets/{dataset}").json()["dataset"]["status"] == "uploading"
    ends_well(server, client, url, dataset)


@pytest.fixture
def on_sqlite(server):
    if not (server.home / "nexus.sqlite3").exists():
        pytest.skip("the database is a server of its own, whose disk is not ours to fail")


@pytest.mark.parametrize(
    ("code", "calls", "name", "status"),
    [(errno.ENOSPC, "write", "DATABASE_FULL", 507), (errno.EIO, "sync", "DATABASE_FAILED", 503)],
)
def test_a_failing_disk_of_the_database_is_named_too(server, client, faults, on_sqlite, code, calls, name, status):
    url = tus.create(client, len(DATA))
    with faults.failing(code, calls, "/nexus.sqlite3"):
        answer = tus.patch(client, url, 0, DATA)
        assert (tus.error(answer), answer.status_code) == (name, status)
    go_on(server, client, url)


def test_bytes_are_synced_before_a_row_or_a_name_tells_of_them(server, client, faults, on_sqlite):
    url = tus.create(client, len(DATA))
    data = str(tus.path_of(server, url))
    faults.watch("write,sync,link", "/home/")
    assert tus.patch(client, url, 0, DATA).status_code == 204
    synced = [number for number, (call, path) in enumerate(faults.seen()) if (call, path) == ("sync", data)]
    commits = [n for n, (call, path) in enumerate(faults.seen()) if call == "sync" and path.endswith("-wal")]
    written = [number for number, (call, path) in enumerate(faults.seen()) if (call, path) == ("write", data)]
    assert len(synced) == 2  # at the closed leaf, and at the end
    assert max(written) < synced[1] < max(commits)
    assert any(synced[0] < commit < synced[1] for commit in commits)
    complete(client, client.get(url).json()["upload"]["datasetId"])
    faults.watch("write,sync,link", "/home/")
    server.work()
    steps = [(call, path) for call, path in faults.seen() if path == data or "/data/raw/" in path or "-wal" in path]
    (link,) = [number for number, (call, _) in enumerate(steps) if call == "link"]
    folder = ("sync", os.path.dirname(steps[link][1]))
    assert ("sync", data) in steps[:link]
    assert folder in steps[link:]
    assert any(call == "sync" and "-wal" in path for call, path in steps[link + steps[link:].index(folder) :])


def numbers(few: list[int], most: int) -> list:
    """The calls to be killed at: a few in the ordinary suite, all of them in the soak."""
    return [number if number in few else pytest.param(number, marks=pytest.mark.soak) for number in range(1, most)]


@pytest.mark.parametrize("number", numbers([10], 15))
def test_killed_at_any_call_of_a_patch_it_goes_on(server, client, faults, number):
    url = tus.create(client, len(DATA))
    faults.kill_at(number, EVERY, of(url))
    with contextlib.suppress(httpx.HTTPError):
        assert tus.patch(client, url, 0, DATA).status_code == 204
    seen = len(faults.seen())
    faults.clear()
    if seen >= number:
        server.wait_killed()
        server.start()
    assert seen >= number or number > 10, "the kills do not reach the end of the sequence"
    go_on(server, client, url)


@pytest.mark.parametrize(
    ("calls", "part", "number"),
    [
        (EVERY, "/data/", 4),  # the fourth is the last: the folder's name, its parent, the link, the link's folder
        *longer(
            (EVERY, "/data/", 1), (EVERY, "/data/", 2), (EVERY, "/data/", 3), ("sync", "-wal", 1), ("sync", "-wal", 2)
        ),
    ],
)
def test_an_ingest_killed_at_any_call_runs_again(server, client, faults, request, calls, part, number):
    if part == "-wal":
        request.getfixturevalue("on_sqlite")
    url, dataset = sent(server, client)
    complete(client, dataset)
    faults.kill_at(number, calls, part)
    with pytest.raises(RuntimeError):
        server.work()
    faults.clear()
    assert len(faults.seen()) == number
    ends_well(server, client, url, dataset)
