"""Packed files: unpacked whole, and every way they can be broken has a name."""

import bz2
import gzip
import io
import os
from collections import deque

import pyarrow as pa
import pytest

from datasets.formats.errors import ChecksumInvalid, CompressionBomb, FileDamaged, TruncatedFile
from datasets.formats.streams import Unpacked, open_raw, seekable

DATA = os.urandom(100_000) + b"x" * 400_000
PACKED = {
    "gzip": gzip.compress(DATA),
    "bz2": bz2.compress(DATA),
    "zstd": pa.compress(DATA, codec="zstd", asbytes=True),
}


def unpack(data, piece=1 << 16):
    return b"".join(Unpacked(io.BytesIO(data), piece))


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("piece", [1000, 1 << 16, 1 << 22])
def test_what_was_packed_comes_out(name, piece):
    stream = Unpacked(io.BytesIO(PACKED[name]), piece)
    assert stream.packing == name
    assert b"".join(stream) == DATA
    assert stream.bytes_read == len(PACKED[name])


@pytest.mark.parametrize("name", ["gzip", "bz2"])
def test_members_one_after_another_are_one_text(name):
    assert unpack(PACKED[name] * 3) == DATA * 3


def test_zeros_after_gzip_are_padding_but_other_bytes_are_damage():
    assert unpack(PACKED["gzip"] + b"\0" * 512) == DATA
    with pytest.raises(FileDamaged):
        unpack(PACKED["gzip"] + b"garbage")


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_an_early_end_is_named(name, keep):
    with pytest.raises(TruncatedFile):
        unpack(PACKED[name][: int(len(PACKED[name]) * keep)])


def test_a_wrong_checksum_is_named():
    broken = bytearray(PACKED["gzip"])
    broken[-6] ^= 1
    with pytest.raises(ChecksumInvalid):
        unpack(bytes(broken))


@pytest.mark.parametrize("name", PACKED)
def test_damage_in_the_middle_is_named(name):
    broken = bytearray(PACKED[name])
    # In the middle of zstd's stored blocks no checksum would tell: there its first block's head is broken.
    at = 9 if name == "zstd" else len(broken) // 2
    broken[at : at + 8] = b"\xff" * 8
    with pytest.raises(FileDamaged):
        unpack(bytes(broken))


@pytest.mark.parametrize("name", PACKED)
def test_a_bomb_is_refused_before_it_has_unfolded(name):
    line = b"1700000000,1,2\n" * 70_000
    pack = {
        "gzip": gzip.compress,
        "bz2": bz2.compress,
        "zstd": lambda data: pa.compress(data, codec="zstd", asbytes=True),
    }
    times = 1 if name == "zstd" else 11
    member = pack[name](line * (66 // times)) * times
    stream = Unpacked(io.BytesIO(member))
    with pytest.raises(CompressionBomb) as caught:
        deque(stream, maxlen=0)
    assert caught.value.details["unpackedBytes"] < 68 << 20


def test_a_descriptor_is_read_from_its_start_however_it_stands(tmp_path):
    path = tmp_path / "raw"
    path.write_bytes(b"hello")
    with path.open("rb") as file:
        file.read(3)
        with open_raw(file.fileno()) as again:
            assert again.read() == b"hello"
        with open_raw(f"/proc/self/fd/{file.fileno()}") as again:
            assert again.read() == b"hello"


def test_seekable_unpacks_into_a_nameless_file():
    plain = io.BytesIO(b"plain")
    assert seekable(plain) is plain
    assert seekable(io.BytesIO(PACKED["gzip"])).read() == DATA
