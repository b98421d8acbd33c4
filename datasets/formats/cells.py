"""Converts columns of any source type to canonical ones, cell by cell: what cannot be converted is marked, not raised.

Every function returns (array, bad): `bad` is a boolean array of the cells that hold something wrong, or None when all
are right. An empty cell is not wrong here; whether it may be empty is the mapper's affair.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.formats.errors import ColumnTypeUnsupported
from datasets.market.kinds import BUY, SELL
from datasets.market.schemas import SYMBOL_TYPE

Converted = tuple[pa.Array, np.ndarray | None]

# Spellings of "nothing here" in a column of numbers; NaN is a number and stays one.
NOTHING = ("", "null", "none", "na", "n/a", "-", "--", "\\n", "#n/a", ".")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?([nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)$"
_BUYS = ("buy", "b", "bid", "bought", "1", "+1", "long", "buyer")
_SELLS = ("sell", "s", "ask", "a", "sold", "-1", "short", "seller", "offer")
_FEW = 4096  # words that are remembered
_TRUE, _FALSE = ("true", "t", "1", "yes", "y"), ("false", "f", "0", "no", "n")


def numbers(array: pa.Array, decimal: str = ".") -> Converted:
    """Convert to float64. Text may have blanks around it; `decimal` is `.` or `,`."""
    array = plain(array)
    kind = array.type
    if pa.types.is_decimal(kind):
        # By way of its digits: Arrow's own cast is off by the last bit for one value in four.
        return array.cast(pa.string()).cast(pa.float64()), None
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return array.cast(pa.float64(), safe=False), None
    if pa.types.is_null(kind):
        return array.cast(pa.float64()), None
    if not is_text(kind):
        return pa.nulls(len(array), pa.float64()), present(array)
    text = _blanked(array)
    if decimal == ",":
        text = pc.replace_substring(text, ",", ".")
    fits = pc.match_substring_regex(text, _NUMBER)
    bad = _flags(pc.invert(fits))
    # Arrow reads "nan" and "inf" in any case, but not with a plus before them.
    return cast_or_null(pc.utf8_ltrim(pc.if_else(fits, text, None), "+"), pa.float64())[0], _any(bad)


def integers(array: pa.Array) -> Converted:
    """Convert to int64; a float with a fraction, or an integer beyond 64 bits, is wrong."""
    array = plain(array)
    kind = array.type
    if pa.types.is_null(kind) or kind == pa.int64():
        return array.cast(pa.int64()), None
    if pa.types.is_floating(kind):
        array = pc.if_else(pc.is_nan(array), None, array)
    return cast_or_null(_blanked(array) if is_text(kind) else array, pa.int64())


def texts(array: pa.Array) -> Converted:
    """Convert to string: `1E5`, `0001`, `TRUE` and `NA` stay as they are; blanks around are taken off."""
    array = plain(array)
    if pa.types.is_boolean(array.type):
        return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string()), None
    text = pc.utf8_trim_whitespace(array.cast(pa.string()))
    return text, _any(_flags(unclean(text)))


class Memo:
    """What the words of one column were converted to: batch after batch has the same few."""

    def __init__(self) -> None:
        self._known: dict[str | None, tuple[object, bool]] = {}
        self._kind: pa.DataType | None = None

    def convert(self, words: pa.Array, convert: Callable[[pa.Array], Converted]) -> Converted:
        """Return what `convert` says of each word; asked once a word unless there are very many."""
        if len(words) > _FEW or not pa.types.is_string(words.type):
            return convert(words)
        texts = words.to_pylist()
        fresh = [word for word in dict.fromkeys(texts) if word not in self._known]
        if len(self._known) + len(fresh) > _FEW:
            return convert(words)
        if fresh or self._kind is None:
            values, wrong = convert(pa.array(fresh, words.type))
            flags = [False] * len(fresh) if wrong is None else wrong.tolist()
            self._known.update(zip(fresh, zip(values.to_pylist(), flags, strict=True), strict=True))
            self._kind = values.type
        found = [self._known[word] for word in texts]
        return pa.array([value for value, _ in found], self._kind), np.array([bad for _, bad in found], bool)


def symbols(array: pa.Array, memo: Memo | None = None) -> Converted:
    """Convert to a dictionary of names, each kept as it is written; empty ones become null."""
    if not pa.types.is_dictionary(array.type):
        array = texts(array)[0].dictionary_encode()
    names, wrong = (memo or Memo()).convert(array.dictionary.cast(pa.string()), _name)
    assert wrong is not None
    empty = _flags(pc.equal(names, ""))
    indices = array.indices
    if empty.any():
        indices = pc.if_else(pc.is_in(indices, pa.array(np.flatnonzero(empty)).cast(indices.type)), None, indices)
    bad = wrong[np.asarray(indices.fill_null(0))] & _flags(indices.is_valid()) if wrong.any() else None
    return pa.DictionaryArray.from_arrays(indices.cast(pa.int32()), names).cast(SYMBOL_TYPE), bad


def longer_than(names: pa.DictionaryArray, characters: int) -> np.ndarray | None:
    """Return which rows have a name of more characters than that, None when no name is so long."""
    long = _flags(pc.greater(pc.utf8_length(names.dictionary), characters))
    if not long.any():
        return None
    return long[np.asarray(names.indices.fill_null(0))] & _flags(names.is_valid())


def _name(words: pa.Array) -> Converted:
    names = pc.utf8_trim_whitespace(words)
    return names, _flags(unclean(names))


def sides(array: pa.Array, inverted: bool = False, memo: Memo | None = None) -> Converted:
    """Convert words such as buy, sell, bid, ask, 1, -1 to int8 1 and -1; `inverted` when they name the maker."""
    buy, sell = (SELL, BUY) if inverted else (BUY, SELL)
    meaning = {**dict.fromkeys(_BUYS, buy), **dict.fromkeys(_SELLS, sell)}
    return _each_word_once(array, lambda words: _chosen(_words(words), meaning), memo)


def sides_of_maker(array: pa.Array, memo: Memo | None = None) -> Converted:
    """Convert "the buyer was the maker" to the taker's side: true is a sell, false is a buy."""
    if pa.types.is_boolean(array.type):
        return pc.if_else(plain(array), pa.scalar(SELL, pa.int8()), pa.scalar(BUY, pa.int8())), None
    meaning = {**dict.fromkeys(_TRUE, SELL), **dict.fromkeys(_FALSE, BUY)}
    return _each_word_once(array, lambda words: _chosen(_words(words), meaning), memo)


