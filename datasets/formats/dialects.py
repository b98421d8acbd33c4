"""Guesses how delimited text is written: delimiter, quotes, lines to skip, header, width."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass

from datasets.formats import delimited, samples

# In order of preference: a comma may be a decimal sign between semicolons, a blank stands inside many times.
DELIMITERS = ("\t", ";", "|", ",", " ")
_SAMPLE_LINES = 300
_SURE = 0.9
_WORD = re.compile(r"[A-Za-z_]")


@dataclass
class Dialect:
    """How the text is written; `rows` are the sampled records after the header, `names` its cells (or numbers)."""

    delimiter: str
    quote: str | None
    skip_rows: int
    header: bool
    width: int
    names: list[str]
    rows: list[list[str]]
    problems: list[dict[str, str]]


def guess(text: str, delimiter: str | None = None, header: bool | None = None, quote: str | None = None) -> Dialect:
    """Return the dialect of `text` (whole lines); what is given is taken for true."""
    quote = '"' if quote is None else quote or None
    lines = [line for line in text.splitlines() if line.strip("\r\n")][:_SAMPLE_LINES]
    sample = "\n".join(lines)
    chosen = delimiter or _delimiter(sample, quote)
    records = _records(sample, chosen, quote)
    width = Counter(len(record) for record in records).most_common(1)[0][0] if records else 0
    skip = _preamble(records, width)
    records = records[skip:]
    headed = _has_header(records) if header is None else header
    names = [name.strip() for name in records[0]] if headed and records else [str(number) for number in range(width)]
    width = max(width, len(names))
    names += [f"column {number + 1}" for number in range(len(names), width)]
    rows = [record for record in records[1 if headed else 0 :] if len(record) == width]
    problems = _problems(records, headed, width, rows)
    return Dialect(chosen, quote, skip, headed, width, names, rows, problems)


def _delimiter(sample: str, quote: str | None) -> str:
    best, most = ",", 0.0
    for each in DELIMITERS:
        records = _records(sample, each, quote)
        if not records:
            continue
        width, count = Counter(len(record) for record in records).most_common(1)[0]
        share = count / len(records)
        if width > 1 and share >= _SURE and (each != " " or most == 0):
            return each
        if width > 1 and share > most and each != " ":
            best, most = each, share
    return best


def _records(sample: str, delimiter: str, quote: str | None) -> list[list[str]]:
    if delimiter == " ":
        sample = re.sub(" {2,}", " ", sample)
    try:
        return [record for record in delimited.split(sample, delimiter, quote) if record]
    except csv.Error:
        return [line.split(delimiter) for line in sample.splitlines()]


def _preamble(records: list[list[str]], width: int) -> int:
    """Return how many records stand before the first that is as wide as most: comments, a title."""
    at = next((number for number, record in enumerate(records) if len(record) == width), 0)
    if at and len(records[at - 1]) == width - 1 and not any(_is_value(cell) for cell in records[at - 1]):
        # One name short: a header over an index column or a closing delimiter.
        return at - 1
    while at < len(records) and width > 1 and records[at][0].lstrip().startswith("#") and at + 1 < len(records):
        after = [_is_value(cell) for cell in records[at + 1]]
        if any(after):
            break
        at += 1
    return at


def _has_header(records: list[list[str]]) -> bool:
    if not records:
        return False
    first = [cell.strip() for cell in records[0]]
    if any(_is_value(cell) for cell in first):
        return False
    if not any(_WORD.search(cell) for cell in first):
        return False
    if len(records) == 1:
        return True
    return any(_is_value(cell) for record in records[1:4] for cell in record) or len(set(first)) == len(first)


def _is_value(cell: str) -> bool:
    column = samples.Column("", 0, [cell])
    return column.type in ("integer", "number", "time", "date")


def _problems(records: list[list[str]], headed: bool, width: int, rows: list[list[str]]) -> list[dict[str, str]]:
    found = []
    ragged = sum(len(record) != width for record in records)
    if ragged:
        found.append(
            {"code": "RAGGED_ROW", "text": f"{ragged} of the first {len(records)} records are not {width} wide."}
        )
    if (
        headed
        and rows
        and not any(_is_value(cell) for cell in rows[0])
        and any(_is_value(c) for r in rows[1:3] for c in r)
    ):
        found.append({"code": "HEADER_REPEATED", "text": "The second record looks like another header."})
    if width == 1:
        found.append({"code": "SINGLE_COLUMN", "text": "Only one column was found; is the delimiter another one?"})
    return found
