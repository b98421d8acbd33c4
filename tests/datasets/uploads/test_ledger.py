"""The part ledger: any cutting of the same bytes gives the same leaves."""

from __future__ import annotations

import itertools
import os

import crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.uploads import ledger
from datasets.uploads.ledger import Leaf, Ledger

SMALL = 64


@pytest.fixture(autouse=True)
def small_leaves(monkeypatch):
    monkeypatch.setattr(ledger, "LEAF_BYTES", SMALL)


def expected(data: bytes) -> list[Leaf]:
    parts = [data[start : start + SMALL] for start in range(0, len(data), SMALL)]
    return [Leaf(number, len(part), crc32c.crc32c(part)) for number, part in enumerate(parts)]


@given(
    data=st.binary(min_size=1, max_size=400), cuts=st.lists(st.integers(0, 400)), stops=st.lists(st.integers(0, 400))
)
def test_any_batches_and_any_restarts_give_the_same_leaves(data, cuts, stops):
    leaves: list[Leaf] = []
    book = Ledger(0, len(data))
    points = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    for start, end in itertools.pairwise(points):
        if start in stops:  # a new process takes over: only the open leaf is read again
            opened = data[start // SMALL * SMALL : start]
            book = Ledger(start, len(data), crc32c.crc32c(opened))
        for run in ledger.split([data[start:end]], book.room):
            for part in run:
                leaf = book.add(part)
                leaves += [leaf] if leaf else []
    assert leaves == expected(data)


@given(data=st.binary(min_size=1, max_size=400), cuts=st.lists(st.integers(0, 400)), flip=st.integers(0, 399))
def test_a_flipped_bit_names_its_leaf(data, cuts, flip):
    check = ledger.Check(expected(data), len(data))
    flip %= len(data)
    damaged = data[:flip] + bytes([data[flip] ^ 1]) + data[flip + 1 :]
    points = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    for start, end in itertools.pairwise(points):
        check.feed(damaged[start:end])
    assert check.damaged == [flip // SMALL]


def test_a_leaf_never_recorded_counts_as_damaged():
    check = ledger.Check([], 10)
    check.feed(b"0123456789")
    assert check.damaged == [0]


def test_reads_the_open_leaf_again(tmp_path):
    data = os.urandom(SMALL * 2 + 10)
    path = tmp_path / "data"
    path.write_bytes(data)
    with path.open("rb") as handle:
        assert ledger.open_crc(handle.fileno(), len(data)) == crc32c.crc32c(data[-10:])
        book = Ledger(0, len(data))
        assert ledger.read_on(handle.fileno(), book, len(data)) == expected(data)
        with pytest.raises(EOFError):
            ledger.open_crc(handle.fileno(), len(data) + 1)


def test_more_than_the_open_leaf_is_refused():
    with pytest.raises(ValueError):
        Ledger(0, 10).add(b"x" * 11)
