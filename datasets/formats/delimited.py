"""Reads delimited text: blocks of whole records, each parsed with the mapped columns typed.

When a block does not parse that way it is read again as text, so that only the cells that are wrong cost anything.
Records with too few or too many fields, and a header that comes again, are rejected by line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from datasets.formats import blocks, targets
from datasets.formats.batches import VALUE_CHARS, Reject
from datasets.formats.blocks import Block
from datasets.formats.errors import FileEmpty, TooManyColumns
from datasets.formats.mapper import RawBatch
from datasets.market.kinds import SYMBOL

MAX_COLUMNS = 4096
_TEXT = pa.string()
_NAMES = pa.dictionary(pa.int32(), pa.string())
_NUMBERS = {"price", "size", "bid", "bid_size", "ask", "ask_size", "open", "high", "low", "close", "volume"}
_TIMES = {
    "epoch": pa.int64(),
    "iso_offset": pa.timestamp("ns", tz="UTC"),
    "iso_naive": pa.timestamp("ns"),
}


class Delimited:
    """Reads the UTF-8 pieces of one file as `plan` says; iterating gives RawBatches."""

    def __init__(self, pieces: Iterable[bytes], plan: dict[str, Any], block_bytes: int):
        self._plan = plan
        self._delimiter: str = plan.get("delimiter") or ","
        self._quote: str | None = plan.get("quote", '"') or None
        self._decimal = plan.get("decimal") or "."
        self._blocks = blocks.cut(pieces, self._quote, block_bytes)
        self._names: list[str] = []
        self._at: dict[str, int] = {}
        self._row = 0

    def __iter__(self) -> Iterator[RawBatch]:
        for number, block in enumerate(self._blocks):
            if number == 0:
                block = self._begin(block)
            if block.data:
                yield self._read(block)
        if not self._row:
            raise FileEmpty("The file holds no records.")

    def _begin(self, block: Block) -> Block:
        """Take the lines to skip and the header off the first block; learn names and width."""
        starts, lines = blocks.begins(block, self._quote)
        skip = int(self._plan.get("skipRows") or 0)
        starts, lines = starts[skip:], lines[skip:]
        if len(starts) == 0:
            raise FileEmpty("The file holds no records.")
        end = int(starts[1]) if len(starts) > 1 else len(block.data)
        fields = self._fields(block.data[int(starts[0]) : end])
        if len(fields) > MAX_COLUMNS:
            raise TooManyColumns(
                f"The file has {len(fields):,} columns.", {"columns": len(fields), "limit": MAX_COLUMNS}
            )
        header = bool(self._plan.get("header", True))
        self._names = fields if header else [str(number) for number in range(len(fields))]
        # A header may be one field short of the records: an index column without a name, or a closing delimiter.
        width = int(self._plan.get("width") or len(self._names))
        self._names += [f"column {number + 1}" for number in range(len(self._names), width)]
        mapping = targets.columns_of(self._plan)
        if SYMBOL in mapping and self._plan.get("symbol") and mapping[SYMBOL] is None:
            mapping.pop(SYMBOL)
        self._at = {target: targets.index_of(column, self._names) for target, column in mapping.items()}
        if not header:
            return blocks.whole(block.data[int(starts[0]) :], int(lines[0]))
        after = int(lines[1]) if len(lines) > 1 else int(lines[0]) + 1
        return blocks.whole(block.data[end:], after)

    def _read(self, block: Block) -> RawBatch:
        data = re.sub(rb" {2,}", b" ", block.data) if self._delimiter == " " else block.data
        bad: list[pacsv.InvalidRow] = []
        table = None
        if b"\0" not in data and self._decimal == ".":
            table = self._typed(data, bad)
        if table is None:
            bad.clear()
            table = self._parse(data, dict.fromkeys(self._at.values(), _TEXT), bad)
        lines = blocks.lines_of(block, self._quote, table.num_rows + len(bad))
        return self._batch(table, lines, bad)

    def _typed(self, data: bytes, bad: list[pacsv.InvalidRow]) -> pa.Table | None:
        try:
            return self._parse(data, {self._at[target]: self._type(target) for target in self._at}, bad)
        except pa.ArrowInvalid:
            return None

    def _parse(self, data: bytes, types: dict[int, pa.DataType], bad: list[pacsv.InvalidRow]) -> pa.Table:
        def skip(row: pacsv.InvalidRow) -> str:
            bad.append(row)
            return "skip"

        wanted = sorted(types)
        text = all(kind == _TEXT for kind in types.values())
        if text:
            data = data.decode("utf-8", "replace").encode()
        return pacsv.read_csv(
            pa.BufferReader(data),
            # Names are our numbers: two columns of the file may bear the same name.
            pacsv.ReadOptions(
                use_threads=False,
                block_size=len(data) + 1,
                column_names=[str(number) for number in range(len(self._names))],
            ),
            pacsv.ParseOptions(
                delimiter=self._delimiter,
                quote_char=self._quote or False,
                double_quote=self._quote is not None,
                newlines_in_values=self._quote is not None and self._quote.encode() in data,
                invalid_row_handler=skip,
            ),
            pacsv.ConvertOptions(
                include_columns=[str(number) for number in wanted],
                column_types={str(number): types[number] for number in wanted},
                null_values=[""],
                strings_can_be_null=False,
            ),
        )

    def _type(self, target: str) -> pa.DataType:
        if target == targets.TIME and targets.CLOCK not in self._at:
            return _TIMES.get(self._plan.get("timestampFormat") or "", _TEXT)
        if target in _NUMBERS:
            return pa.float64()
        if target in ("sequence", "trades") or (target == "trade_id" and self._plan.get("integerIds")):
            return pa.int64()
        return _NAMES if target in (SYMBOL, "side", targets.MAKER) else _TEXT

    def _batch(self, table: pa.Table, lines: np.ndarray, bad: list[pacsv.InvalidRow]) -> RawBatch:
        count = table.num_rows + len(bad)
        row = np.arange(self._row, self._row + count, dtype=np.int64)
        self._row += count
        rejects: list[Reject] = []
        kept = np.ones(count, dtype=bool)
        for each in bad:
            at = each.number - 1
            kept[at] = False
            rejects.append(Reject(int(row[at]), int(lines[at]), None, (each.text or "")[:VALUE_CHARS], "RAGGED_ROW"))
        columns = {target: table.column(str(at)).combine_chunks() for target, at in self._at.items()}
        batch = RawBatch(columns, row[kept], lines[kept], rejects)
        return self._without_headers(batch) if self._plan.get("header", True) else batch

    def _without_headers(self, batch: RawBatch) -> RawBatch:
        """Reject records that are the header again: every mapped cell is the name of its column."""
        again = np.ones(len(batch.row), dtype=bool)
        for target, array in batch.columns.items():
            if array.type != _TEXT:
                if target == targets.TIME or not pa.types.is_dictionary(array.type):
                    return batch
                array = array.dictionary_decode()
            again &= np.asarray(pa.compute.equal(array, self._names[self._at[target]]).fill_null(False)).astype(bool)
        if not again.any():
            return batch
        assert batch.line is not None
        value = self._delimiter.join(self._names)[:VALUE_CHARS]
        rejects = [
            Reject(int(batch.row[at]), int(batch.line[at]), None, value, "HEADER_REPEATED")
            for at in np.flatnonzero(again)
        ]
        keep = pa.array(~again)
        columns = {target: array.filter(keep) for target, array in batch.columns.items()}
        return RawBatch(columns, batch.row[~again], batch.line[~again], [*batch.rejects, *rejects])

    def _fields(self, record: bytes) -> list[str]:
        text = record.decode("utf-8", "replace").rstrip("\r\n")
        if self._delimiter == " ":
            text = re.sub(" {2,}", " ", text)
        return next(split(text, self._delimiter, self._quote), [""])


def split(text: str, delimiter: str, quote: str | None) -> Iterator[list[str]]:
    """Yield the fields of each record of `text`."""
    quoting: Any = csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE
    csv.field_size_limit(blocks.RECORD_BYTES)
    yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote or None, quoting=quoting)
