"""Takes a sample of columns from the head of a file of any format, for the sniffer."""

from __future__ import annotations

import bz2
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, Any

import numpy as np
import pyarrow as pa

from datasets.formats import columnar, dialects, jsontext, streams, texts
from datasets.formats.errors import FileDamaged, FileEmpty, JsonInvalid, RecordsNotFound, TooManyColumns, TruncatedFile
from datasets.formats.instants import Clock
from datasets.formats.jsonscan import Scanner
from datasets.formats.samples import Column
from datasets.formats.values import in_python
from tradenexus.errors import ProblemError

SAMPLE_ROWS = 200
# A key that names an instrument, not a part of an answer.
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9./:_-]{0,30}")


@dataclass
class Table:
    """A sample: its columns, whether they have names, what the format is (`found`), rows if they are known."""

    columns: list[Column]
    named: bool
    found: dict[str, Any]
    rows: int | None = None
    seen_rows: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)


class Gapped(io.RawIOBase):
    """A file of which only head and tail are known; reading between them is an OSError, or zeros while `lenient`."""

    # A footer is read with some bytes before it, which do not matter.
    lenient = False

    def __init__(self, head: bytes, tail: bytes, size: int):
        super().__init__()
        self._head, self._tail, self._size, self._at = head, tail, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size is None or size < 0 else min(self._at + size, self._size)
        start, self._at = self._at, end
        if end <= len(self._head):
            return self._head[start:end]
        if start >= self._size - len(self._tail):
            begin = self._size - len(self._tail)
            return self._tail[start - begin : end - begin]
        if self.lenient and end == self._size:
            return b"\0" * (end - start - len(self._tail)) + self._tail
        raise OSError("this part of the file is not here yet")


def of_text(data: bytes, whole: bool, overrides: Mapping[str, Any]) -> Table:
    """Return the sample of CSV, JSON lines or JSON text; `whole` when `data` is the file to its end."""
    encoding = overrides.get("encoding") or texts.guess_encoding(data)
    pieces = texts.utf8([data[: _even(data, encoding)]], encoding)
    # The last character may be cut; no more of the text is needed.
    text = b"".join(_until_fault(pieces)).decode("utf-8", "replace")
    texts.refuse_html(text[:4096].encode())
    first = text.lstrip("\ufeff \r\n\t")[:1]
    if first in ("{", "[") and overrides.get("format") in (None, "json", "jsonl"):
        table = _of_json(text, whole, overrides)
    else:
        table = _of_csv(text, whole, overrides)
    table.found["encoding"] = encoding
    return table


def of_columnar(form: str, file: IO[bytes], head: bytes, filename: str) -> Table:
    """Return the sample of a Parquet or Arrow file; where its values are out of reach, names and types alone."""
    if form == "arrow" and filename.lower().split(".gz")[0].endswith((".feather", ".ftr")):
        form = "feather"
    found = {"format": form, "delimiter": None, "quote": None, "header": True, "skipRows": 0, "encoding": None}
    try:
        schema, batch, rows = _parquet(file) if form == "parquet" else _arrow(file, head)
    except (FileDamaged, TruncatedFile):
        if not isinstance(file, Gapped):
            raise
        text = "Its columns stand where only the whole file shows them."
        return Table([], True, found, problems=[{"code": "COLUMNS_OUT_OF_REACH", "text": text}])
    columns = []
    for index, stated in enumerate(schema):
        values = [_plain(value) for value in batch.column(index)] if batch is not None else []
        columns.append(_column(stated.name, index, values, stated.type))
    _mark_twins(columns)
    return Table(columns, True, found, rows, len(columns[0].values) if columns else 0)


def unpacked_head(head: bytes, limit: int) -> tuple[bytes, int]:
    """Return up to `limit` bytes of what a packed head holds, however it ends, and how many packed bytes they took."""
    found, at = b"", 0
    packing = streams.packing(head)
    step = 1 << 12
    try:
        if packing == "zstd":
            with pa.CompressedInputStream(pa.BufferReader(head), "zstd") as stream:
                while len(found) < limit and (piece := stream.read(step)):
                    found += piece
            return found, len(head)
        unpacker = _unpacker(packing)
        while at < len(head) and len(found) < limit:
            found += unpacker.decompress(head[at : at + step], limit)
            at += step
            if unpacker.eof:
                # Another member may follow, such as a header that was packed by itself.
                at = min(at, len(head)) - len(unpacker.unused_data)
                if streams.packing(head[at : at + 4]) != packing:
                    break
                unpacker = _unpacker(packing)
    except (OSError, zlib.error):
        return found, min(at, len(head))
    return found, min(at, len(head))


