"""The one way to read a file: `open_batches` yields mapped rows in file order, whatever the format.

Runs inside a capped child. Memory is bounded by the block, not by the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from datasets.formats import columnar, jsontext, streams, texts
from datasets.formats.batches import MappedBatch
from datasets.formats.delimited import Delimited
from datasets.formats.errors import FormatUnsupported
from datasets.formats.mapper import Mapper, RawBatch

BLOCK_BYTES = 2 << 20
_PIECE_BYTES = 1 << 20


def open_batches(
    source: str | int | Path, plan: dict[str, Any], block_bytes: int = BLOCK_BYTES
) -> Iterator[MappedBatch]:
    """Yield the mapped batches of a path or descriptor as `plan` (see `mapping.plan_from`) says.

    Bad records come as `rejects`; a file that is wrong as a whole raises a subclass of ProblemError.
    """
    with streams.open_raw(source) as file:
        yield from mapped_batches(file, plan, block_bytes)


def mapped_batches(file: IO[bytes], plan: dict[str, Any], block_bytes: int = BLOCK_BYTES) -> Iterator[MappedBatch]:
    """Yield the mapped batches of an open file (or a stand-in for one) from where it stands."""
    mapper = Mapper(plan)
    for raw in _raw(file, plan, block_bytes):
        yield mapper.map(raw)


def _raw(file: IO[bytes], plan: dict[str, Any], block_bytes: int) -> Iterator[RawBatch]:
    kind = plan["format"]
    if kind in _COLUMNAR:
        data = streams.seekable(file)
        for batch in _COLUMNAR[kind](data, plan):
            batch.bytes_read = data.tell() if data is file else file.tell()
            yield batch
    elif kind in _TEXTUAL:
        stream = streams.Unpacked(file, min(_PIECE_BYTES, block_bytes))
        for batch in _TEXTUAL[kind](_text(stream, plan), plan, block_bytes):
            batch.bytes_read = stream.bytes_read
            yield batch
    else:
        raise FormatUnsupported(f"There is no reader for {str(kind)[:40]!r}.", {"format": str(kind)[:40]})


_COLUMNAR: dict[str, Callable[[IO[bytes], dict[str, Any]], Iterator[RawBatch]]] = {
    "parquet": columnar.read_parquet,
    "arrow": columnar.read_arrow,
    "feather": columnar.read_arrow,
}
_TEXTUAL: dict[str, Callable[[Iterator[bytes], dict[str, Any], int], Iterator[RawBatch]]] = {
    "csv": lambda pieces, plan, block_bytes: iter(Delimited(pieces, plan, block_bytes)),
    "jsonl": jsontext.read_lines,
    "json": lambda pieces, plan, block_bytes: jsontext.read_arrays(pieces, plan),
}


def _text(stream: streams.Unpacked, plan: dict[str, Any]) -> Iterator[bytes]:
    first = True
    for piece in texts.utf8(stream, plan.get("encoding")):
        if first:
            texts.refuse_html(piece)
            first = False
        yield piece