def cast_or_null(array: pa.Array, kind: pa.DataType) -> Converted:
    """Cast, and where a value refuses make it null and mark it; halves are tried until the bad cells stand alone."""
    try:
        return array.cast(kind), None
    except pa.ArrowInvalid:
        if len(array) == 1:
            return pa.nulls(1, kind), np.array([True])
    half = len(array) // 2
    parts = [cast_or_null(part, kind) for part in (array.slice(0, half), array.slice(half))]
    flags = [np.zeros(len(part), dtype=bool) if bad is None else bad for part, bad in parts]
    return pa.concat_arrays([part for part, _ in parts]), np.concatenate(flags)


def plain(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return one array without chunks, dictionaries or views."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_nested(array.type):
        raise ColumnTypeUnsupported(f"A column of type {array.type} cannot be mapped.", {"type": str(array.type)})
    return array


def is_text(kind: pa.DataType) -> bool:
    """Tell whether the type holds text."""
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def present(array: pa.Array) -> np.ndarray:
    """Return which cells hold something."""
    return _flags(array.is_valid())


def unclean(text: pa.Array) -> pa.Array:
    """Return which texts hold a zero byte or the mark of bytes that were no text."""
    return pc.or_(pc.match_substring(text, "\x00"), pc.match_substring(text, "\ufffd"))


def _blanked(array: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(array.cast(pa.string()))
    return pc.if_else(pc.is_in(pc.utf8_lower(text), pa.array(NOTHING)), None, text)


def _each_word_once(
    array: pa.Array | pa.ChunkedArray, convert: Callable[[pa.Array], Converted], memo: Memo | None
) -> Converted:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    if is_text(array.type):
        array = array.dictionary_encode()
    if not pa.types.is_dictionary(array.type):
        return convert(array)
    values, wrong = (memo or Memo()).convert(array.dictionary, convert)
    found = pc.take(values, array.indices)
    if wrong is None or not wrong.any():
        return found, None
    return found, _any(wrong[np.asarray(array.indices.fill_null(0))] & _flags(array.indices.is_valid()))


def _words(array: pa.Array) -> pa.Array:
    array = plain(array)
    if pa.types.is_floating(array.type):
        array = cast_or_null(array, pa.int64())[0]
    return pc.utf8_lower(_blanked(array))


def _chosen(words: pa.Array, meaning: dict[str, int]) -> Converted:
    at = pc.index_in(words, pa.array(list(meaning)))
    values = pc.take(pa.array(list(meaning.values()), pa.int8()), at)
    return values, _any(_flags(pc.and_(words.is_valid(), at.is_null())))


def _flags(array: pa.Array) -> np.ndarray:
    return np.asarray(array.fill_null(False)).astype(bool, copy=False)


def _any(bad: np.ndarray) -> np.ndarray | None:
    return bad if bad.any() else None
