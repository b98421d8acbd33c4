"""Price files of symbols: the check of an uploaded CSV, and reading stored ones back row by row.

A file is UTF-8 text with one header row; timestamps are `YYYY-MM-DD HH:MM:SS` UTC and ascending, so that their text
order is their time order. Rows are read one at a time: memory does not grow with the file. No numpy here.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

PRICES = ("open", "high", "low", "close")
REQUIRED = ("timestamp", *PRICES)
FIELDS = (*REQUIRED, "volume")
FREQUENCIES = {"1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14400, "1d": 86400}
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", re.ASCII)
_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_LINE_MAX = 65_536


class TapeRefused(Exception):
    """The file is not a price file as Lona takes it; the message names the line and what is wrong there."""


@dataclass(frozen=True)
class Extent:
    """What a checked file holds: number of bars, first and last timestamp as written."""

    rows: int
    start: str
    end: str


def check(path: Path, mapping: Mapping[str, str], min_rows: int, equal_timestamps: bool) -> Extent:
    """Read the whole file once; raises TapeRefused at the first line that does not fit."""
    rows, first, last = 0, "", ""
    try:
        for line, values in _records(path, mapping):
            _check_values(line, values)
            if rows and (values[0] < last or (values[0] == last and not equal_timestamps)):
                raise TapeRefused(f"line {line}: timestamp {values[0]} is not after {last}; rows must ascend")
            first, last, rows = first or values[0], values[0], rows + 1
    except UnicodeDecodeError:
        raise TapeRefused("the file is not UTF-8") from None
    except csv.Error as error:
        raise TapeRefused(f"the file is not a readable CSV: {error}") from None
    if rows < min_rows:
        raise TapeRefused(f"{rows} rows; at least {min_rows} are required")
    return Extent(rows, first, last)


def bars(path: Path, mapping: Mapping[str, str], start: str = "", end: str = "~") -> Iterator[Sequence[str]]:
    """Yield (timestamp, open, high, low, close[, volume]) as text for start <= timestamp < end (text order)."""
    for _, values in _records(path, mapping):
        if values[0] >= end:
            return
        if values[0] >= start:
            yield values


def json_rows(path: Path, mapping: Mapping[str, str], iso: bool) -> Iterator[str]:
    """Yield each bar as one JSON object with the digits of the file; an empty or absent volume is null."""
    for values in bars(path, mapping):
        stamp = values[0].replace(" ", "T") + "Z" if iso else values[0]
        volume = values[5] if len(values) > 5 else ""
        cells = [
            f'"{name}":{_json_number(text)}' for name, text in zip(FIELDS[1:], (*values[1:5], volume), strict=True)
        ]
        yield f'{{"timestamp":{json.dumps(stamp)},{",".join(cells)}}}'


def _records(path: Path, mapping: Mapping[str, str]) -> Iterator[tuple[int, Sequence[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(_bounded(file), strict=True)
        header = next(reader, None)
        if not header:
            raise TapeRefused("the file is empty")
        places = _places(header, mapping)
        for record in reader:
            if len(record) != len(header):
                raise TapeRefused(f"line {reader.line_num}: {len(record)} cells where the header has {len(header)}")
            yield reader.line_num, [record[place] for place in places]


def _bounded(file: TextIO) -> Iterator[str]:
    while line := file.readline(_LINE_MAX):
        if len(line) == _LINE_MAX:
            raise TapeRefused(f"a line is longer than {_LINE_MAX} characters")
        yield line


def _places(header: list[str], mapping: Mapping[str, str]) -> list[int]:
    if len(set(header)) != len(header):
        raise TapeRefused(f"line 1: a column name is there twice: {', '.join(header)[:200]}")
    wanted = [mapping[name] for name in FIELDS if name in mapping]
    missing = [column for column in wanted if column not in header]
    if missing:
        raise TapeRefused(f"line 1: no column {', '.join(missing)[:200]} in the header {', '.join(header)[:200]}")
    return [header.index(column) for column in wanted]


def _check_values(line: int, values: Sequence[str]) -> None:
    if not _is_timestamp(values[0]):
        raise TapeRefused(f"line {line}: timestamp {values[0][:40]!r} is not YYYY-MM-DD HH:MM:SS")
    for name, text in zip(FIELDS[1:], values[1:], strict=False):
        if not (_is_number(text) or (name == "volume" and text == "")):
            raise TapeRefused(f"line {line}: {name} {text[:40]!r} is not a finite number")


def _is_timestamp(text: str) -> bool:
    if not _TIMESTAMP.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        return text.isascii() and "_" not in text and math.isfinite(float(text))
    except ValueError:
        return False


def _json_number(text: str) -> str:
    if _JSON_NUMBER.fullmatch(text):
        return text
    return repr(float(text)) if text else "null"
