"""Finds records of JSON text in which an object has a name twice: parsers keep the last value without a word.

Colons after quotation marks are counted and compared with the names that came out, which costs next to nothing; only
where the numbers differ is a record parsed again with an eye on its names.
"""

from __future__ import annotations

import json
from typing import Any


class Repeated(str):
    """The name that a record has twice; it stands in the record's place."""


class _FoundTwice(Exception):
    """An object has this name twice; only raised and caught here."""


def names(value: Any) -> int:
    """Return how many names the objects in a value have together."""
    if type(value) is dict:
        return len(value) + sum(names(each) for each in value.values() if type(each) is dict or type(each) is list)
    return sum(map(names, value)) if type(value) is list else 0


def checked(text: str | bytes, value: Any) -> Any:
    """Return the value parsed from `text`, or the name that it has twice."""
    colons = text.count(b'":') if isinstance(text, bytes) else text.count('":')
    if colons == names(value):
        return value
    try:
        json.loads(text, object_pairs_hook=_once)
    except _FoundTwice as found:
        return Repeated(found.args[0])
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        given = [name for name, _ in pairs]
        raise _FoundTwice(next(name for name in given if given.count(name) > 1))
    return found
