"""Turns bytes of any declared or marked encoding into UTF-8 pieces: byte order marks, UTF-16, old Mac line ends."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from datasets.formats.errors import EncodingInvalid, HtmlNotData

# UTF-32's mark begins with UTF-16's: the longer first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HTML = re.compile(rb"\s*(<!doctype\s+html|<html|<head|<body|<\?xml[^>]*>\s*<html|<!--.*?-->\s*<(!doctype|html))", re.I)


def mark(head: bytes) -> tuple[str | None, int]:
    """Return the encoding that a byte order mark names and the mark's length, or (None, 0)."""
    return next(((name, len(bom)) for bom, name in _MARKS if head.startswith(bom)), (None, 0))


def guess_encoding(head: bytes) -> str:
    """Return the encoding of `head`: by its mark, by zeros at every other place, UTF-8 if valid, else cp1252."""
    named, _ = mark(head)
    if named:
        return named
    sample = head[:4096]
    if len(sample) >= 8:
        half = len(sample) // 2
        if sample[1::2].count(0) > half * 0.7 and sample[::2].count(0) < half * 0.1:
            return "utf-16-le"
        if sample[::2].count(0) > half * 0.7 and sample[1::2].count(0) < half * 0.1:
            return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def refuse_html(head: bytes) -> None:
    """Raise HtmlNotData when the text begins as a web page does."""
    if _HTML.match(head[:2048]):
        raise HtmlNotData("This is a web page, not data.", {"begins": head[:80].decode("utf-8", "replace")})


def utf8(pieces: Iterable[bytes], encoding: str | None) -> Iterator[bytes]:
    """Yield the text as UTF-8 with `\\n` line ends kept or made of lone `\\r`. EncodingInvalid for impossible UTF-16.

    UTF-8 is passed on unchecked: a reader finds invalid bytes cell by cell. A mark wins over `encoding`.
    """
    decoder: codecs.IncrementalDecoder | None = None
    macintosh = first = True
    for piece in pieces:
        if first:
            named, length = mark(piece)
            name = named or encoding or "utf-8"
            piece = piece[length:]
            if codecs.lookup(name).name not in ("utf-8", "ascii"):
                decoder = codecs.getincrementaldecoder(name)()
        if decoder:
            piece = _decode(decoder, piece, False)
        if first:
            macintosh = b"\r" in piece and b"\n" not in piece
            first = False
        yield piece.replace(b"\r", b"\n") if macintosh else piece
    if decoder:
        yield _decode(decoder, b"", True)


def _decode(decoder: codecs.IncrementalDecoder, piece: bytes, last: bool) -> bytes:
    try:
        return decoder.decode(piece, last).encode("utf-8")
    except UnicodeError as fault:
        raise EncodingInvalid(f"The text is not what its encoding says: {fault}.") from fault
