"""Typed ids: `<prefix>_<32 hex of a UUIDv7>`. The column holds the UUID; the prefix is checked at the border."""

from __future__ import annotations

import os
import re
import time
from uuid import UUID

_FORM = re.compile(r"([a-z]{2,4})_([0-9a-f]{32})")


def uuid7() -> UUID:
    """Return a time-ordered UUID, version 7 (RFC 9562, section 5.7: 48 bits of Unix milliseconds, then random bits)."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def encode(prefix: str, value: UUID) -> str:
    """Return the id as people and clients see it, e.g. `ds_0198…`."""
    return f"{prefix}_{value.hex}"


def decode(prefix: str, text: str) -> UUID:
    """Return the UUID behind a typed id; ValueError when the form or the prefix is wrong."""
    match = _FORM.fullmatch(text)
    if match is None or match.group(1) != prefix:
        raise ValueError(f"not an id of the form {prefix}_<32 hex digits>: {text[:64]!r}")
    return UUID(hex=match.group(2))
