"""Sending bytes: whatever the line does, the server ends with the file's bytes and the client with their digest."""

import hashlib
import threading

import pytest

from tests.kit.fakeplatform import TOKEN, Upload, new_id
from tradenexus.cli import transfer as module
from tradenexus.cli.client import Client
from tradenexus.cli.failures import Clash, Failure, Interrupted, Unreachable
from tradenexus.cli.transfer import Gone, Throttle, Transfer

DATA = bytes(range(256)) * 6000


@pytest.fixture
def file(home):
    path = home / "data.bin"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def upload(platform):
    made = Upload(new_id("up"), new_id("ds"), len(DATA), "data.bin")
    platform.uploads[made.id] = made
    return made


@pytest.fixture
def client(platform):
    said = []
    made = Client(platform.url, TOKEN, agent="test", say=said.append)
    made.said = said
    yield made
    made.close()


def send(client, file, upload, **options):
    return Transfer(client, file, f"/v1/uploads/{upload.id}", **{"chunk": 400_000, **options}).run()


def test_a_file_arrives_whole_with_its_digest(client, file, upload):
    assert send(client, file, upload) == hashlib.sha256(DATA).hexdigest()
    assert bytes(upload.data) == DATA


def test_a_file_goes_in_chunks_that_are_not_larger_than_asked(platform, client, file, upload):
    send(client, file, upload)
    lengths = [int(h["Content-Length"]) for method, _, h in platform.headers_seen if method == "PATCH"]
    assert lengths == [400_000, 400_000, 400_000, len(DATA) - 1_200_000]


def test_a_cut_connection_is_taken_up_where_the_server_stands(platform, client, file, upload):
    platform.cut_after(100_001, 0, 399_999)
    assert send(client, file, upload) == hashlib.sha256(DATA).hexdigest()
    assert bytes(upload.data) == DATA
    offsets = [int(h["Upload-Offset"]) for method, _, h in platform.headers_seen if method == "PATCH"]
    assert offsets[:2] == [0, 100_001]


def test_a_resume_sends_only_what_is_missing_and_hashes_all(platform, client, file, upload):
    upload.data += DATA[:1_000_000]
    assert send(client, file, upload) == hashlib.sha256(DATA).hexdigest()
    assert bytes(upload.data) == DATA
    assert sum(int(h["Content-Length"]) for m, _, h in platform.headers_seen if m == "PATCH") == len(DATA) - 1_000_000


@pytest.mark.parametrize(
    ("status", "code"), [(409, "OFFSET"), (423, "UPLOAD_LOCKED"), (500, "X"), (503, "X"), (429, "X")]
)
def test_an_answer_that_says_later_is_asked_again(platform, client, file, upload, status, code):
    platform.fail("PATCH", status, code, times=2)
    send(client, file, upload)
    assert bytes(upload.data) == DATA


def test_a_server_that_never_takes_it_ends_in_its_own_words(platform, client, file, upload):
    platform.fail("PATCH", 423, "UPLOAD_LOCKED", times=99)
    with pytest.raises(Clash) as caught:
        send(client, file, upload)
    assert caught.value.code == "UPLOAD_LOCKED"


def test_a_line_that_breaks_for_ever_is_unreachable_and_says_that_bytes_are_kept(platform, client, file, upload):
    platform.cut_after(*[0] * 99)
    with pytest.raises(Unreachable) as caught:
        send(client, file, upload)
    assert "kept" in caught.value.hint


def test_a_proxys_413_halves_the_chunk_and_says_why(platform, client, file, upload, monkeypatch):
    monkeypatch.setattr(module, "SMALLEST_CHUNK", 100_000)
    platform.patch_limit = 250_000
    send(client, file, upload)
    assert bytes(upload.data) == DATA
    assert any("client_max_body_size" in line for line in client.said)


def test_a_413_of_the_platform_is_final(platform, client, file, upload):
    platform.fail("PATCH", 413, "UPLOAD_TOO_LARGE")
    with pytest.raises(Failure) as caught:
        send(client, file, upload)
    assert caught.value.code == "UPLOAD_TOO_LARGE"


@pytest.mark.parametrize("status", [404, 410])
def test_a_session_the_server_dropped_is_gone(platform, client, file, upload, status):
    platform.fail("HEAD", status)
    with pytest.raises(Gone):
        send(client, file, upload)


def test_a_session_of_another_length_is_refused_before_a_byte_is_sent(platform, client, file, upload):
    upload.length += 1
    with pytest.raises(Clash) as caught:
        send(client, file, upload)
    assert caught.value.code == "FILE_DIFFERS"
    assert not any(method == "PATCH" for method, _, _ in platform.headers_seen)


@pytest.mark.parametrize("here", [0, 700_000, len(DATA)])
def test_a_session_without_a_length_is_told_it(platform, client, file, upload, here):
    upload.length, upload.data = None, bytearray(DATA[:here])
    assert send(client, file, upload) == hashlib.sha256(DATA).hexdigest()
    assert (bytes(upload.data), upload.length) == (DATA, len(DATA))


def test_a_file_that_changes_meanwhile_is_refused(client, file, upload):
    def meddle(offset):
        if offset > 500_000:
            file.write_bytes(DATA[:-1] + b"x")

    with pytest.raises(Clash) as caught:
        send(client, file, upload, moved=meddle)
    assert caught.value.code == "FILE_CHANGED"


def test_a_file_that_shrinks_meanwhile_is_refused(client, file, upload):
    def meddle(offset):
        if offset > 500_000:
            file.write_bytes(DATA[:600_000])

    with pytest.raises(Clash) as caught:
        send(client, file, upload, moved=meddle)
    assert caught.value.code == "FILE_CHANGED"


def test_stopping_keeps_what_arrived(client, file, upload):
    stop = threading.Event()
    with pytest.raises(Interrupted):
        send(client, file, upload, stop=stop, moved=lambda offset: offset > 600_000 and stop.set())
    assert len(upload.data) < len(DATA)
    assert bytes(upload.data) == DATA[: len(upload.data)]


def test_the_throttle_makes_all_files_wait_for_one_rate():
    throttle = Throttle(1000)
    assert throttle.pause_s(500, now=10.0) == 0.0
    assert throttle.pause_s(500, now=10.0) == pytest.approx(0.5)
    assert throttle.pause_s(500, now=10.2) == pytest.approx(0.8)
    assert Throttle(None).pause_s(10**9, now=0.0) == 0.0
