"""Damaged leaves: named, sent again alone or with all that follows, and never taken for good before they are."""

from __future__ import annotations

import base64
import hashlib
import os

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.models import UploadLeaf, UploadSession
from datasets.uploads import disk, durable, ledger, mending, sessions
from datasets.uploads.errors import BadHeader, ChunkRefused, PartIntact, UploadIncomplete
from datasets.uploads.wanted import NewUpload
from tests.kit import tus
from tests.kit.tus import BODY, HEADERS
from tradenexus import db as database
from tradenexus.jobs import runner
from tradenexus.jobs.models import Job

SMALL = 4096
DATA = os.urandom(5 * SMALL + 100)


@pytest.fixture
def small_leaves(monkeypatch):
    monkeypatch.setattr(ledger, "LEAF_BYTES", SMALL)


def part(number: int) -> bytes:
    return DATA[number * SMALL : (number + 1) * SMALL]


def completed(person, session: UploadSession) -> Job:
    with database.atomic():
        job = sessions.complete(person.actor, session.dataset, session.ref)[1]
    runner.wake()
    job.refresh_from_db()
    session.refresh_from_db()
    return job


def damaged(person, *numbers: int) -> tuple[UploadSession, int]:
    """Return an upload that was received whole and whose leaves were then damaged and found so; its locked file."""
    session = sessions.start(person.actor, NewUpload("t.csv", "text/csv", len(DATA)))
    descriptor = disk.try_lock(session.id)
    writer = durable.Writer(session, descriptor)
    writer.write([DATA])
    writer.finish()
    for number in numbers:
        os.pwrite(descriptor, bytes([part(number)[7] ^ 1]), number * SMALL + 7)
    os.close(descriptor)
    assert completed(person, session).error["details"]["leaves"] == list(numbers)
    descriptor = disk.try_lock(session.id)
    durable.settle(session, descriptor)
    return session, descriptor


@pytest.mark.django_db(transaction=True)
def test_the_offset_stands_at_the_first_and_jumps_when_the_last_is_mended(owner, small_leaves):
    session, descriptor = damaged(owner, 1, 3, 5)
    assert (session.offset, session.kept_bytes) == (SMALL, len(DATA))
    assert os.fstat(descriptor).st_size == len(DATA)
    mending.mend(session, descriptor, 5, part(5))  # in any order
    assert (session.offset, session.kept_bytes) == (SMALL, len(DATA))
    mending.mend(session, descriptor, 1, part(1))
    assert (session.offset, session.kept_bytes) == (3 * SMALL, len(DATA))
    with pytest.raises(UploadIncomplete) as caught, database.atomic():
        sessions.complete(owner.actor, session.dataset)
    assert caught.value.details["damagedParts"] == [3]
    mending.mend(session, descriptor, 3, part(3))
    assert (session.offset, session.kept_bytes, session.error) == (len(DATA), None, None)
    os.close(descriptor)
    completed(owner, session)
    assert (session.state, session.sha256) == ("finished", hashlib.sha256(DATA).hexdigest())


@pytest.mark.django_db(transaction=True)
def test_only_the_bytes_that_the_leaf_had_are_taken(owner, small_leaves):
    session, descriptor = damaged(owner, 1)
    with pytest.raises(PartIntact):
        mending.mend(session, descriptor, 0, part(0))
    with pytest.raises(PartIntact):
        mending.mend(session, descriptor, 77, part(0))
    with pytest.raises(ChunkRefused):
        mending.mend(session, descriptor, 1, part(2))
    with pytest.raises(BadHeader):
        mending.mend(session, descriptor, 1, part(1)[:-1])
    assert (session.offset, session.kept_bytes) == (SMALL, len(DATA))
    os.close(descriptor)


@pytest.mark.django_db(transaction=True)
def test_a_plain_writer_drops_what_was_kept_with_its_first_byte(owner, small_leaves):
    session, descriptor = damaged(owner, 1, 3)
    durable.Writer(session, descriptor).abandon()  # a request that brought nothing
    assert session.kept_bytes == len(DATA) == os.fstat(descriptor).st_size
    writer = durable.Writer(session, descriptor)
    writer.write([DATA[SMALL : SMALL + 10]])
    writer.finish()
    fresh = UploadSession.everyone.get(id=session.id)
    assert (fresh.offset, fresh.kept_bytes) == (SMALL + 10, None)
    assert os.fstat(descriptor).st_size == SMALL + 10
    assert list(UploadLeaf.objects.filter(session=session).values_list("number", "damaged")) == [(0, False)]
    os.close(descriptor)


@pytest.mark.django_db(transaction=True)
def test_what_was_kept_and_is_lost_is_not_claimed(owner, small_leaves):
    session, descriptor = damaged(owner, 1)
    os.ftruncate(descriptor, 3 * SMALL)
    durable.settle(session, descriptor)
    assert (session.offset, session.kept_bytes) == (SMALL, None)
    assert os.fstat(descriptor).st_size == SMALL
    os.close(descriptor)


@pytest.mark.django_db(transaction=True)
def test_a_leaf_that_never_landed_whole_keeps_nothing(owner, small_leaves):
    session, descriptor = damaged(owner, 2)
    UploadLeaf.objects.filter(session=session, number=4).delete()
    assert mending.lay_aside(session, [2]) == {"offset": 2 * SMALL, "kept_bytes": None, "tail_boot": ""}
    os.close(descriptor)