def _unpacker(packing: str | None) -> Any:
    return zlib.decompressobj(wbits=31) if packing == "gzip" else bz2.BZ2Decompressor()


def last_value(table: Table, tail: bytes, column: Column) -> str | None:
    """Return the column's value in the last record of an unpacked CSV, None when it cannot be told."""
    found = table.found
    if found["format"] != "csv" or found.get("compression") or found["encoding"] not in ("utf-8", "cp1252"):
        return None
    lines = [line for line in tail.decode("utf-8", "replace").splitlines() if line.strip()]
    if not lines:
        return None
    record = next(dialects.delimited.split(lines[-1], found["delimiter"], found["quote"]), [])
    return record[column.index] if len(record) == len(table.columns) else None


def steps(column: Column) -> list[int]:
    """Return the positive steps in nanoseconds between sampled times, forward or backward."""
    if column.time is None or not column.filled:
        return []
    plan = {"timezone": "UTC", "dateOrder": column.time.get("dateOrder") or "dmy"}
    try:
        times = Clock(plan).convert(pa.array(column.filled), np.arange(len(column.filled)))
    except ProblemError:
        return []
    good = np.array([at not in times.reasons for at in range(len(times.ns))], dtype=bool)
    return [step for step in np.abs(np.diff(times.ns[good])).tolist() if step > 0]


def _of_csv(text: str, whole: bool, overrides: Mapping[str, Any]) -> Table:
    if not whole and "\n" in text:
        text = text[: text.rfind("\n") + 1]
    header, quote = overrides.get("header"), overrides.get("quote")
    dialect = dialects.guess(text, overrides.get("delimiter"), header, quote)
    if not dialect.rows and (whole or not dialect.names):
        raise FileEmpty("The file holds no records.")
    if dialect.width > columnar.MAX_COLUMNS:
        details = {"columns": dialect.width, "limit": columnar.MAX_COLUMNS}
        raise TooManyColumns(f"The file has {dialect.width:,} columns.", details)
    columns = [
        _column(name, index, [row[index] or None for row in dialect.rows[:SAMPLE_ROWS]], None)
        for index, name in enumerate(dialect.names)
    ]
    _mark_twins(columns)
    found = {
        "format": "csv",
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "header": dialect.header,
        "skipRows": dialect.skip_rows,
        "width": dialect.width,
    }
    lines = text.count("\n") + (not text.endswith("\n"))
    return Table(columns, dialect.header, found, None, max(0, lines - dialect.header), dialect.problems)


def _of_json(text: str, whole: bool, overrides: Mapping[str, Any]) -> Table:
    found: dict[str, Any] = {"delimiter": None, "quote": None, "skipRows": 0}
    lines = [line for line in text.splitlines() if line.strip()]
    if overrides.get("format") != "json" and _are_lines(lines):
        usable = lines if whole else lines[:-1] or lines
        records = [record for record in map(_loaded, usable[:SAMPLE_ROWS]) if isinstance(record, (dict, list))]
        return _of_records(records, {**found, "format": "jsonl"}, len(usable))
    place: tuple[str, ...] | None = None
    records, seen, twins = [], 0, False
    for path, record in _some_records(text):
        place = path if place is None else place
        if len(path) != len(place) or path[:-1] != place[:-1]:
            continue
        seen += 1
        if len(records) < SAMPLE_ROWS and path == place:
            records.append(record)
        twins = twins or (path != place and jsontext.shape(record) == jsontext.shape(records[0]))
    if place is None:
        raise RecordsNotFound("There is no array of objects or arrays in this JSON.")
    # {"bars": {"AAPL": [...], "MSFT": [...]}} or without "bars": the key under which an array stands is a column.
    keyed = bool(place) and (twins or _SYMBOL.fullmatch(place[-1]) is not None)
    found |= {"format": "json", "recordsPath": [*place[:-1], "*"] if keyed else list(place)}
    return _of_records(records, found, seen, place[-1] if keyed else None)


