"""Headers of tus: what is malformed is refused by name."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.uploads import headers
from datasets.uploads.errors import BadHeader, TusVersion
from tradenexus.errors import UnsupportedMedia


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("given", ["", " ", ","])
def test_empty_metadata_is_no_metadata(given):
    assert headers.metadata(given) == {}


def test_reads_pairs_and_keys_without_value():
    text = f"filename {encoded('Größe.csv'.encode())},is_confidential"
    assert headers.metadata(text) == {"filename": "Größe.csv", "is_confidential": ""}


@pytest.mark.parametrize("bad", ["a !!!", "a YQ==,a YQ==", "ключ YQ==", f"a {encoded(bytes([255, 254]))}", "a b c"])
def test_refuses_malformed_metadata(bad):
    with pytest.raises(BadHeader):
        headers.metadata(bad)


@given(pairs=st.dictionaries(st.from_regex(r"[A-Za-z_]{1,20}", fullmatch=True), st.text(max_size=50), max_size=5))
def test_metadata_survives_a_round_trip(pairs):
    text = ",".join(f"{key} {encoded(value.encode())}" for key, value in pairs.items())
    assert headers.metadata(text) == pairs


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("sha1", hashlib.sha1(b"bytes").digest()),
        ("sha256", hashlib.sha256(b"bytes").digest()),
        ("crc32c", crc32c.crc32c(b"bytes").to_bytes(4, "big")),
    ],
)
def test_checks_what_passes(name, digest):
    check = headers.checksum(f"{name} {encoded(digest)}")
    assert check is not None
    check.running.update(b"by")
    assert not check.holds()
    check.running.update(b"tes")
    assert check.holds()


@pytest.mark.parametrize("bad", ["md5 YQ==", "sha1", "sha1 ???", "sha256 YQ==", "SHA1 YQ==", ""])
def test_refuses_other_checksums(bad):
    with pytest.raises(BadHeader):
        headers.checksum(bad)


@pytest.mark.parametrize("bad", [None, "-1", "+1", "1.0", "0x10", " 1", "١", "9" * 20, ""])
def test_refuses_what_is_not_a_whole_number(bad):
    with pytest.raises(BadHeader):
        headers.number({} if bad is None else {"upload-offset": bad}, "Upload-Offset")


def test_needs_the_version_and_the_type():
    with pytest.raises(TusVersion):
        headers.require_version({"tus-resumable": "0.2.2"})
    with pytest.raises(UnsupportedMedia):
        headers.require_body_type({"content-type": "text/plain"})
    headers.require_body_type({"content-type": "Application/Offset+Octet-Stream; x=y"})


def test_expiry_is_an_http_date():
    assert headers.http_date(datetime(2026, 1, 2, 3, 4, 5, 6, UTC)) == "Fri, 02 Jan 2026 03:04:05 GMT"
