"""Cuts delimited text into blocks of whole records and finds the line on which each record begins.

A record ends at a newline outside quotation marks; a doubled mark inside quotes does not change that, so the parity of
the marks before a newline tells. Any size of piece or block gives the same records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from datasets.formats.errors import QuoteUnbalanced, RecordTooLong

RECORD_BYTES = 8 << 20
BLOCK_RECORDS = 131_072
_NEWLINE = 10
_RETURN = 13


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records of text; `line` is the 1-based number of its first line, `lines` how many there are."""

    data: bytes
    line: int
    lines: int


def cut(
    pieces: Iterable[bytes], quote: str | None, block_bytes: int = 2 << 20, record_bytes: int = RECORD_BYTES
) -> Iterator[Block]:
    """Yield blocks of about `block_bytes`; RecordTooLong or QuoteUnbalanced when none ends within `record_bytes`."""
    mark = quote.encode() if quote else None
    held, line = b"", 1
    for piece in pieces:
        held += piece
        if len(held) < block_bytes:
            continue
        end = _last_end(held, mark)
        if end:
            block = whole(held[:end], line)
            yield from _bounded(block, quote)
            line += block.lines
            held = held[end:]
        if len(held) > max(record_bytes, block_bytes):
            raise _endless(held, mark, line)
    if held:
        if mark and _count(held, mark) % 2:
            raise _endless(held, mark, line)
        yield from _bounded(whole(held, line), quote)


def whole(data: bytes, line: int) -> Block:
    """Return records as a block, their lines counted; the last one may lack its newline."""
    return Block(data, line, _count(data, b"\n") + (not data.endswith(b"\n")))


def _bounded(block: Block, quote: str | None) -> Iterator[Block]:
    """Split a block of very many records: what is made of each in memory is larger than an empty line."""
    if block.lines <= BLOCK_RECORDS:
        yield block
        return
    starts, lines = begins(block, quote)
    borders = [*starts[::BLOCK_RECORDS].tolist(), len(block.data)]
    for number, line in enumerate(lines[::BLOCK_RECORDS].tolist()):
        yield whole(block.data[borders[number] : borders[number + 1]], line)


def lines_of(block: Block, quote: str | None, records: int) -> np.ndarray:
    """Return the line number of each record of a block that was found to hold so many.

    As many records as lines: no line is blank and none goes on within quotes, so nothing has to be looked for.
    """
    if records == block.lines:
        return block.line + np.arange(records, dtype=np.int64)
    return begins(block, quote)[1]


def begins(block: Block, quote: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return, per record that is not a blank line, its byte offset in the block and its 1-based line number."""
    data = np.frombuffer(block.data, dtype=np.uint8)
    ends = np.flatnonzero(data == _NEWLINE)
    starts = np.concatenate(([0], ends + 1)).astype(np.int64)
    ends = np.append(ends, len(data))
    lines = block.line + np.arange(len(starts), dtype=np.int64)
    if quote and quote.encode() in block.data:
        outside = _outside(data == ord(quote), starts)
        if not outside.all():
            starts, lines = starts[outside], lines[outside]
            # A record lasts until the next one begins.
            ends = np.append(starts[1:] - 1, len(data))
    length = ends - starts
    blank = length <= 0
    single = length == 1
    if single.any():
        blank |= single & (data[np.minimum(starts, len(data) - 1)] == _RETURN)
    return starts[~blank], lines[~blank]


def _outside(marks: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Tell which lines begin with an even number of marks before them."""
    lines = starts[starts < len(marks)]  # after a last newline nothing begins that could hold a mark
    odd = np.bitwise_xor.reduceat(marks.view(np.uint8), lines) if len(lines) else np.empty(0, np.uint8)
    before = np.bitwise_xor.accumulate(odd)
    return np.append(0, before)[: len(starts)] == 0


def _count(data: bytes, byte: bytes, start: int = 0, end: int | None = None) -> int:
    # bytes.count looks for one after another: slow where there are many
    if len(byte) != 1:
        return data.count(byte, start, end)
    return int(np.count_nonzero(np.frombuffer(data, np.uint8)[start:end] == ord(byte)))


def _last_end(data: bytes, mark: bytes | None) -> int:
    """Return the offset after the last newline that ends a record, 0 if there is none."""
    at = data.rfind(b"\n")
    if mark is None or at < 0:
        return at + 1
    inside = _count(data, mark, 0, at) % 2
    while inside and at > 0:
        before = data.rfind(b"\n", 0, at)
        inside ^= data.count(mark, max(before, 0), at) % 2
        at = before
    return 0 if inside else at + 1


def _endless(data: bytes, mark: bytes | None, line: int) -> RecordTooLong | QuoteUnbalanced:
    if mark and mark in data:
        begun = line + data.count(b"\n", 0, _open_mark(data, mark))
        return QuoteUnbalanced(f"A quotation mark opened on or after line {begun} is never closed.", {"line": begun})
    return RecordTooLong(f"The record that begins on line {line} is longer than {len(data):,} bytes.", {"line": line})


def _open_mark(data: bytes, mark: bytes) -> int:
    """Return where the first quoted field that runs over a line end begins: the likeliest place of the mistake."""
    at = 0
    while True:
        opened = data.find(mark, at)
        if opened < 0:
            return 0
        closed = data.find(mark, opened + 1)
        if closed < 0 or b"\n" in data[opened:closed]:
            return opened
        at = closed + 1
