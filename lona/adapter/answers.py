"""What Lona stored, read back: `/symbols/{id}/data` or the file it points to, as rows, range and digest [pure].

The bytes come from outside, so this runs in the capped child. JSON arrays (bare or under "data"), CSV with a header and
Parquet are understood; rows are digested in the order given, so an answer in another order differs from what was sent.
"""

import csv
import itertools
import json
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from lona import errors
from lona.adapter.digest import NS, Emit, SliceDigest

READ_CHARS = 1 << 20
BATCH_ROWS = 20_000
# Epoch numbers tell their unit by magnitude: 10 digits are seconds until the year 2286, 13 ms, 16 us, 19 ns.
UNITS = ((100_000_000_000, NS), (100_000_000_000_000, 1_000_000), (100_000_000_000_000_000, 1_000))


def digest_answer(params: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Digest the rows in the file `path`: {rows, firstNs, lastNs, contentHash}; `has_volume` says if volume was sent.

    LONA_ANSWER_UNREADABLE when the bytes are none of the known forms or a row lacks a value.
    """
    digest = SliceDigest(bool(params["has_volume"]))
    rows, first, last = 0, None, None
    for batch in _batched(read_rows(params["path"])):
        times = _take(digest, batch)
        first, last, rows = times[0] if first is None else first, times[-1], rows + len(times)
        emit({"phase": "reading back", "done": rows, "total": params.get("rows"), "unit": "rows"})
    return {"rows": rows, "firstNs": first, "lastNs": last, "contentHash": digest.hexdigest()}


def _batched(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    try:
        while batch := list(itertools.islice(rows, BATCH_ROWS)):
            yield batch
    except (csv.Error, ValueError) as problem:  # not UTF-8, a broken Parquet file, an endless field
        raise errors.LonaAnswerUnreadable("the answer cannot be read", {"reason": str(problem)[:80]}) from None


def read_rows(path: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of an answer file as {timestamp, open, ...} with values as the file has them."""
    with Path(path).open("rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"PAR1"):
        yield from _parquet_rows(path)
        return
    with Path(path).open(encoding="utf-8-sig", newline="") as text:
        yield from _json_rows(text) if head[:1] in (b"[", b"{") else _csv_rows(text)


def instant_ns(value: Any) -> int:
    """Read a time as UTC nanoseconds: text (naive means UTC), an epoch number by magnitude, or a datetime."""
    if isinstance(value, str) and not value.lstrip("-").isdigit():
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise _bad_time(value) from None
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(moment.replace(microsecond=0).timestamp()) * NS + moment.microsecond * 1000
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise _bad_time(value) from None
    return number * next((factor for limit, factor in UNITS if abs(number) < limit), 1)


def _bad_time(value: Any) -> errors.LonaAnswerUnreadable:
    return errors.LonaAnswerUnreadable("a timestamp of the answer cannot be read", {"value": str(value)[:40]})


def _take(digest: SliceDigest, batch: list[dict[str, Any]]) -> list[int]:
    try:
        times = [instant_ns(row["timestamp"]) for row in batch]
        digest.add(times, {name: [float(row[name]) for row in batch] for name in digest.columns})
    except (KeyError, TypeError, ValueError) as problem:
        raise errors.LonaAnswerUnreadable("a row of the answer lacks a value", {"reason": str(problem)[:80]}) from None
    return times


def _csv_rows(text: TextIO) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(text)
    if "timestamp" not in (reader.fieldnames or ()):
        raise errors.LonaAnswerUnreadable("the answer is neither a list of rows nor a CSV with a timestamp column")
    yield from reader


def _parquet_rows(path: str) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            yield from _in_microseconds(batch).to_pylist()


def _in_microseconds(batch: Any) -> Any:
    """Cut times of nanoseconds to what Python's own can hold; bars open on whole seconds."""
    import pyarrow as pa

    for at, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            cut = batch.column(at).cast(pa.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(at, field.name, cut)
    return batch


def _json_rows(text: TextIO) -> Iterator[dict[str, Any]]:
    """Decode one element at a time: an answer of a million bars is never one Python list."""
    decoder, buffer, done = json.JSONDecoder(), _opened(text), False
    while not done:
        buffer, done = yield from _elements(decoder, buffer)
        if done:
            return
        more = text.read(READ_CHARS)
        if not more or len(buffer) > 4 * READ_CHARS:  # an element never is this long
            raise errors.LonaAnswerUnreadable("the answer ends in the middle")
        buffer += more


def _opened(text: TextIO) -> str:
    """Read up to and past the bracket that opens the array; a `{"data": [` wrapper is stepped over."""
    head = text.read(READ_CHARS)
    start = head.find("[")
    wrapper = head[:start].replace(" ", "").replace("\n", "") if start >= 0 else "no array"
    if wrapper not in ("", '{"data":'):
        raise errors.LonaAnswerUnreadable("the answer is not a list of rows", {"starts": head[:80]})
    return head[start + 1 :]


def _elements(decoder: json.JSONDecoder, buffer: str) -> Generator[dict[str, Any], None, tuple[str, bool]]:
    at = 0
    while True:
        while at < len(buffer) and buffer[at] in " \t\r\n,":
            at += 1
        if at < len(buffer) and buffer[at] == "]":
            return buffer[at:], True
        try:
            row, end = decoder.raw_decode(buffer, at)
        except ValueError:
            return buffer[at:], False  # cut in the middle of an element: read on
        if not isinstance(row, dict):
            raise errors.LonaAnswerUnreadable("a row of the answer is not an object")
        yield row
        at = end
