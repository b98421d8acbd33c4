"""Objects of a bucket, on a real S3 server: read by ranges, put once, and faults by our own names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.core.files.storage import storages

from datasets.storage import blobs, faults, layout, objects
from tradenexus.ids import uuid7

BYTES = os.urandom(3 << 20)


@pytest.fixture
def key() -> str:
    return layout.raw(uuid7(), uuid7(), uuid7())


@pytest.fixture
def at(bucket, key, tmp_path):
    (tmp_path / "bytes").write_bytes(BYTES)
    blobs.put_file(key, tmp_path / "bytes")
    return objects.place(storages["data"], key)


class Counted:
    """A client that counts the ranges it is asked for and what comes back, and may break bodies off."""

    def __init__(self, client, broken: int = 0):
        self._client, self.broken, self.asked = client, broken, []

    def __getattr__(self, name):
        return getattr(self._client, name)

    def get_object(self, **given):
        first, last = given["Range"].removeprefix("bytes=").split("-")
        self.asked.append((int(first), int(last) + 1))
        answer = self._client.get_object(**given)
        if self.broken:
            self.broken -= 1
            answer["Body"]._raw_stream.close()
        return answer


def counted(at, broken=0):
    client = Counted(at.client, broken)
    return client, objects.Place(client, at.bucket, at.key)


def test_a_read_asks_for_its_range_only(at):
    client, place = counted(at)
    with objects.open_ranged(place) as file:
        file.seek(2_000_000)
        assert file.read(10) == BYTES[2_000_000:2_000_010]
        file.seek(-5, os.SEEK_END)
        assert file.read() == BYTES[-5:]
    assert client.asked == [(2_000_000, 2_000_000 + objects.FIRST_BYTES), (len(BYTES) - 5, len(BYTES))]


def test_blocks_grow_while_reading_goes_straight_on(at):
    client, place = counted(at)
    with objects.open_ranged(place) as file:
        assert file.read() == BYTES
    assert [stop - start for start, stop in client.asked[:3]] == [256 << 10, 512 << 10, 1 << 20]
    assert sum(stop - start for start, stop in client.asked) == len(BYTES)


def test_nothing_is_read_past_the_stop(at, key):
    client, place = counted(at)
    with objects.open_ranged(place, 100, 300) as file:
        assert file.read() == BYTES[100:300]
    assert client.asked == [(100, 300)]
    assert b"".join(blobs.read_range(key, 100, 300)) == BYTES[100:300]


def test_a_body_that_breaks_off_is_asked_for_again(at):
    client, place = counted(at, broken=2)
    with objects.open_ranged(place) as file:
        assert file.read(1000) == BYTES[:1000]
    assert len(client.asked) == 3


def test_an_object_that_was_replaced_is_not_mixed_with_the_new_one(at, bucket, key):
    with objects.open_ranged(at) as file:
        assert file.read(10) == BYTES[:10]
        bucket.replace(key, os.urandom(3 << 20))
        with pytest.raises(faults.StorageFailed):
            file.read()


def test_a_put_does_not_replace(at, tmp_path):
    (tmp_path / "other").write_bytes(b"other")
    with pytest.raises(objects.Taken):
        objects.put_once(at, tmp_path / "other", 5)
    assert objects.size_of(at) == len(BYTES)


def test_a_server_that_knows_no_condition_is_asked_without_it():
    asked = []

    def verb(**given):
        asked.append(sorted(given))
        if "IfNoneMatch" in given:
            raise _answer(501, "NotImplemented")
        return "done"

    assert objects.once(verb, Key="k") == "done"
    assert asked == [["IfNoneMatch", "Key"], ["Key"]]


def test_a_conflict_of_writers_is_tried_again():
    answers = iter([_answer(409, "ConditionalRequestConflict"), None])

    def verb(**given):
        if error := next(answers):
            raise error
        return "done"

    assert objects.once(verb) == "done"


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        (403, "InvalidAccessKeyId", faults.StorageFailed),
        (404, "NoSuchBucket", faults.StorageFailed),
        (500, "InternalError", faults.StorageFailed),
        (507, "InsufficientStorage", faults.StorageFull),
        (403, "QuotaExceeded", faults.StorageFull),
        (404, "NoSuchKey", objects.Absent),
        (412, "PreconditionFailed", objects.Taken),
    ],
)
def test_what_the_server_answers_has_a_name(status, code, problem):
    with pytest.raises(problem), objects.named():
        raise _answer(status, code)


def _answer(status, code):
    from botocore.exceptions import ClientError

    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")


def test_a_server_that_is_away_is_a_failed_storage_not_a_fault_of_ours(at, key, swift, settings, tmp_path):
    with swift.away():
        (tmp_path / "x").write_bytes(b"x")
        for ask in (
            lambda: blobs.exists(key),
            lambda: blobs.open_blob(key),
            lambda: blobs.put_file(f"{key}x", _x(tmp_path)),
        ):
            with pytest.raises(faults.StorageFailed) as caught:
                ask()
            assert (caught.value.status, caught.value.details["retryAfterSeconds"]) == (503, 5)
    assert blobs.exists(key)


def _x(folder: Path) -> Path:
    return folder / "x"


def test_wrong_credentials_are_told_without_the_secret(bucket, key, settings):
    entry = settings.STORAGES["data"]
    options = {**entry["OPTIONS"], "secret_key": "not-the-secret"}
    settings.STORAGES = {**settings.STORAGES, "data": {**entry, "OPTIONS": options}}
    with pytest.raises(faults.StorageFailed) as caught:
        blobs.size_bytes(key)
    assert "not-the-secret" not in str(caught.value.envelope("r"))
