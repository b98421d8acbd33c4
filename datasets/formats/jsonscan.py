"""Walks through JSON text of any length and yields its records one by one, with the place and line of each.

Records are the objects and arrays that are elements of an array; arrays are looked for at the top level and inside
top-level objects, such as {"candles": [...]} or {"bars": {"AAPL": [...]}}. At most one record is held at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from datasets.formats.errors import JsonInvalid, RecordTooLong, TruncatedFile
from datasets.formats.jsonkeys import checked

RECORD_CHARS = 8 << 20
_DEPTH = 4
_BLANK = re.compile(r"[ \t\r\n]*")
_NUMBER_ENDS = re.compile(r"[-+.eE0-9]*\Z")
# What may be left from where the decoder stumbled in text that was cut: a part of a word or a number.
_CUT = re.compile(r"\s*(?:tr?u?|fa?l?s?|nu?l?|-?|\.|[eE][-+]?)\s*")
_DECODER = json.JSONDecoder()


class Record(NamedTuple):
    """One element of an array: the keys that lead to the array, the value and the 1-based line it begins on.

    Only a dict or a list is a record; what else stands in an array is yielded too, so that it can be reported, and
    Repeated for a record in which a name stands twice.
    """

    path: tuple[str, ...]
    value: Any
    line: int


class Scanner:
    """Reads pieces of UTF-8 text; `records()` yields Records in order of the text."""

    def __init__(self, pieces: Iterable[bytes], record_chars: int = RECORD_CHARS):
        self._pieces = iter(pieces)
        self._record_chars = record_chars
        self._tail = b""
        self._text, self._at, self._line, self._ended = "", 0, 1, False
        self._began = 0  # where the last value begins in the text

    def records(self) -> Iterator[Record]:
        """Yield every record. JsonInvalid names the line; TruncatedFile when the text ends inside the JSON."""
        yield from self._inside((), 0)
        if self._peek():
            raise self._invalid("There is more text after the end of the JSON.")

    def _inside(self, path: tuple[str, ...], depth: int) -> Iterator[Record]:
        opened = self._peek()
        if opened == "[":
            yield from self._array(path)
        elif opened == "{" and depth < _DEPTH:
            yield from self._object(path, depth)
        else:
            self._value()

    def _array(self, path: tuple[str, ...]) -> Iterator[Record]:
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return
        while True:
            self._peek()
            line = self._line
            yield Record(path, self._record(), line)
            if self._peek() == "]":
                self._take("]")
                return
            self._take(",")

    def _object(self, path: tuple[str, ...], depth: int) -> Iterator[Record]:
        self._take("{")
        if self._peek() == "}":
            self._take("}")
            return
        while True:
            if self._peek() != '"':
                raise self._invalid("A name in quotes must stand here.")
            name = self._value()
            self._take(":")
            yield from self._inside((*path, name), depth + 1)
            if self._peek() == "}":
                self._take("}")
                return
            self._take(",")

    def _peek(self) -> str:
        """Return the next character that is not blank, "" at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            assert blank
            self._advance(blank.end())
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _take(self, wanted: str) -> None:
        found = self._peek()
        if not found:
            raise TruncatedFile("The JSON ends in the middle.", {"line": self._line})
        if found != wanted:
            raise self._invalid(f"{wanted!r} must stand where {found!r} stands.")
        self._advance(self._at + 1)

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as fault:
                self._wait(fault)
                continue
            except RecursionError as fault:
                raise self._invalid("The JSON is nested too deeply.") from fault
            # A number at the end of what is held may go on in the next piece, also after a point or an e.
            if not isinstance(value, (dict, list, str)) and _NUMBER_ENDS.match(self._text, end) and self._more():
                continue
            self._began = self._at
            self._advance(end)
            return value

    def _record(self) -> Any:
        value = self._value()
        try:
            return checked(self._text[self._began : self._at], value)
        except RecursionError as fault:
            raise self._invalid("The JSON is nested too deeply.") from fault

    def _wait(self, fault: json.JSONDecodeError) -> None:
        held, at = len(self._text) - self._at, fault.pos - self._at
        if held > self._record_chars:
            raise RecordTooLong(f"The record that begins on line {self._line} is too long.", {"line": self._line})
        if self._more():
            return
        in_text = "Unterminated" in fault.msg or ("escape" in fault.msg and len(self._text) - at <= len("u20ac"))
        if in_text or _CUT.fullmatch(self._text, at):
            raise TruncatedFile("The JSON ends in the middle.", {"line": self._line}) from fault
        self._advance(at)
        raise self._invalid(f"{fault.msg}.") from fault

    def _advance(self, to: int) -> None:
        self._line += self._text.count("\n", self._at, to)
        self._at = to

    def _more(self) -> bool:
        if self._ended:
            return False
        piece = next(self._pieces, None)
        if piece is None:
            self._ended, piece = True, b""
        data = self._tail + piece
        # A character may be cut in two by the border of a piece.
        keep = 0 if self._ended else _unfinished(data)
        self._tail = data[len(data) - keep :] if keep else b""
        more = data[: len(data) - keep].decode("utf-8", "replace")
        self._text, self._at = self._text[self._at :] + more, 0
        return bool(more) or not self._ended

    def _invalid(self, words: str) -> JsonInvalid:
        return JsonInvalid(f"Line {self._line}: {words}", {"line": self._line})


def _unfinished(data: bytes) -> int:
    """Return how many bytes at the end belong to a character that is not complete."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:
            return back if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else 0
        if byte < 0x80:
            return 0
    return 0
