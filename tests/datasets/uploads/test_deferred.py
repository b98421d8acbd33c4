"""Uploads whose length is told later: once, never below what arrived; room is taken as bytes come."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import crc32c
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.models import UploadLeaf, UploadSession
from datasets.uploads import deferred, disk, durable, ledger, sessions
from datasets.uploads.errors import LengthConflict, QuotaExceeded, UploadIncomplete, UploadTooLarge
from datasets.uploads.wanted import NewUpload
from tests.kit import tus
from tests.kit.server import Server
from tests.kit.tus import BODY, HEADERS
from tradenexus import db as database
from tradenexus.tenancy.models import Tenant

LEAF = 4096
DEFERRED = {**HEADERS, "Upload-Defer-Length": "1"}


@pytest.fixture
def small_leaves(monkeypatch):
    monkeypatch.setattr(ledger, "LEAF_BYTES", LEAF)


@pytest.fixture
def begun(owner, small_leaves):
    """An upload of unknown length and its locked file."""
    session = sessions.start(owner.actor, NewUpload("t.csv", "text/csv", None))
    descriptor = disk.try_lock(session.id)
    yield session, descriptor
    os.close(descriptor)


def put(session: UploadSession, descriptor: int, data: bytes) -> None:
    writer = durable.Writer(session, descriptor)
    writer.write([data])
    writer.finish()


def held(session: UploadSession) -> int:
    return Tenant.objects.get(id=session.tenant_id).reserved_bytes


@pytest.mark.django_db(transaction=True)
def test_room_is_taken_leaf_by_leaf_and_exact_once_the_length_is_told(begun):
    session, descriptor = begun
    assert held(session) == 0
    put(session, descriptor, b"x" * 5000)
    assert held(session) == 2 * LEAF
    deferred.declare(session, descriptor, 6000)
    assert held(session) == 6000
    put(session, descriptor, b"x" * 1000)
    fresh = UploadSession.everyone.get(id=session.id)
    assert (fresh.length, fresh.offset, fresh.reserved_bytes, fresh.version.size_bytes) == (6000, 6000, 6000, 6000)


@pytest.mark.django_db(transaction=True)
def test_a_length_equal_to_what_is_here_closes_the_last_leaf(begun):
    session, descriptor = begun
    put(session, descriptor, b"x" * 5000)
    deferred.declare(session, descriptor, 5000)
    last = UploadLeaf.objects.filter(session=session).order_by("number").last()
    assert (last.number, last.size_bytes, last.crc32c) == (1, 5000 - LEAF, crc32c.crc32c(b"x" * (5000 - LEAF)))


@pytest.mark.django_db(transaction=True)
def test_the_length_is_told_once_and_not_below_what_arrived(begun):
    session, descriptor = begun
    put(session, descriptor, b"x" * 5000)
    with pytest.raises(LengthConflict):
        deferred.declare(session, descriptor, 4999)
    deferred.declare(session, descriptor, 7000)
    deferred.declare(session, descriptor, 7000)
    with pytest.raises(LengthConflict):
        deferred.declare(session, descriptor, 7001)
    late = UploadSession.everyone.get(id=session.id)
    late.length = None  # as a request saw it that read the row before
    with pytest.raises(LengthConflict):
        deferred.declare(late, descriptor, 8000)
    assert held(session) == 7000


@pytest.mark.django_db(transaction=True)
def test_the_quota_stops_the_bytes_and_the_length_that_do_not_fit(begun):
    session, descriptor = begun
    Tenant.objects.filter(id=session.tenant_id).update(quota_bytes=5000)
    put(session, descriptor, b"x" * LEAF)
    put(session, descriptor, b"x" * 904)  # less than a leaf is left: exactly what is needed is taken
    assert held(session) == 5000
    with pytest.raises(QuotaExceeded):
        put(session, descriptor, b"x")
    with pytest.raises(QuotaExceeded):
        deferred.declare(session, descriptor, 5001)
    fresh = UploadSession.everyone.get(id=session.id)
    assert (fresh.offset, fresh.length, held(session)) == (5000, None, 5000)


@pytest.mark.django_db(transaction=True)
def test_the_largest_file_is_the_largest_length(begun, settings):
    session, descriptor = begun
    settings.NEXUS_MAX_UPLOAD_BYTES = 10_000
    with pytest.raises(UploadTooLarge):
        deferred.declare(session, descriptor, 10_001)


@pytest.mark.django_db(transaction=True)
def test_cancelling_gives_back_what_was_taken(owner, begun):
    session, descriptor = begun
    stale = UploadSession.everyone.get(id=session.id)  # read before any byte came
    put(session, descriptor, b"x" * 5000)
    sessions.terminate(owner.actor, stale)
    assert held(session) == 0


@pytest.mark.django_db(transaction=True)
def test_it_cannot_be_completed_before_its_length_is_told(owner, begun):
    session, descriptor = begun
    put(session, descriptor, b"x" * 5000)
    with pytest.raises(UploadIncomplete) as caught, database.atomic():
        sessions.complete(owner.actor, session.dataset)
    assert (caught.value.details["offset"], caught.value.details["length"]) == (5000, None)


@pytest.mark.django_db(transaction=True)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(min_size=1, max_size=3 * LEAF + 50), cuts=st.lists(st.integers(0, 3 * LEAF), max_size=6))
def test_the_leaves_are_those_of_an_upload_with_its_length(owner, small_leaves, data, cuts):
    session = sessions.start(owner.actor, NewUpload("t.csv", "text/csv", None))
    descriptor = disk.try_lock(session.id)
    points = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    for start, end in itertools.pairwise(points):
        put(session, descriptor, data[start:end])
    deferred.declare(session, descriptor, len(data))
    os.close(descriptor)
    found = UploadLeaf.objects.filter(session=session).order_by("number").values_list("number", "size_bytes", "crc32c")
    parts = [data[start : start + LEAF] for start in range(0, len(data), LEAF)]
    assert list(found) == [(number, len(part), crc32c.crc32c(part)) for number, part in enumerate(parts)]
    sessions.terminate(owner.actor, session)


# --- from outside ----------------------------------------------------------------------------------------------------


@pytest.fixture
def upload(client):
    answer = client.post("/v1/uploads/", headers=DEFERRED)
    assert answer.status_code == 201
    return answer.headers["location"]


def test_it_is_offered(client):
    assert "creation-defer-length" in client.options("/v1/uploads/").headers["tus-extension"].split(",")


def test_every_head_says_deferred_until_the_length_is_told(server, client, upload):
    data = os.urandom(300_000)
    for at in range(0, 200_000, 100_000):
        assert tus.patch(client, upload, at, data[at : at + 100_000]).status_code == 204
        head = client.head(upload, headers=HEADERS)
        assert (head.headers["upload-defer-length"], head.headers["upload-offset"]) == ("1", str(at + 100_000))
        assert "upload-length" not in head.headers
    shown = client.get(upload).json()["upload"]
    assert (shown["sizeBytes"], shown["offset"]) == (None, 200_000)
    dataset = f"/v1/datasets/{shown['datasetId']}"
    assert client.get(dataset).json()["dataset"]["sizeBytes"] is None
    early = client.post(f"{dataset}/uploads:complete", json={})
    assert (early.status_code, tus.error(early)) == (409, "UPLOAD_INCOMPLETE")
    assert tus.patch(client, upload, 200_000, data[200_000:], **{"Upload-Length": "300000"}).status_code == 204
    head = client.head(upload, headers=HEADERS)
    assert (head.headers["upload-length"], head.headers["upload-offset"]) == ("300000", "300000")
    assert "upload-defer-length" not in head.headers
    digest = hashlib.sha256(data).hexdigest()
    assert client.post(f"{dataset}/uploads:complete", json={"sha256": digest}).status_code == 202
    server.work()
    made = client.get(dataset).json()["dataset"]
    assert (made["status"], made["sha256"], made["sizeBytes"]) == ("uploaded", digest, 300_000)


def test_the_length_may_come_alone_after_all_bytes(client, upload):
    tus.patch(client, upload, 0, b"x" * 10)
    assert tus.patch(client, upload, 10, b"", **{"Upload-Length": "10"}).status_code == 204
    assert client.head(upload, headers=HEADERS).headers["upload-length"] == "10"
    assert len(client.get(f"{upload}/parts").json()["items"]) == 1


@pytest.mark.parametrize(
    ("told", "status", "code"),
    [
        ("4", 409, "UPLOAD_LENGTH_CONFLICT"),
        ("0", 400, "UPLOAD_HEADER_INVALID"),
        ("-1", 400, "UPLOAD_HEADER_INVALID"),
        ("x", 400, "UPLOAD_HEADER_INVALID"),
        (str((1 << 30) + 1), 413, "UPLOAD_TOO_LARGE"),
        ("6", 413, "UPLOAD_TOO_LARGE"),
    ],
)
def test_a_length_that_cannot_be_is_refused_and_nothing_is_set(client, upload, told, status, code):
    tus.patch(client, upload, 0, b"x" * 5)
    answer = tus.patch(client, upload, 5, b"yy", **{"Upload-Length": told})
    assert (answer.status_code, tus.error(answer)) == (status, code)
    head = client.head(upload, headers=HEADERS)
    assert (head.headers["upload-offset"], head.headers["upload-defer-length"]) == ("5", "1")


def test_once_told_it_cannot_be_changed_but_said_again(client, upload):
    assert tus.patch(client, upload, 0, b"x", **{"Upload-Length": "9"}).status_code == 204
    other = tus.patch(client, upload, 1, b"x", **{"Upload-Length": "8"})
    assert (other.status_code, tus.error(other)) == (409, "UPLOAD_LENGTH_CONFLICT")
    assert other.json()["error"]["details"] == {"offset": 1, "length": 9}
    assert tus.patch(client, upload, 1, b"x", **{"Upload-Length": "9"}).status_code == 204
    declared = tus.create(client, 5)
    assert tus.patch(client, declared, 0, b"x", **{"Upload-Length": "6"}).status_code == 409


@pytest.mark.parametrize("deferred", ["0", "2", "", "true"])
def test_another_value_than_one_is_refused(client, deferred):
    answer = client.post("/v1/uploads/", headers={**HEADERS, "Upload-Defer-Length": deferred})
    assert (answer.status_code, tus.error(answer)) == (400, "UPLOAD_HEADER_INVALID")


def test_a_creation_says_the_length_or_that_it_comes_later_not_both(client):
    answer = client.post("/v1/uploads/", headers={**DEFERRED, "Upload-Length": "5"})
    assert (answer.status_code, tus.error(answer)) == (400, "UPLOAD_HEADER_INVALID")
    assert client.post("/v1/uploads/", headers=HEADERS).status_code == 400


def test_the_creation_may_carry_the_first_bytes(client):
    answer = client.post("/v1/uploads/", content=b"hello", headers={**BODY, "Upload-Defer-Length": "1"})
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
    assert client.head(answer.headers["location"], headers=HEADERS).headers["upload-defer-length"] == "1"


def test_of_different_lengths_told_at_once_exactly_one_holds(server, client):
    clients = [server.client() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            url = client.post("/v1/uploads/", headers=DEFERRED).headers["location"]
            told = [{"Upload-Length": str(1000 + number)} for number in range(8)]
            answers = list(
                pool.map(lambda one, url, more: tus.patch(one, url, 0, b"", **more), clients, [url] * 8, told)
            )
            assert Counter(answer.status_code for answer in answers) == {204: 1, 409: 7}
            winner = [answer.status_code for answer in answers].index(204)
            assert client.head(url, headers=HEADERS).headers["upload-length"] == str(1000 + winner)
    for one in clients:
        one.close()


@pytest.fixture
def tight(tmp_path):
    with Server(tmp_path, NEXUS_TENANT_QUOTA_BYTES="30000000", NEXUS_MAX_UPLOAD_BYTES="20000000") as running:
        yield running


def test_the_maximum_and_the_quota_hold_while_the_length_is_unknown(tight):
    with tight.client() as client:
        first, second = (client.post("/v1/uploads/", headers=DEFERRED).headers["location"] for _ in range(2))
        chunked = client.patch(first, content=iter([bytes(1 << 20)] * 24), headers={**BODY, "Upload-Offset": "0"})
        assert (chunked.status_code, tus.error(chunked)) == (413, "UPLOAD_TOO_LARGE")
        assert tus.offset(client, first) == 20_000_000
        assert tus.patch(client, first, 20_000_000, b"x").status_code == 413
        over = tus.patch(client, second, 0, bytes(12_000_000))
        assert (over.status_code, tus.error(over)) == (429, "QUOTA_EXCEEDED")
        at = tus.offset(client, second)
        assert at <= 10_000_000
        assert tus.patch(client, second, at, bytes(10_000_000 - at)).status_code == 204
        assert tus.patch(client, second, 10_000_000, b"x").status_code == 429
        assert client.delete(first, headers=HEADERS).status_code == 204
        assert tus.patch(client, second, 10_000_000, b"x", **{"Upload-Length": "10000001"}).status_code == 204
