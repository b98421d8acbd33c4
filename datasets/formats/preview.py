"""The first rows of a file as validation would read them: the same readers and the same plan, on the head alone.

Values come as text exactly as they will be stored (times in UTC with the digits they have); rows that cannot be read
come as rejects. What only the whole file shows is said in `note`, not guessed.
"""

from __future__ import annotations

import io
from typing import IO, Any

import numpy as np
import pyarrow as pa

from datasets.formats import readers, streams, tables
from datasets.formats.batches import MappedBatch, Reject
from datasets.formats.errors import FileDamaged, TruncatedFile
from datasets.market.kinds import BARS, SYMBOL
from tradenexus.errors import ProblemError

ROWS = 50
BLOCK_BYTES = 1 << 16
_UNPACKED_BYTES = 1 << 20
_TAIL_BYTES = 1 << 16
_COLUMNAR = ("parquet", "arrow", "feather")
_SIDES = {1: "buy", -1: "sell"}


def preview(head: bytes, tail: bytes, size_bytes: int, plan: dict[str, Any], limit: int = ROWS) -> dict[str, Any]:
    """Return {columns, rows: [{row, line, values}], rejects: [{row, line, column, value, reason}], first, last, note}.

    At most `limit` records, rejects among them. A fault that the head's cut end explains is no fault; another one is
    told in `note`, and validation will name it again.
    """
    file, whole = _source(head, tail, size_bytes, plan)
    seen = _Seen(limit)
    note = ""
    try:
        for batch in readers.mapped_batches(file, plan, BLOCK_BYTES):
            if seen.take(batch):
                break
    except (FileDamaged, TruncatedFile) as error:
        note = error.message if whole else ""
    except ProblemError as error:
        note = error.message
    if not whole and not seen.full:
        seen.drop_last()  # its end is cut off
    if not seen.rows and not seen.rejects and not note:
        note = "The rows of this file can only be read when all of it is here; they are shown after the transfer."
    ends = tail or head[-_TAIL_BYTES:]
    return {**seen.answer(plan, note), "last": _last(head, ends, plan)}


def _last(head: bytes, tail: bytes, plan: dict[str, Any]) -> str | None:
    """Return the time of the last record, read from the end of unpacked text; None where it cannot be told so."""
    if plan["format"] != "csv" or streams.packing(head) or plan.get("encoding") not in (None, "utf-8", "cp1252"):
        return None
    start = head.split(b"\n", 1 + int(plan.get("skipRows") or 0))[: int(plan.get("skipRows") or 0) + 1]
    lines = [line for line in tail.split(b"\n") if line.strip()]
    if not lines or not plan.get("header"):
        start = start[:-1]
    seen = _Seen(1)
    try:
        for batch in readers.mapped_batches(io.BytesIO(b"\n".join([*start, *lines[-1:], b""])), plan):
            seen.take(batch)
    except ProblemError:
        return None
    return seen.rows[0]["values"][0] if seen.rows else None


def _source(head: bytes, tail: bytes, size_bytes: int, plan: dict[str, Any]) -> tuple[IO[bytes], bool]:
    whole = len(head) >= size_bytes
    if plan["format"] in _COLUMNAR:
        if whole:
            return io.BytesIO(head), True
        gapped: Any = tables.Gapped(head, tail, size_bytes)
        gapped.lenient = True  # the footer is read with zeros before it; rows are checked by their own pages
        return gapped, False
    if streams.packing(head):
        data, _ = tables.unpacked_head(head, _UNPACKED_BYTES)
        return io.BytesIO(data), whole and len(data) < _UNPACKED_BYTES
    return io.BytesIO(head), whole


class _Seen:
    """Rows and rejects up to the limit, in file order."""

    def __init__(self, limit: int):
        self.limit = limit
        self.full = False
        self.rows: list[dict[str, Any]] = []
        self.rejects: list[Reject] = []
        self.names: list[str] = []

    def take(self, batch: MappedBatch) -> bool:
        """Take a batch; True when no more is wanted."""
        self.names = batch.table.column_names
        texts = [_texts(batch.table.column(name).slice(0, self.limit), name) for name in self.names]
        lines = batch.line
        for at in range(min(batch.table.num_rows, self.limit)):
            line = None if lines is None else int(lines[at])
            values = [column[at] for column in texts]
            self.rows.append({"row": int(batch.row[at]), "line": line, "values": values})
        self.rejects += batch.rejects[: 4 * self.limit]
        last = max([each["row"] for each in self.rows] + [each.row for each in self.rejects], default=-1)
        self.full = last >= self.limit
        return self.full

    def drop_last(self) -> None:
        """Leave out the last record."""
        last = max([each["row"] for each in self.rows] + [each.row for each in self.rejects], default=-1)
        self._cut(last)

    def _cut(self, end: int) -> None:
        self.rows = [each for each in self.rows if each["row"] < end]
        self.rejects = [each for each in self.rejects if each.row < end]

    def answer(self, plan: dict[str, Any], note: str) -> dict[str, Any]:
        """Return what was seen, columns that hold nothing left out."""
        self._cut(self.limit)
        kept = [at for at, name in enumerate(self.names) if self._shown(at, name, plan)]
        for each in self.rows:
            each["values"] = [each["values"][at] for at in kept]
        return {
            "kind": plan["kind"],
            "columns": [self.names[at] for at in kept],
            "rows": self.rows,
            "rejects": [_reject(each) for each in self.rejects],
            "first": self.rows[0]["values"][0] if self.rows else None,
            "note": note,
        }

    def _shown(self, at: int, name: str, plan: dict[str, Any]) -> bool:
        if name == "filled" and plan["kind"] == BARS:
            return False
        return name in ("ts_event", SYMBOL) or any(each["values"][at] is not None for each in self.rows)


def _reject(reject: Reject) -> dict[str, Any]:
    return {
        "row": reject.row,
        "line": reject.line,
        "column": reject.column,
        "value": reject.value,
        "reason": reject.reason_code,
    }


def _texts(column: pa.ChunkedArray, name: str) -> list[str | None]:
    if pa.types.is_timestamp(column.type):
        stamps = column.cast(pa.int64()).to_pylist()
        return [None if each is None else _instant(each) for each in stamps]
    values = column.to_pylist()
    if name == "side":
        return [_SIDES.get(each) for each in values]
    return [_text(each) for each in values]


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, float):
        return repr(value).removesuffix(".0") if abs(value) < 1e16 else repr(value)
    return str(value)


def _instant(ns: int) -> str:
    """Return a time as ISO text in UTC, the fraction in as many groups of three digits as it needs."""
    whole, fraction = str(np.datetime64(ns, "ns")).split(".")
    while fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{whole.replace('T', ' ')}{'.' + fraction if fraction else ''}Z"