@pytest.mark.django_db(transaction=True)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(6)), count=st.integers(1, 6))
def test_any_leaves_mended_in_any_order_give_the_file(owner, small_leaves, order, count):
    session, descriptor = damaged(owner, *sorted(order[:count]))
    for number in order[:count]:
        first = min(UploadLeaf.objects.filter(session=session, damaged=True).values_list("number", flat=True))
        assert session.offset == first * SMALL
        mending.mend(session, descriptor, number, part(number))
    os.close(descriptor)
    completed(owner, session)
    assert session.sha256 == hashlib.sha256(DATA).hexdigest()


# --- from outside ----------------------------------------------------------------------------------------------------

LEAF = 8 << 20
FILE = os.urandom(3 * LEAF + 777)


@pytest.fixture
def hurt(server, client):
    """The address of an upload whose parts 1 and 3 were found damaged."""
    url = tus.create(client, len(FILE))
    assert tus.patch(client, url, 0, FILE).status_code == 204
    with tus.path_of(server, url).open("r+b") as file:
        for number in (1, 3):
            file.seek(number * LEAF + 9)
            file.write(b"????")
    complete(client, url)
    server.work()
    return url


def complete(client: httpx.Client, url: str) -> httpx.Response:
    dataset = client.get(url).json()["upload"]["datasetId"]
    digest = hashlib.sha256(FILE).hexdigest()
    return client.post(f"/v1/datasets/{dataset}/uploads:complete", json={"sha256": digest})


def resend(client: httpx.Client, url: str, number: int, data: bytes | None = None, **more: str) -> httpx.Response:
    body = FILE[number * LEAF : (number + 1) * LEAF] if data is None else data
    return client.put(f"{url}/parts/{number}", content=body, headers={**BODY, **more})


def test_damaged_parts_are_listed_and_mended_alone(server, client, hurt):
    shown = client.get(hurt).json()["upload"]
    assert (shown["offset"], shown["keptBytes"], shown["error"]["details"]["leaves"]) == (LEAF, len(FILE), [1, 3])
    items = client.get(f"{hurt}/parts", params={"damaged": "true"}).json()["items"]
    assert [(item["number"], item["start"], item["damaged"]) for item in items] == [
        (1, LEAF, True),
        (3, 3 * LEAF, True),
    ]
    assert len(client.get(f"{hurt}/parts").json()["items"]) == 4
    assert tus.offset(client, hurt) == LEAF
    assert tus.error(complete(client, hurt)) == "UPLOAD_INCOMPLETE"
    assert resend(client, hurt, 1).headers["upload-offset"] == str(3 * LEAF)
    assert resend(client, hurt, 3).headers["upload-offset"] == str(len(FILE))
    assert client.get(hurt).json()["upload"]["keptBytes"] is None
    assert complete(client, hurt).status_code == 202
    server.work()
    assert client.get(hurt).json()["upload"]["state"] == "finished"


def test_a_plain_client_sends_the_rest_and_its_offset_never_jumps(server, client, hurt):
    at = tus.offset(client, hurt)
    answer = tus.patch(client, hurt, at, FILE[at : 2 * LEAF])
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(2 * LEAF))
    assert tus.patch(client, hurt, 2 * LEAF, FILE[2 * LEAF :]).status_code == 204
    assert complete(client, hurt).status_code == 202
    server.work()
    assert client.get(hurt).json()["upload"]["state"] == "finished"


def test_what_cannot_mend_changes_nothing(server, client, hurt):
    wrong = "sha256 " + base64.b64encode(hashlib.sha256(b"").digest()).decode()
    refused = {
        "UPLOAD_PART_INTACT": resend(client, hurt, 0),
        "UPLOAD_CHECKSUM_MISMATCH": resend(client, hurt, 1, FILE[:LEAF]),
        "UPLOAD_HEADER_INVALID": resend(client, hurt, 1, b"short"),
        "UNSUPPORTED_MEDIA_TYPE": resend(client, hurt, 1, **{"Content-Type": "text/plain"}),
        "TUS_VERSION_UNSUPPORTED": resend(client, hurt, 1, **{"Tus-Resumable": "0.2"}),
    }
    assert {code: tus.error(answer) for code, answer in refused.items()} == {code: code for code in refused}
    assert tus.error(resend(client, hurt, 1, **{"Upload-Checksum": wrong})) == "UPLOAD_CHECKSUM_MISMATCH"
    chunked = client.put(f"{hurt}/parts/1", content=iter([FILE[LEAF : 2 * LEAF], b"more"]), headers=BODY)
    assert (chunked.status_code, tus.error(chunked)) == (413, "UPLOAD_TOO_LARGE")
    assert resend(client, hurt, "x", b"").status_code == resend(client, hurt, "1/2", b"").status_code == 404
    assert client.patch(f"{hurt}/parts/1", headers=BODY).status_code == 405
    with server.client(server.stranger) as stranger, server.client(server.viewer) as viewer:
        assert resend(stranger, hurt, 1).status_code == 404
        assert resend(viewer, hurt, 1).status_code == 403
    assert tus.offset(client, hurt) == LEAF


def test_a_part_that_was_cut_leaves_the_damage_known(server, client, hurt):
    wire = tus.Wire(server, hurt, LEAF, LEAF, method="PUT", path=f"{hurt}/parts/1")
    wire.send(FILE[LEAF : LEAF + 1000])
    wire.reset()
    assert tus.offset(client, hurt) == LEAF
    assert resend(client, hurt, 1).status_code == 204
    assert client.head(hurt, headers=HEADERS).headers["upload-offset"] == str(3 * LEAF)
