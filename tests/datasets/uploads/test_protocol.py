"""The protocol from outside: every status of the contract, against a real server."""

from __future__ import annotations

import base64
import hashlib
import os

import crc32c
import httpx
import pytest

from tests.kit import tus
from tests.kit.tus import BODY, HEADERS


@pytest.fixture
def upload(client):
    return tus.create(client, 1000)


def sum_of(algorithm: str, data: bytes) -> str:
    digest = crc32c.crc32c(data).to_bytes(4, "big") if algorithm == "crc32c" else hashlib.new(algorithm, data).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


def test_options_names_what_is_offered_without_a_credential(server):
    answer = httpx.options(f"{server.url}/v1/uploads/")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "checksum",
        "expiration",
        "termination",
        "concatenation",
    }
    assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256,crc32c"
    assert answer.headers["tus-max-size"] == str(1 << 30)


@pytest.mark.parametrize("path", ["/v1/uploads", "/v1/uploads/"])
def test_creates_and_receives(client, path):
    data = os.urandom(300_000)
    answer = client.post(path, headers={**HEADERS, "Upload-Length": "300000", "Upload-Metadata": ""})
    assert answer.status_code == 201
    assert answer.headers["upload-expires"].endswith("GMT")
    url = answer.headers["location"]
    assert url.startswith("/v1/uploads/up_")
    first = tus.patch(client, url, 0, data[:100_001])
    assert (first.status_code, first.headers["upload-offset"], first.content) == (204, "100001", b"")
    assert tus.offset(client, url + "/") == 100_001
    assert tus.patch(client, url, 100_001, data[100_001:]).headers["upload-offset"] == "300000"
    head = client.head(url, headers=HEADERS)
    assert head.headers["upload-length"] == "300000"
    assert head.headers["cache-control"] == "private, no-store"


def test_head_gives_the_metadata_back(client):
    url = tus.create(client, 5, symbol="BTC-USD")
    assert client.head(url, headers=HEADERS).headers["upload-metadata"] == tus.metadata(
        filename="t.csv", symbol="BTC-USD"
    )


def test_creation_may_carry_the_first_bytes(client):
    answer = client.post("/v1/uploads/", content=b"hello", headers={**BODY, "Upload-Length": "10"})
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
    assert tus.offset(client, answer.headers["location"]) == 5


def test_a_body_longer_than_announced_creates_nothing(client):
    answer = client.post("/v1/uploads/", content=b"hello", headers={**BODY, "Upload-Length": "4"})
    assert (answer.status_code, tus.error(answer)) == (413, "UPLOAD_TOO_LARGE")
    assert "location" not in answer.headers


@pytest.mark.parametrize("offset", ["0", "499", "501", "1000"])
def test_a_wrong_offset_is_answered_with_the_right_one(client, upload, offset):
    tus.patch(client, upload, 0, b"x" * 500)
    answer = client.patch(upload, headers={**BODY, "Upload-Offset": offset})
    assert (answer.status_code, tus.error(answer)) == (409, "UPLOAD_OFFSET_CONFLICT")
    assert answer.headers["upload-offset"] == "500"
    assert answer.json()["error"]["details"] == {"offset": 500, "length": 1000}
    assert tus.offset(client, upload) == 500


@pytest.mark.parametrize("given", [None, "-1", "1.5", "abc", "99999999999999999999"])
def test_a_malformed_offset_is_refused(client, upload, given):
    headers = {**BODY, **({} if given is None else {"Upload-Offset": given})}
    answer = client.patch(upload, content=b"x", headers=headers)
    assert (answer.status_code, tus.error(answer)) == (400, "UPLOAD_HEADER_INVALID")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/octet-stream"])
def test_another_content_type_is_refused(client, upload, kind):
    headers = {**HEADERS, "Upload-Offset": "0", **({} if kind is None else {"Content-Type": kind})}
    answer = client.patch(upload, content=b"x", headers=headers)
    assert (answer.status_code, tus.error(answer)) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0", "2.0.0"])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
