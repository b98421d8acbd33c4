"""The look at an upload that is still coming in: a report of its first bytes, never the verdict, and an early end."""

from __future__ import annotations

import hashlib
import io
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.uploads import checking
from tests.kit import tus
from tests.kit.server import Server

ROWS = 60_000
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server"), NEXUS_PROVISIONAL_BYTES=str(64 * MIB)) as running:
        yield running


def trades(count: int, price: str = "100.25") -> bytes:
    rows = (f"{1_700_000_000_000 + at * 500},BTC-USD,{price},0.5,{at + 1}\n" for at in range(count))
    return ("timestamp,symbol,price,size,trade_id\n" + "".join(rows)).encode()


@pytest.fixture(scope="module")
def sound():
    data = trades(ROWS)
    assert 2 * MIB < len(data) < 3 * MIB
    return data


def part(data: bytes) -> int:
    """A little more than six tenths, in the middle of a record."""
    stop = len(data) * 62 // 100
    while data[stop - 1 : stop] != b".":
        stop += 1
    return stop


def begun(server, client, data: bytes, **said: str) -> str:
    """An upload of which the first part is here, and was looked at."""
    url = tus.create(client, len(data), **said)
    answer = tus.patch(client, url, 0, data[: part(data)])
    assert answer.status_code == 204, answer.text
    server.work()
    return url


def shown(client, url: str) -> dict:
    return client.get(url).json()["upload"]


def test_the_first_bytes_are_told_of_while_the_others_come(server, client, sound):
    url = begun(server, client, sound)
    upload = shown(client, url)
    early = upload["provisional"]
    assert (upload["state"], upload["offset"]) == ("open", part(sound))
    assert early["coveredBytes"] == len(sound) * 6 // 10
    rows = sound[: early["coveredBytes"]].count(b"\n") - 1  # the record that was cut is no finding
    assert early["rows"] == {"read": rows, "accepted": rows, "rejected": 0, "duplicatesDropped": 0}
    assert (early["grade"], early["hopeless"], early["issues"]) == ("GREEN", False, [])
    assert {check["grade"] for check in early["checks"]} == {"GREEN"}
    listed = next(item for item in client.get("/v1/uploads?state=live").json()["items"] if item["id"] == upload["id"])
    assert listed["provisional"]["grade"] == "GREEN"
    assert "checks" not in listed["provisional"]
    dataset = client.get(f"/v1/datasets/{upload['datasetId']}").json()["dataset"]
    assert (dataset["status"], dataset["grade"]) == ("uploading", None)


def test_a_body_that_is_over_at_once_is_not_looked_at(server, client, sound):
    url = tus.create(client, len(sound))
    assert tus.patch(client, url, 0, sound).status_code == 204
    assert client.get(f"/v1/jobs?subject={url.rsplit('/', 1)[1]}").json()["items"] == []


def test_the_verdict_is_of_all_bytes_whatever_the_first_ones_said(server, client, sound):
    bad = sound[: part(sound) + 1000]
    bad = bad[: bad.rfind(b"\n") + 1]
    bad += b"".join(b"%d,BTC-USD,-5,0.5,%d\n" % (1_700_000_000_000 + at, at) for at in range(50_000))
    url = begun(server, client, bad[: len(sound)])
    upload = shown(client, url)
    assert upload["provisional"]["grade"] == "GREEN"
    at = upload["offset"]
    assert tus.patch(client, url, at, bad[at : len(sound)]).status_code == 204
    dataset = upload["datasetId"]
    digest = hashlib.sha256(bad[: len(sound)]).hexdigest()
    assert client.post(f"/v1/datasets/{dataset}/uploads:complete", json={"sha256": digest}).status_code == 202
    server.work()
    assert client.post(f"/v1/datasets/{dataset}/validate", json={}).status_code == 202
    server.work()
    assert client.get(f"/v1/datasets/{dataset}").json()["dataset"]["status"] == "validation_failed"


def test_a_hopeless_upload_goes_on_unless_it_asked_to_be_stopped(server, client):
    data = trades(ROWS, "-100.25")
    url = begun(server, client, data)
    early = shown(client, url)["provisional"]
    assert (early["grade"], early["hopeless"]) == ("RED", True)
    assert tus.patch(client, url, part(data), data[part(data) :]).status_code == 204


def test_a_hopeless_upload_that_asked_for_it_is_stopped_and_says_why(server, client):
    data = trades(ROWS, "-100.25")
    url = begun(server, client, data, abortEarly="true")
    answer = tus.patch(client, url, part(data), b"more")
    assert (answer.status_code, tus.error(answer)) == (410, "UPLOAD_GONE")
    assert "RED" in answer.json()["error"]["message"]
    upload = shown(client, url)
    assert (upload["state"], upload["error"]["code"]) == ("terminated", "ABORTED_EARLY")
    assert not list((server.home / "uploads").glob(f"*/{url.rsplit('_', 1)[1]}"))
    assert client.get(f"/v1/datasets/{upload['datasetId']}").json()["dataset"]["status"] == "archived"


def test_a_look_that_nobody_waits_for_any_more_says_nothing(server, client, sound):
    url = tus.create(client, len(sound))
    assert tus.patch(client, url, 0, sound[: part(sound)]).status_code == 204
    assert client.delete(url, headers=tus.HEADERS).status_code == 204
    server.work()
    jobs = client.get(f"/v1/jobs?subject={url.rsplit('/', 1)[1]}").json()["items"]
    assert [(job["kind"], job["state"], job["result"]["grade"]) for job in jobs] == [
        ("upload.check", "succeeded", None)
    ]


def test_what_is_no_data_at_all_is_hopeless(server, client):
    early = shown(client, begun(server, client, b"PK\x03\x04" + os.urandom(3 * MIB)))["provisional"]
    assert (early["grade"], early["hopeless"]) == ("RED", True)
    assert "zip" in early["summary"]


def test_nothing_is_said_of_a_format_with_its_index_at_the_end(server, client):
    random, out = np.random.default_rng(3), io.BytesIO()
    columns = {
        "time": np.arange(150_000) + 1_700_000_000,
        "price": random.random(150_000),
        "size": random.random(150_000),
    }
    pq.write_table(pa.table(columns), out)
    upload = shown(client, begun(server, client, out.getvalue(), abortEarly="true"))
    assert (upload["state"], upload["provisional"]) == ("open", None)


def check(grade: str, unit: str, measured: float, red_limit: float | None = 0.5, name: str = "values.signs") -> dict:
    return {"id": name, "grade": grade, "unit": unit, "measured": measured, "redLimit": red_limit}


@pytest.mark.parametrize(
    ("checks", "length", "hopeless"),
    [
        ([check("AMBER", "count", 5)], 100, False),
        ([check("RED", "count", 5)], 100, True),
        ([check("RED", "count", 1, name="schema.rows")], 100, False),  # rows may still come
        ([check("RED", "share", 0.9)], 100, False),  # 0.27 of the file, if the rest is good
        ([check("RED", "share", 0.9, red_limit=0.2)], 100, True),
        ([check("RED", "share", 1.0, red_limit=0.0)], None, False),  # nobody knows of how much it is a share
    ],
)
def test_hopeless_is_what_no_later_byte_can_mend(checks, length, hopeless):
    assert checking.hopeless({"checks": checks}, 30, length) is hopeless


def test_an_open_question_is_not_hopeless():
    assert not checking.hopeless({"asks": True, "checks": [check("RED", "count", 1)]}, 30, 100)
