"""A file that still grows is read as if it were whole, in whatever steps it grows; its digest is of what was read."""

import hashlib
import io
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.formats import growing
from datasets.formats.growing import Growing, Tide
from datasets.formats.tide import tell

FAST = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
DATA = hashlib.shake_256(b"growing").digest(5000)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(growing, "HEAD_BYTES", 700)
    monkeypatch.setattr(growing, "_STEP_BYTES", 64)
    monkeypatch.setattr(growing, "_TICK_S", 0.0002)


def grow(folder, data, cuts):
    """Write the data in the background, told of at each cut."""
    raw, tide = folder / "raw", folder / "tide"
    raw.write_bytes(b"")
    tell(tide, 0, ends=False)

    def write():
        at = 0
        for cut in [*sorted(cuts), len(data)]:
            with raw.open("ab") as file:
                file.write(data[at:cut])
            tell(tide, cut, ends=False)
            at = max(at, cut)
        tell(tide, len(data), ends=True)

    thread = threading.Thread(target=write)
    thread.start()
    return raw, tide, thread


@FAST
@given(
    st.integers(0, 5000),
    st.lists(st.integers(0, 5000), max_size=8),
    st.lists(st.integers(1, 1500), min_size=1, max_size=6),
)
def test_every_read_gives_what_it_gives_of_the_whole_file(quick, tmp_path, length, cuts, sizes):
    data, whole = DATA[:length], io.BytesIO(DATA[:length])
    raw, tide, thread = grow(tmp_path, data, [min(cut, length) for cut in cuts])
    with Growing(raw, Tide(tide)) as file:
        assert file.head == data[:700]
        assert (file.read(4), file.tell(), file.seek(0)) == (data[:4], min(4, length), 0)
        number = 0
        while piece := whole.read(sizes[number % len(sizes)]):
            assert file.read(sizes[number % len(sizes)]) == piece
            assert file.tell() == whole.tell()
            number += 1
        assert file.read(10) == file.read() == b""
        assert (file.size, file.sha256) == (length, hashlib.sha256(data).hexdigest())
        assert file.tail == data[-growing.TAIL_BYTES :]
    thread.join()


def test_what_nobody_read_is_in_the_digest_too(quick, tmp_path):
    raw, tide, thread = grow(tmp_path, DATA, [100, 2000])
    with Growing(raw, Tide(tide)) as file:
        file.read(900)
        file.finish()
        assert (file.tell(), file.sha256) == (5000, hashlib.sha256(DATA).hexdigest())
    thread.join()


def test_what_was_read_is_not_read_again(quick, tmp_path):
    raw, tide, thread = grow(tmp_path, DATA, [])
    with Growing(raw, Tide(tide)) as file:
        file.read(701)
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0)
    thread.join()


def test_the_digest_is_of_the_bytes_that_were_handed_on_not_of_those_that_came_after(quick, tmp_path):
    raw, tide = tmp_path / "raw", tmp_path / "tide"
    raw.write_bytes(DATA)
    tell(tide, 2000, ends=False)
    with Growing(raw, Tide(tide)) as file:
        read = file.read(1500)
        raw.write_bytes(bytes(1500) + DATA[1500:])
        tell(tide, 5000, ends=True)
        read += file.read()
        assert read == DATA
        assert file.sha256 == hashlib.sha256(DATA).hexdigest() != hashlib.sha256(raw.read_bytes()).hexdigest()


def test_a_file_that_lost_bytes_ends_where_they_end(quick, tmp_path):
    raw, tide = tmp_path / "raw", tmp_path / "tide"
    raw.write_bytes(DATA[:3000])
    tell(tide, 5000, ends=True)
    with Growing(raw, Tide(tide)) as file:
        assert file.read() == DATA[:3000]


def test_nothing_may_be_read_before_the_owner_says_so(tmp_path):
    tide = tmp_path / "tide"
    tide.write_bytes(b"")
    assert Tide(tide).now() == (0, False)
    tell(tide, 12, ends=False)
    assert Tide(tide).now() == (12, False)
    tell(tide, 1 << 40, ends=True)
    assert Tide(tide).now() == (1 << 40, True)