def test_another_version_is_refused_and_ours_is_named(client, upload, method, version):
    headers = {"Tus-Resumable": version} if version else {}
    answer = client.request(method, "/v1/uploads/" if method == "POST" else upload, headers=headers)
    assert answer.status_code == 412
    assert answer.headers["tus-version"] == "1.0.0"


@pytest.mark.parametrize("length", [None, "-1", "x", "0", ""])
def test_a_length_that_is_none_is_refused(client, length):
    headers = {**HEADERS, **({} if length is None else {"Upload-Length": length})}
    assert client.post("/v1/uploads/", headers=headers).status_code == 400


def test_more_than_the_maximum_is_refused(client):
    answer = client.post("/v1/uploads/", headers={**HEADERS, "Upload-Length": str((1 << 30) + 1)})
    assert (answer.status_code, tus.error(answer)) == (413, "UPLOAD_TOO_LARGE")


def test_bytes_past_the_length_are_refused_before_they_are_read(client, upload):
    answer = tus.patch(client, upload, 0, b"x" * 1001)
    assert (answer.status_code, tus.error(answer)) == (413, "UPLOAD_TOO_LARGE")
    assert tus.offset(client, upload) == 0


def test_a_chunked_body_past_the_length_keeps_what_fits(client, upload):
    answer = client.patch(upload, content=iter([b"x" * 600, b"y" * 600]), headers={**BODY, "Upload-Offset": "0"})
    assert answer.status_code == 413
    assert tus.offset(client, upload) == 1000


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "crc32c"])
def test_a_body_with_its_checksum_is_taken_a_wrong_one_dropped(client, upload, algorithm):
    data = os.urandom(400)
    wrong = tus.patch(client, upload, 0, data[::-1], **{"Upload-Checksum": sum_of(algorithm, data)})
    assert (wrong.status_code, tus.error(wrong)) == (460, "UPLOAD_CHECKSUM_MISMATCH")
    assert tus.offset(client, upload) == 0
    right = tus.patch(client, upload, 0, data, **{"Upload-Checksum": sum_of(algorithm, data)})
    assert (right.status_code, right.headers["upload-offset"]) == (204, "400")


def test_a_large_body_with_a_wrong_checksum_leaves_no_trace(client):
    data = os.urandom(20 << 20)
    url = tus.create(client, len(data))
    assert tus.patch(client, url, 0, data, **{"Upload-Checksum": sum_of("sha1", b"else")}).status_code == 460
    assert tus.offset(client, url) == 0
    assert tus.patch(client, url, 0, data, **{"Upload-Checksum": sum_of("sha1", data)}).status_code == 204


@pytest.mark.parametrize("bad", ["md5 YWJj", "sha1", "sha1 !!", "sha256 YWJj"])
def test_an_unknown_checksum_is_refused(client, upload, bad):
    answer = tus.patch(client, upload, 0, b"abc", **{"Upload-Checksum": bad})
    assert answer.status_code == 400
    assert tus.offset(client, upload) == 0


def test_a_cancelled_upload_is_gone(client, upload):
    tus.patch(client, upload, 0, b"x" * 10)
    assert client.delete(upload, headers=HEADERS).status_code == 204
    assert client.head(upload, headers=HEADERS).status_code == 410
    again = tus.patch(client, upload, 10, b"x")
    assert (again.status_code, tus.error(again)) == (410, "UPLOAD_GONE")
    assert client.delete(upload, headers=HEADERS).status_code == 410


