"""Hostile and awkward files, each with the verdict that is documented for it.

A verdict is the version's state, and either the code of the refusal or what each check found, in the place where it
must say it: row (from 0), line (from 1) and value.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BAD = "validation_failed"
AT = 1_700_000_000


@dataclass(frozen=True)
class Case:
    """A file, what is said about it, and what must come of it."""

    content: bytes | Callable[[], bytes]
    status: str = BAD
    code: str | tuple[str, ...] = ""
    # check -> (row, line, what the value shown contains) of its first samples
    finds: dict[str, list[tuple[int, int | None, str]]] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    filename: str = "t.csv"
    # prices that must be in the sealed rows, by instrument
    prices: dict[str, list[float]] | None = None

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.content() if callable(self.content) else self.content


def trades(*bad: str, named: bool = False, good: int = 400) -> bytes:
    """Return a good file with `bad` rows after its first five (rows 5.., lines 7..); `named`: with a symbol column."""
    head, name = ("time,price,size,symbol", ",X") if named else ("time,price,size", "")
    rows = [f"{AT + at},{100 + at % 7 / 8},1{name}" for at in range(good)]
    return "\n".join([head, *rows[:5], *bad, *rows[5:]]).encode() + b"\n"


def quotes(*bad: str) -> bytes:
    """Return good quotes with `bad` rows after the first five."""
    rows = [f"{AT + at},{100 + at % 7 / 8},1,{101 + at % 7 / 8},2" for at in range(400)]
    return "\n".join(["time,bid,bid_size,ask,ask_size", *rows[:5], *bad, *rows[5:]]).encode() + b"\n"


def bars(*bad: str) -> bytes:
    """Return good one-minute bars whose minutes 5.. are `bad` (open,high,low,close,volume)."""
    rows = [f"{10 + at % 3 / 8},12,9,11,{1 + at % 5}" for at in range(400)]
    rows[5 : 5 + len(bad)] = bad
    stamped = [f"{AT // 60 * 60 + 60 * at},{row}" for at, row in enumerate(rows)]
    return "\n".join(["time,open,high,low,close,volume", *stamped]).encode() + b"\n"


def parquet(table: pa.Table, **options: Any) -> bytes:
    """Return a table as a Parquet file."""
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def small() -> bytes:
    """Return an honest Parquet file of 400 trades, pages stored plain."""
    prices = 100 + np.arange(400) % 7 / 8
    table = pa.table({"time": np.arange(400) + AT, "price": prices, "size": np.ones(400)})
    return parquet(table, use_dictionary=False, compression="none")


def lying() -> bytes:
    """Return the honest file with a minimum of the prices' statistics that is not true."""
    data, low = small(), struct.pack("<d", 100.0)
    at = data.rfind(low)
    assert at > len(data) // 2  # in the footer, not in a page
    return data[:at] + struct.pack("<d", 100.5) + data[at + 8 :]


def constant_bomb() -> bytes:
    """Return 12 million equal rows in less than a megabyte."""
    table = pa.table({"time": pa.repeat(AT, 12_000_000), "price": pa.repeat(1, 12_000_000).cast(pa.int8())})
    return parquet(table, compression="zstd", row_group_size=12_000_000, data_page_size=1 << 30)


def dictionary_bomb() -> bytes:
    """Return 20,000 rows that all point to one text of a megabyte."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * (1 << 20)])
    columns = {
        "time": pa.repeat(AT, 20_000),
        "price": pa.repeat(1.0, 20_000),
        "size": pa.repeat(1.0, 20_000),
        "symbol": texts,
    }
    return parquet(pa.table(columns), compression="zstd", dictionary_pagesize_limit=1 << 22)


def wrong_crc() -> bytes:
    """Return a gzip file whose checksum is not that of its bytes."""
    data = bytearray(gzip.compress(trades()))
    data[-6] ^= 1
    return bytes(data)


def packed_lines(pack: Callable[[bytes], bytes] = gzip.compress) -> bytes:
    """Return 100 MB of equal lines in a few hundred kilobytes, the header packed by itself."""
    return pack(b"time,price,size\n") + pack(f"{AT},100,1\n".encode() * 600_000) * 10


def mixed_in() -> bytes:
    """Return times in seconds with one of each other unit among the first."""
    return trades(*(f"{AT * scale},100,1" for scale in (1, 10**3, 10**6, 10**9)))


def mixed_late() -> bytes:
    """Return times in seconds with one in milliseconds behind all that a sniff looks at."""
    return trades(*(f"{AT + at},100,1" for at in range(300)), f"{AT}000,100,1")


def wide() -> bytes:
    """Return a table of 20,000 columns."""
    return parquet(pa.table({f"c{number}": [1] for number in range(20_000)}))


def wide_text() -> bytes:
    """Return a CSV of 20,000 columns."""
    names = ",".join(f"c{number}" for number in range(20_000))
    return f"time,price,size,{names}\n{AT},1,1,{names}\n".encode()


def symbols(*names: str) -> bytes:
    """Return two trades of each symbol."""
    rows = [f"{AT + at},{number + 1},1,{name}" for at in range(2) for number, name in enumerate(names)]
    return "\n".join(["time,price,size,symbol", *rows]).encode() + b"\n"


def local(*times: str) -> bytes:
    """Return trades at given local times."""
    return "\n".join(["time,price,size", *(f"{text},100,1" for text in times)]).encode() + b"\n"


SPRING = [f"2024-03-10 {hour:02d}:{minute:02d}:00" for hour in (0, 1, 3, 4) for minute in range(60)]
AUTUMN = [f"2024-11-03 {hour:02d}:{minute:02d}:00" for hour in (0, 2, 3, 4) for minute in range(60)]
NEW_YORK = {"timezone": "America/New_York"}
HTML = b"<!DOCTYPE html>\n<html><body><h1>Please sign in</h1></body></html>"
EVIL_NAMES = (
    "../../etc/passwd",
    "'; DROP TABLE datasets_dataset; --",
    "<img src=x onerror=alert(1)>",
    "=1+1",
    "@SUM(A1)",
    "+1",
    "-1",
    "a b",
    "%2e%2e%2f",
    "e\u0301\u202e",
    "x" * 128,
)
