"""Reads Parquet, Arrow IPC (file and stream) and Feather v2 into RawBatches, in bounded memory and trusting nothing.

Only values count: statistics are never read, each batch is validated in full, and a footer that promises other rows
than the pages hold is refused. Sizes that the file states are checked before anything is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.formats import targets
from datasets.formats.errors import FileDamaged, RowGroupTooLarge, TooManyColumns, TruncatedFile
from datasets.formats.mapper import RawBatch
from datasets.market.kinds import SYMBOL

BATCH_ROWS = 65_536
MAX_COLUMNS = 4096
# What one column of one row group may hold once unpacked: it is streamed by pages, but a page cannot be cut.
MAX_GROUP_BYTES = 8 << 30
# Run-length and dictionary pages can state billions of rows in a few bytes; market data never comes near this.
MAX_ROWS_PER_BYTE = 100
# Few words over and over: kept as the numbers that Parquet stores for them, each word is looked at once.
_WORDS = (SYMBOL, "side", targets.MAKER)
_ARROW_MAGIC = b"ARROW1"
_PARQUET_MAGIC = b"PAR1"


def read_parquet(file: IO[bytes], plan: dict[str, Any]) -> Iterator[RawBatch]:
    """Yield RawBatches of the mapped columns."""
    with _named_faults("Parquet"):
        parquet = open_parquet(file)
        names = parquet.schema_arrow.names
        wanted = {target: targets.index_of(column, names) for target, column in targets.columns_of(plan).items()}
        at = 0
        columns = sorted({names[index] for index in wanted.values()})
        words = _words(parquet, wanted)
        if words:
            parquet = open_parquet(file, words)
        pieces = parquet.iter_batches(BATCH_ROWS, columns=columns, use_threads=False)
        for batch in _whole(pieces, words) if words else pieces:
            yield _batch(batch, {target: names[index] for target, index in wanted.items()}, at)
            at += batch.num_rows
    if at != parquet.metadata.num_rows:
        stated = parquet.metadata.num_rows
        details = {"statedRows": stated, "rows": at}
        raise FileDamaged(f"The Parquet footer promises {stated:,} rows but the pages hold {at:,}.", details)


def _words(parquet: pq.ParquetFile, wanted: dict[str, int]) -> list[str]:
    """Return which columns are read as numbered words; none when some column is so already: they cut batches."""
    schema = parquet.schema_arrow
    kinds = {target: schema.field(index).type for target, index in wanted.items()}
    if len(set(schema.names)) < len(schema.names) or any(pa.types.is_dictionary(kind) for kind in kinds.values()):
        return []
    others = {index for target, index in wanted.items() if target not in _WORDS}
    chosen = {wanted[target] for target in _WORDS if target in wanted and pa.types.is_string(kinds[target])}
    return [schema.names[index] for index in sorted(chosen - others)]


def _whole(pieces: Iterator[pa.RecordBatch], words: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield batches as if the words were text: cut at BATCH_ROWS, not where a row group brings other numbers."""
    held: list[pa.RecordBatch] = []
    columns = {name: _Words(name) for name in words}
    for piece in pieces:
        for name, column in columns.items():
            place = piece.schema.get_field_index(name)
            piece = piece.set_column(place, name, column.renumbered(piece.column(place)))
        held.append(piece)
        if sum(each.num_rows for each in held) >= BATCH_ROWS:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(held: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(held) == 1:
        return held[0]
    return pa.Table.from_batches(held).unify_dictionaries().combine_chunks().to_batches()[0]


class _Words:
    """One column of words. New ones come in the order in which the file has them, as they would by their texts."""

    def __init__(self, name: str):
        self._name = name
        self._dictionary: pa.Array | None = None
        self._met: np.ndarray | None = None  # which words of the dictionary were met; None when some are no text

    def renumbered(self, array: pa.DictionaryArray) -> pa.DictionaryArray:
        """Return the column; until all words were met with only its own words, in the order of the column."""
        if self._dictionary is None or not array.dictionary.equals(self._dictionary):
            self._dictionary = array.dictionary
            try:
                array.dictionary.validate(full=True)
                self._met = np.zeros(len(array.dictionary), bool)
            except pa.ArrowInvalid:
                self._met = None
        old = array.indices.fill_null(0).to_numpy() if array.null_count else array.indices.to_numpy()
        known = array.indices.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
        present = old if known is None else old[known]
        count = len(array.dictionary)
        if len(present) and not 0 <= int(present.min()) <= int(present.max()) < count:
            raise pa.ArrowInvalid(f"{self._name}: a value is numbered beyond the {count} of the dictionary")
        if self._met is not None and self._met.all():
            return array
        used = np.flatnonzero(np.bincount(present, minlength=count))
        if self._met is not None:
            self._met[used] = True
        first = np.full(count, len(present), np.int64)
        first[present[::-1]] = np.arange(len(present) - 1, -1, -1)
        used = used[np.argsort(first[used], kind="stable")]
        number = np.zeros(max(count, 1), np.int32)
        number[used] = np.arange(len(used), dtype=np.int32)
        indices = pa.array(number[old], mask=None if known is None else ~known)
        return pa.DictionaryArray.from_arrays(indices, array.dictionary.take(pa.array(used)))


def open_parquet(file: IO[bytes], words: list[str] | None = None) -> pq.ParquetFile:
    """Open Parquet after looking at what it states of itself; raises the refusals of this module.

    The columns named in `words` are read as dictionaries.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - 4))
    if file.read(4) != _PARQUET_MAGIC:
        raise TruncatedFile("The Parquet file has no end mark: its last part is missing.", {"sizeBytes": size})
    file.seek(0)
    with _named_faults("Parquet"):
        parquet = pq.ParquetFile(
            file,
            read_dictionary=words,
            pre_buffer=False,
            buffer_size=1 << 20,
            page_checksum_verification=True,
            memory_map=False,
        )
    check_parquet(parquet.metadata, size)
    return parquet


def check_parquet(metadata: pq.FileMetaData, size: int) -> None:
    """Refuse by stated numbers: TooManyColumns, RowGroupTooLarge, FileDamaged for impossible ones."""
    if metadata.num_columns > MAX_COLUMNS:
        details = {"columns": metadata.num_columns, "limit": MAX_COLUMNS}
        raise TooManyColumns(f"The file has {metadata.num_columns:,} columns.", details)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if metadata.num_rows < 0 or sum(group.num_rows for group in groups) != metadata.num_rows:
        raise FileDamaged("The Parquet footer contradicts itself about its rows.", {"statedRows": metadata.num_rows})
    largest = max((group.total_byte_size for group in groups), default=0)
    if largest > MAX_GROUP_BYTES:
        details = {"bytes": largest, "limit": MAX_GROUP_BYTES}
        raise RowGroupTooLarge(f"A row group states {largest:,} bytes.", details)
    if metadata.num_rows > 1_000_000 and metadata.num_rows > MAX_ROWS_PER_BYTE * size:
        details = {"rows": metadata.num_rows, "sizeBytes": size}
        raise RowGroupTooLarge(f"{metadata.num_rows:,} rows in {size:,} bytes is no market data.", details)


def read_arrow(file: IO[bytes], plan: dict[str, Any]) -> Iterator[RawBatch]:
    """Yield RawBatches of an IPC file, an IPC stream, or Feather v2 (which is an IPC file)."""
    with _named_faults("Arrow"):
        schema, batches, _ = open_arrow(file)
        if len(schema) > MAX_COLUMNS:
            raise TooManyColumns(f"The file has {len(schema):,} columns.", {"columns": len(schema)})
        names = schema.names
        wanted = {target: targets.index_of(column, names) for target, column in targets.columns_of(plan).items()}
        at = 0
        for batch in batches:
            # By number, for two columns may bear one name.
            part = pa.RecordBatch.from_arrays([batch.column(index) for index in wanted.values()], list(wanted))
            for start in range(0, part.num_rows, BATCH_ROWS):
                piece = part.slice(start, BATCH_ROWS)
                yield _batch(piece, {target: target for target in wanted}, at)
                at += piece.num_rows


def open_arrow(file: IO[bytes]) -> tuple[pa.Schema, Iterator[pa.RecordBatch], int | None]:
    """Return the schema, the batches and for a file the rows it states; TruncatedFile without its end mark."""
    file.seek(0)
    if file.read(6) != _ARROW_MAGIC:
        file.seek(0)
        with _named_faults("Arrow"):
            stream = pa.ipc.open_stream(file)
        return stream.schema, iter(stream), None
    size = file.seek(0, 2)
    file.seek(max(0, size - 6))
    if file.read(6) != _ARROW_MAGIC or size < 20:
        raise TruncatedFile("The Arrow file has no end mark: its last part is missing.", {"sizeBytes": size})
    file.seek(0)
    with _named_faults("Arrow"):
        reader = pa.ipc.open_file(file)
        rows = reader.count_rows()
    return reader.schema, (reader.get_batch(number) for number in range(reader.num_record_batches)), rows


def _batch(batch: pa.RecordBatch, names: dict[str, str], at: int) -> RawBatch:
    batch.validate(full=True)
    columns = {target: batch.column(name) for target, name in names.items()}
    return RawBatch(columns, np.arange(at, at + batch.num_rows, dtype=np.int64))


@contextmanager
def _named_faults(what: str) -> Iterator[None]:
    try:
        yield
    except (
        pa.ArrowInvalid,
        pa.ArrowKeyError,
        pa.ArrowIndexError,
        pa.ArrowTypeError,
        pa.ArrowSerializationError,
    ) as fault:
        raise _fault(what, fault) from fault
    except (pa.ArrowNotImplementedError, OSError, UnicodeDecodeError) as fault:
        raise _fault(what, fault) from fault


def _fault(what: str, fault: Exception) -> FileDamaged | TruncatedFile:
    words = str(fault).splitlines()[0][:300] if str(fault) else type(fault).__name__
    early = any(each in words for each in ("Expected to be able to read", "Expected to read", "Unexpected end", "EOF"))
    kind = TruncatedFile if early else FileDamaged
    return kind(f"The {what} file cannot be read: {words}", {"reason": words})
