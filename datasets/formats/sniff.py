"""Looks at the first bytes of a file and says what it is: format, dialect, columns, kind, mapping, times, questions.

`sniff` works on a head (and tail) alone, as an upload page has them; `sniff_file` also opens columnar files whole. The
answer is JSON; `mapping.plan_from` makes a reading plan of it. Runs inside a capped child.
"""

from __future__ import annotations

import base64
import io
from collections import deque
from collections.abc import Mapping
from typing import IO, Any

from datasets.formats import mapping, proposal, samples, streams, tables
from datasets.formats.errors import FeatherV1Unsupported, FileEmpty, FormatUnsupported, StillPacked, TruncatedFile
from datasets.formats.samples import Column
from datasets.formats.symbols import guess_symbol, name_of
from datasets.formats.tables import Table
from datasets.formats.targets import TIME
from datasets.market.intervals import FrequencyUnsupported, from_ns
from datasets.market.kinds import BARS, SYMBOL

HEAD_BYTES = 1 << 20
TAIL_BYTES = 1 << 16
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
    b"DBN": "a Databento DBN file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\xfd7zXZ": "an xz file",
    b"Rar!": "a RAR archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
}


def sniff(
    head: bytes, tail: bytes | None, filename: str, size_bytes: int, overrides: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what the file is, from its first and last bytes; `overrides` are taken for true (see `mapping`).

    FormatUnsupported (FeatherV1Unsupported, HtmlNotData) names what it is instead; FileEmpty when nothing is there.
    """
    source: Any = io.BytesIO(head) if len(head) >= size_bytes else tables.Gapped(head, tail or b"", size_bytes)
    return _sniff(source, head, tail, filename, size_bytes, overrides or {})


def sniff_file(source: str | int, filename: str = "", overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what the file at a path or descriptor is."""
    with streams.open_raw(source) as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read()
        file.seek(0)
        head = file.read(HEAD_BYTES)
        return _sniff(file, head, tail if size > len(head) else None, filename or str(source), size, overrides or {})


def task(params: dict[str, Any], emit: Any) -> dict[str, Any]:
    """Sniff in a child: params {path} or {headBase64, tailBase64?, sizeBytes}, with filename and overrides."""
    overrides = params.get("overrides")
    if "path" in params:
        return sniff_file(params["path"], params.get("filename", ""), overrides)
    head = base64.b64decode(params["headBase64"])
    tail = base64.b64decode(params["tailBase64"]) if params.get("tailBase64") else None
    return sniff(head, tail, params.get("filename", ""), int(params.get("sizeBytes") or len(head)), overrides)


def format_of(head: bytes) -> str:
    """Return parquet, arrow or text by magic bytes. FormatUnsupported or FeatherV1Unsupported for other binaries."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    if head.startswith(b"FEA1"):
        raise FeatherV1Unsupported("The file is Feather version 1. Write it again as Feather v2, Parquet or CSV.")
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise FormatUnsupported(f"The file is {name}.", {"is": name})
    return "text"


def _sniff(
    file: IO[bytes], head: bytes, tail: bytes | None, filename: str, size: int, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    packed = streams.packing(head)
    data, seen = tables.unpacked_head(head, HEAD_BYTES) if packed else (head, len(head))
    if not data.strip(b"\0 \r\n\t"):
        if packed:
            _refuse_unreadable(head, whole=len(head) >= size)
        raise FileEmpty("The file is empty.", {"sizeBytes": size})
    inner = streams.packing(data) if packed else None
    if inner:
        words = f"After {packed} is unpacked the file is still compressed, with {inner}. Unpack it once and try again."
        raise StillPacked(words, {"compression": [packed, inner]})
    form = format_of(data)
    if form == "text":
        table = tables.of_text(data, whole=len(head) >= size and not packed, overrides=overrides)
    else:
        # Only a whole packed file can be unpacked for random access; from its head alone the schema is what is seen.
        source = streams.seekable(file) if packed and not _is_gapped(file) else file
        table = tables.of_columnar(form, source, data, filename)
    table.found["compression"] = packed
    return _describe(table, tail, filename, size, seen, overrides)


def _refuse_unreadable(head: bytes, whole: bool) -> None:
    """Say why nothing came out of a packed head, when there is more to say than that it is empty."""
    try:
        deque(streams.Unpacked(io.BytesIO(head)), maxlen=0)
    except TruncatedFile:
        if whole:
            raise


def _is_gapped(file: IO[bytes]) -> bool:
    return isinstance(file, tables.Gapped)


def _describe(
    table: Table, tail: bytes | None, filename: str, size: int, seen: int, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    found = proposal.propose(table.columns, table.named, overrides.get("kind"))
    decimal = "," if samples.decimal_comma(table.columns) else "."
    answer = {
        **table.found,
        "decimal": decimal,
        "columns": [column.describe() for column in table.columns],
        "kind": found.kind,
        "kindConfidence": round(found.confidence, 2),
        "mapping": found.mapping,
        "symbol": None if SYMBOL in found.mapping else guess_symbol(filename),
        "rowsEstimate": table.rows if table.rows is not None else _estimate(table, size, seen),
        "questions": found.questions,
        "problems": [*table.problems, *found.problems],
    }
    _ask_symbol(answer, filename)
    # The answers to these depend on what is mapped: worked out by the same code that makes the plan.
    said = mapping.declared(answer, overrides)
    answer["questions"] = mapping.questions(answer, said) if table.columns else []
    answer["timestamp"] = _timestamp(answer, table, tail)
    answer["interval"] = _interval(answer, table.columns) if found.kind == BARS else None
    _note_mixed(answer)
    return answer


def _ask_symbol(answer: dict[str, Any], filename: str) -> None:
    if answer["symbol"] or SYMBOL in answer["mapping"]:
        return
    default = name_of(filename)
    text = "Neither a column nor the file's name tells the instrument. What is it called?"
    asked = {"id": "symbol", "field": "symbol", "text": text, "options": [], "required": False, "default": default}
    answer["questions"].append(asked)


def _estimate(table: Table, size: int, seen: int) -> int | None:
    if not table.seen_rows or not seen:
        return None
    return max(table.seen_rows, int(table.seen_rows / seen * size))


def _timestamp(answer: dict[str, Any], table: Table, tail: bytes | None) -> dict[str, Any] | None:
    mapped = answer["mapping"].get(TIME)
    if mapped is None:
        return None
    column = _column_of(mapped["column"], table.columns)
    time = dict(column.time or {})
    last = tables.last_value(table, tail, column) if tail else None
    if last and column.time:
        ends = Column(column.name, column.index, [column.filled[0], last]).time or {}
        time["last"] = ends.get("last", time.get("last"))
    return {
        "column": mapped["column"],
        "unit": time.get("unit"),
        "zone": time.get("zone"),
        "format": time.get("format"),
        "confidence": mapped["confidence"],
        "reason": mapped["reason"],
        "first": time.get("first"),
        "last": time.get("last"),
    }


def _interval(answer: dict[str, Any], columns: list[Column]) -> str | None:
    """Return the interval of bars: the commonest step between the sampled times of one symbol."""
    mapped = answer["mapping"].get(TIME)
    if mapped is None:
        return None
    steps = tables.steps(_column_of(mapped["column"], columns))
    if not steps:
        return None
    try:
        return from_ns(max(set(steps), key=lambda step: (steps.count(step), -step))).text
    except FrequencyUnsupported:
        return None


def _note_mixed(answer: dict[str, Any]) -> None:
    mapped = answer["mapping"].get(TIME)
    named = [each for each in answer["columns"] if mapped and mapped["column"] in (each["name"], each["index"])]
    time = named[0].get("time") or {} if named else {}
    if time.get("mixed"):
        text = f"The times are in different units: {', '.join(time['mixed'])}."
        answer["problems"].append({"code": "TIMESTAMP_UNITS_MIXED", "text": text})


def _column_of(reference: str | int, columns: list[Column]) -> Column:
    return next(column for column in columns if reference in (proposal.reference(column), column.name))