def test_methods_can_be_overridden(client, upload):
    over = {**BODY, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert client.post(upload, content=b"abc", headers=over).headers["upload-offset"] == "3"
    head = client.post(upload, headers={**HEADERS, "X-HTTP-Method-Override": "HEAD"})
    assert (head.status_code, head.headers["upload-offset"]) == (200, "3")
    assert client.post(upload, headers={**HEADERS, "X-HTTP-Method-Override": "DELETE"}).status_code == 204


def test_other_methods_are_refused(client, upload):
    answer = client.put(upload, headers=HEADERS)
    assert (answer.status_code, tus.error(answer)) == (405, "METHOD_NOT_ALLOWED")
    assert "PATCH" in answer.headers["allow"]


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_another_tenants_upload_looks_unknown(server, client, upload, method):
    unknown = "/v1/uploads/up_" + "0" * 32
    with server.client(server.stranger) as stranger:
        headers = {**BODY, "Upload-Offset": "0"}
        theirs, none = (stranger.request(method, url, headers=headers) for url in (upload, unknown))
    assert theirs.status_code == none.status_code == 404
    if method != "HEAD":
        assert theirs.json()["error"] == none.json()["error"]
    assert tus.offset(client, upload) == 0


@pytest.mark.parametrize(
    "ref",
    [
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..%2f..",
        "%00",
        "up_%00",
        "up_" + "g" * 32,
        "up_",
        "ds_" + "0" * 32,
        "UP_0",
        "x/y",
    ],
)
@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_a_hostile_id_is_unknown(client, ref, method):
    answer = client.request(method, f"/v1/uploads/{ref}", headers={**BODY, "Upload-Offset": "0"})
    assert answer.status_code == 404


def test_without_a_valid_credential_nothing_is_done(server, upload):
    with httpx.Client(base_url=server.url) as nobody:
        assert nobody.patch(upload, content=b"x", headers={**BODY, "Upload-Offset": "0"}).status_code == 401
        wrong = {**HEADERS, "Authorization": "Bearer nx_abcdefgh_wrong"}
        answer = nobody.post("/v1/uploads/", headers={**wrong, "Upload-Length": "5"})
        assert (answer.status_code, tus.error(answer)) == (401, "AUTH_REQUIRED")
        assert "www-authenticate" in answer.headers


def test_a_viewer_may_look_but_not_write(server, upload):
    with server.client(server.viewer) as viewer:
        assert viewer.head(upload, headers=HEADERS).status_code == 200
        answer = tus.patch(viewer, upload, 0, b"x")
        assert (answer.status_code, tus.error(answer)) == (403, "SCOPE_MISSING")


def test_a_request_id_is_carried_through(client, upload):
    answer = client.head(upload, headers={**HEADERS, "X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"


def test_the_key_may_come_in_its_own_header(server, upload):
    with httpx.Client(base_url=server.url, headers={"X-API-Key": server.owner}) as client:
        assert tus.offset(client, upload) == 0


@pytest.mark.parametrize("bad", ["a !!!", "a YQ==,a YQ==", "columnMapping W10=", "kind Ym9vaw=="])
def test_bad_metadata_is_refused(client, bad):
    answer = client.post("/v1/uploads/", headers={**HEADERS, "Upload-Length": "5", "Upload-Metadata": bad})
    assert answer.status_code == 400


def test_a_second_upload_into_a_dataset_is_refused_by_name(client, upload):
    shown = client.get(upload).json()["upload"]
    pairs = tus.metadata(datasetId=shown["datasetId"])
    answer = client.post("/v1/uploads/", headers={**HEADERS, "Upload-Length": "5", "Upload-Metadata": pairs})
    assert (answer.status_code, tus.error(answer)) == (409, "STATE_CONFLICT")
    assert answer.json()["error"]["details"]["uploadId"] == shown["id"]


def test_names_are_only_metadata(server, client):
    url = tus.create(client, 5, name="../../../etc/passwd\0")
    shown = client.get(url).json()["upload"]
    assert shown["state"] == "open"
    folder = server.home / "uploads"
    assert {path.name for path in folder.glob("*/*/*")} <= {"data", "want"}


def test_an_unread_body_does_not_hide_the_refusal(client):
    big = tus.create(client, 50 << 20)
    answer = tus.patch(client, big, 7, bytes(40 << 20))
    assert (answer.status_code, answer.headers["upload-offset"]) == (409, "0")
