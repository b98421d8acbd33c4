"""The lake as it stands, for programs that know nothing of this one: which files hold what, and views over them.

`segments.jsonl` has one line a file: table, instrument, path, rows, first and last time, SHA-256. `views.sql` has
one DuckDB view a table over exactly these files. A file that a later commit replaces stays as long as revisions are
kept, so that who holds an older list still reads what it lists, all of one moment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from datasets.exports.views import text_of
from datasets.models import LakeMember
from datasets.storage import blobs

_HEAD = """-- Views over the lake as it stood at {at}, for DuckDB 1.x:  duckdb -init views.sql
-- Each view names its files; nothing here writes. `WHERE instrument = ...` reads the files of that instrument alone.
"""


@dataclass(frozen=True)
class Held:
    """One file of the lake; `path` is absolute, or s3://bucket/key; times are ns UTC of the first and last row."""

    table: str
    instrument: str
    path: str
    rows: int
    first_ns: int
    last_ns: int
    sha256: str


def held(tenant_id: UUID) -> list[Held]:
    """Return the files of the newest revision of every entry, by table, instrument and time; one moment's."""
    rows = LakeMember.objects.filter(entry__tenant_id=tenant_id, until_revision=None)
    named = ("entry__table", "entry__instrument", "segment__key", "segment__rows", "t0_ns", "t1_ns", "segment__sha256")
    ordered = rows.order_by("entry__table", "entry__instrument", "span_start_ns").values_list(*named)
    return [Held(table, name, blobs.address(key), *told) for table, name, key, *told in ordered.iterator()]


def lines(files: list[Held]) -> bytes:
    """Return segments.jsonl."""
    return b"".join(json.dumps(asdict(each), separators=(",", ":")).encode() + b"\n" for each in files)


def sql(files: list[Held], at: datetime) -> bytes:
    """Return views.sql of the lake at a time."""
    parts = [_HEAD.format(at=f"{at:%Y-%m-%d %H:%M:%S} UTC")]
    for table, some in groupby(files, lambda each: each.table):
        parts.append(f'CREATE OR REPLACE VIEW "{table}" AS\n' + "\nUNION ALL BY NAME\n".join(_selects(some)) + ";\n")
    return "\n".join(parts).encode()


def _selects(files: Iterator[Held]) -> Iterator[str]:
    # One an instrument: a condition on its constant leaves the files of the others unread.
    for name, some in groupby(files, lambda each: each.instrument):
        paths = ",\n    ".join(text_of(each.path) for each in some)
        read = f"read_parquet([\n    {paths}\n], hive_partitioning = false, union_by_name = true)"
        yield f"SELECT {text_of(name)} AS instrument, * FROM {read}"  # noqa: S608 - quoted; nothing here runs it
