"""Objects put in parts: sizes for every length, and no trace of what was not completed."""

from __future__ import annotations

import contextlib
import hashlib
import os

import pytest
from django.core.files.storage import storages
from hypothesis import given
from hypothesis import strategies as st

from datasets.storage import blobs, layout, multipart, objects
from tradenexus.ids import uuid7

MIB = 1 << 20
LEAF = 8 * MIB
MOST = multipart.MOST_BYTES * multipart.MOST_PARTS


@pytest.fixture
def key() -> str:
    return layout.raw(uuid7(), uuid7(), uuid7())


@given(st.integers(1, MOST), st.sampled_from([1, LEAF]))
def test_every_length_fits_in_ten_thousand_parts(length, whole):
    size = multipart.part_bytes(length, whole)
    assert 5 * MIB <= size <= 5 << 30
    assert -(-length // size) <= 10_000
    assert size % whole == 0
    least = max(5 * MIB, -(-length // 10_000))
    assert least <= size < least + whole


@pytest.mark.parametrize(
    ("length", "mib"), [(1, 5), (50_000 * MIB, 5), (1 << 40, 105), (5 << 40, 525), (int(48.8 * 2**40), 5_118)]
)
def test_the_sizes_that_were_promised(length, mib):
    assert -(-multipart.part_bytes(length) // MIB) == mib


def test_what_no_object_can_hold_is_refused():
    with pytest.raises(ValueError):
        multipart.part_bytes(MOST + 1)


def test_a_large_file_is_put_in_parts_as_one_object(bucket, key, tmp_path, monkeypatch):
    monkeypatch.setattr(multipart, "_COPY_BYTES", 6 * MIB)
    path = tmp_path / "large"
    path.write_bytes(os.urandom(13 * MIB))
    blob = blobs.put_file(key, path)
    assert blobs.verify(blob)
    assert blob.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert bucket.begun() == []
    blobs.put_file(key, path)
    path.write_bytes(os.urandom(13 * MIB))
    with pytest.raises(blobs.BlobConflict):
        blobs.put_file(key, path)
    assert blobs.verify(blob)


def test_a_put_that_fails_leaves_no_parts(bucket, key, tmp_path, monkeypatch):
    monkeypatch.setattr(multipart, "_COPY_BYTES", 6 * MIB)
    (tmp_path / "large").write_bytes(bytes(13 * MIB))
    real, sent = multipart.send, []

    def send(*given):
        if sent:
            raise KeyboardInterrupt
        sent.append(real(*given))
        assert bucket.begun() == [key]
        return sent[0]

    monkeypatch.setattr(multipart, "send", send)
    with pytest.raises(KeyboardInterrupt):
        blobs.put_file(key, tmp_path / "large")
    assert sent
    assert bucket.begun() == bucket.keys() == []


def test_completing_twice_is_completing_once(bucket, key, tmp_path):
    (tmp_path / "file").write_bytes(bytes(100))
    at = objects.place(storages["data"], key)
    upload = multipart.begin(at)
    with (tmp_path / "file").open("rb") as file:
        part = multipart.send(at, upload, 1, file.fileno(), 10, 60)
    multipart.complete(at, upload, [part])
    with contextlib.suppress(objects.Taken):  # a server may say that there is an object: the one it just made
        multipart.complete(at, upload, [part])
    assert objects.size_of(at) == 50
    multipart.abort(at, upload)
    assert objects.size_of(at) == 50
    with (tmp_path / "file").open("rb") as file, pytest.raises(objects.Absent):
        multipart.send(at, upload_that_is_gone(at), 1, file.fileno(), 0, 10)


def test_completing_what_is_gone_says_so(bucket, key):
    at = objects.place(storages["data"], key)
    with pytest.raises(objects.Absent):
        multipart.complete(at, upload_that_is_gone(at), [multipart.Part(1, '"0"', 1)])


def upload_that_is_gone(at):
    upload = multipart.begin(at)
    multipart.abort(at, upload)
    return upload