def _of_records(records: list[Any], found: dict[str, Any], seen: int, key: str | None = None) -> Table:
    flat = [jsontext.flatten(record) for record in records]
    names = list(dict.fromkeys(name for record in flat for name in record))
    named = any(isinstance(record, dict) for record in records)
    columns = []
    for index, name in enumerate(names):
        values = [record.get(name) for record in flat]
        columns.append(_column(name, index, [_written(value) for value in values], None))
    if key is not None:
        columns.append(Column(jsontext.KEY, len(columns), [key] * len(records), extra={"key": True}))
    return Table(columns, named, {**found, "header": named}, None, seen)


def _some_records(text: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    try:
        for record in Scanner([text.encode()]).records():
            if isinstance(record.value, (dict, list)):
                yield record.path, record.value
    except TruncatedFile:
        # A head ends in the middle by nature.
        return


def _are_lines(lines: list[str]) -> bool:
    if not isinstance(_loaded(lines[0]), (dict, list)):
        return False
    if len(lines) == 1:
        return lines[0].lstrip().startswith("{") and not _holds_records(_loaded(lines[0]))
    return isinstance(_loaded(lines[1]), (dict, list)) or lines[1].lstrip()[:1] in ("{", "[")


def _holds_records(value: Any) -> bool:
    """Tell whether an array of records stands anywhere inside, as in the answers of most vendors."""
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], (dict, list))
    return isinstance(value, dict) and any(map(_holds_records, value.values()))


def _loaded(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _parquet(file: IO[bytes]) -> tuple[pa.Schema, pa.RecordBatch | None, int]:
    if isinstance(file, Gapped):
        file.lenient = True
        parquet = columnar.open_parquet(file)
        file.lenient = False
    else:
        parquet = columnar.open_parquet(file)
    batch = None
    try:
        batch = next(parquet.iter_batches(SAMPLE_ROWS, use_threads=False), None)
    except (OSError, pa.ArrowException):
        # From a head and a tail alone the values may be out of reach.
        batch = None
    return parquet.schema_arrow, batch, parquet.metadata.num_rows


def _arrow(file: IO[bytes], head: bytes) -> tuple[pa.Schema, pa.RecordBatch | None, int | None]:
    if isinstance(file, Gapped):
        # An IPC file is a stream between two marks: the schema stands at its beginning.
        file = io.BytesIO(head[8:] if head.startswith(b"ARROW1") else head)
    schema, batches, rows = columnar.open_arrow(file)
    try:
        batch = next(batches, None)
    except (OSError, pa.ArrowException):
        return schema, None, None
    return schema, batch.slice(0, SAMPLE_ROWS) if batch is not None else None, rows


def _column(name: str, index: int, values: list[str | None], stated: pa.DataType | None) -> Column:
    extra = {"unnamed": True} if not name.strip() else {}
    return Column(name, index, values, stated, extra=extra)


def _mark_twins(columns: list[Column]) -> None:
    names = Counter(column.name for column in columns)
    for column in columns:
        if names[column.name] > 1:
            column.extra["twin"] = True


def _plain(value: pa.Scalar) -> str | None:
    if not value.is_valid:
        return None
    if pa.types.is_timestamp(value.type):
        text = in_python(value.cast(pa.timestamp("ns", tz=value.type.tz)).cast(pa.timestamp("ns")))
        return f"{text}Z" if value.type.tz else text
    if pa.types.is_duration(value.type):
        return json.dumps(str(in_python(value)))
    return _written(in_python(value))


def _written(value: Any) -> str | None:
    if value is None:
        return None
    return str(value) if isinstance(value, (str, Decimal)) else json.dumps(value, default=str)


def _even(data: bytes, encoding: str) -> int:
    unit = 4 if "32" in encoding else 2 if "16" in encoding else 1
    return len(data) - len(data) % unit


def _until_fault(pieces: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except (JsonInvalid, ProblemError):
        return
