"""The part ledger: the digest (CRC-32C) of each 8 MiB leaf, computed as bytes land. Values in, values out.

A leaf closes when the offset passes its end or the file's end. After a restart only the open leaf is read again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import crc32c

LEAF_BYTES = 8 << 20
_BLOCK_BYTES = 1 << 20


class Leaf(NamedTuple):
    """One closed leaf: its number (from 0), its size (only the last may be short) and the CRC-32C of its bytes."""

    number: int
    size_bytes: int
    crc32c: int

    @property
    def start(self) -> int:
        """The offset of its first byte."""
        return self.number * LEAF_BYTES


class Ledger:
    """Follows one writer over the file and says when a leaf is complete."""

    def __init__(self, offset: int, length: int | None, open_crc: int = 0):
        """Start at `offset`; `open_crc` is the CRC-32C of the open leaf's bytes before it. None: length unknown."""
        self.offset = offset
        self.length = length
        self._crc = open_crc

    @property
    def room(self) -> int:
        """Bytes until the open leaf closes."""
        end = _leaf_end(self.offset)
        return (end if self.length is None else min(end, self.length)) - self.offset

    def add(self, data: bytes | memoryview) -> Leaf | None:
        """Take the next bytes, at most `room` of them; return the leaf they complete, if they do."""
        if len(data) > self.room:
            raise ValueError("more bytes than the open leaf has room for")
        self._crc = crc32c.crc32c(data, self._crc)
        self.offset += len(data)
        if not data or (self.offset % LEAF_BYTES and self.offset != self.length):
            return None
        leaf = Leaf((self.offset - 1) // LEAF_BYTES, (self.offset - 1) % LEAF_BYTES + 1, self._crc)
        self._crc = 0
        return leaf

    def feed(self, block: bytes) -> list[Leaf]:
        """Take a block of any size; return the leaves it completes."""
        parts = (part for run in split([block], self.room) for part in run)
        return [leaf for part in parts if (leaf := self.add(part))]


def _leaf_end(offset: int) -> int:
    return (offset // LEAF_BYTES + 1) * LEAF_BYTES


def leaf_start(offset: int) -> int:
    """Return where the leaf that holds the byte at `offset` starts."""
    return offset // LEAF_BYTES * LEAF_BYTES


def split(parts: Sequence[bytes | memoryview], room: int) -> Iterator[list[bytes | memoryview]]:
    """Cut a batch at leaf ends: yield runs of parts, the first of at most `room` bytes, the next of a whole leaf."""
    run: list[bytes | memoryview] = []
    for part in parts:
        rest = part
        while len(rest) >= room:
            view = memoryview(rest)
            yield [*run, view[:room]]
            run, rest, room = [], view[room:], LEAF_BYTES
        if len(rest):
            run.append(rest)
            room -= len(rest)
    if run:
        yield run


def open_crc(descriptor: int, offset: int) -> int:
    """Read the open leaf's bytes before `offset` again and return their CRC-32C."""
    crc, position = 0, leaf_start(offset)
    while position < offset:
        block = os.pread(descriptor, min(_BLOCK_BYTES, offset - position), position)
        if not block:
            raise EOFError(f"the file ends at {position}, before the offset {offset}")
        crc = crc32c.crc32c(block, crc)
        position += len(block)
    return crc


def read_on(descriptor: int, ledger: Ledger, stop: int) -> list[Leaf]:
    """Take the file's bytes from the ledger's offset up to `stop` into the ledger; return the leaves that closed."""
    leaves = []
    while ledger.offset < stop:
        block = os.pread(descriptor, min(_BLOCK_BYTES, ledger.room, stop - ledger.offset), ledger.offset)
        if not block:
            break
        if leaf := ledger.add(block):
            leaves.append(leaf)
    return leaves


class Check:
    """Compares bytes that pass by, in file order, with the leaves recorded when they landed."""

    def __init__(self, leaves: Sequence[Leaf], length: int):
        self._recorded = {leaf.number: leaf for leaf in leaves}
        self._ledger = Ledger(0, length)
        self.damaged: list[int] = []

    def feed(self, block: bytes) -> None:
        """Take the next block; a leaf whose digest differs, or that was never recorded, joins `damaged`."""
        for run in split([block], self._ledger.room):
            for part in run:
                leaf = self._ledger.add(part)
                if leaf and self._recorded.get(leaf.number) != leaf:
                    self.damaged.append(leaf.number)
