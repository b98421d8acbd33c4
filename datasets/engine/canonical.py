"""Writes canonical Parquet: one file, one instrument, the settings of the format, the same bytes for the same rows.

Row groups are cut by row count alone, so how the rows were batched never shows in the file. The sha256 is taken of the
bytes as they pass, not by a second read. Durability (fsync, rename) is the storage's affair.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.market import schemas

_TAIL = 1 << 16  # where a footer usually lies whole


@dataclass(frozen=True)
class Written:
    """What stands in a finished file; `t0_ns` and `t1_ns` are the first and last ts_event, None without rows."""

    path: str
    rows: int
    size_bytes: int
    sha256: str
    t0_ns: int | None
    t1_ns: int | None


class _HashingFile:
    """A write-only file that digests what passes through it, open only while a row group is put to disk.

    Thousands of instruments may be written at once, more than a child may have open files.
    """

    def __init__(self, path: Path):
        self._path = path
        self._held: list[bytes] = []
        self._digest = hashlib.sha256()
        self.size = 0
        self.closed = False
        path.open("wb").close()

    def write(self, data: bytes) -> int:
        self._held.append(data)
        self.size += len(data)
        return len(data)

    def put(self) -> None:
        """Write what came since the last time."""
        data, self._held = b"".join(self._held), []
        self._digest.update(data)
        with self._path.open("ab", buffering=0) as file:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        pass

    def close(self) -> None:
        if not self.closed:
            self.put()
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class CanonicalWriter:
    """Takes tables of one form, in order; `close()` returns what was written."""

    def __init__(self, path: str | Path, form: schemas.Form, metadata: dict[str, str]):
        self._path, self._schema = Path(path), form.schema
        self._group_rows = form.group_rows
        self._file = _HashingFile(self._path)
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._file, mode="w"),
            self._schema,
            **schemas.writer_options(self._schema),
        )
        # Not through the schema: without Arrow's own blob its metadata would not reach the file.
        self._writer.add_key_value_metadata(dict(sorted(metadata.items())))
        self._held: list[pa.Table] = []
        self._held_rows = 0
        self._rows = 0
        self._t0: int | None = None
        self._t1: int | None = None

    def __enter__(self) -> CanonicalWriter:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._file.closed:
            self.close()

    @property
    def held_rows(self) -> int:
        """Rows taken but not yet in the file (at most one row group)."""
        return self._held_rows

    def write(self, table: pa.Table) -> None:
        """Take rows of the canonical schema, in canonical order; another schema is refused by Arrow."""
        if table.num_rows == 0:
            return
        rows = table.select(self._schema.names)
        self._held.append(rows if rows.schema.equals(self._schema) else rows.cast(self._schema))
        self._held_rows += table.num_rows
        if self._held_rows >= self._group_rows:
            self._flush(whole_groups_only=True)

    def close(self) -> Written:
        """Write what is held and the footer; return rows, size, sha256 and first and last time."""
        self._flush(whole_groups_only=False)
        self._writer.close()
        self._file.close()
        return Written(str(self._path), self._rows, self._file.size, self._file.hexdigest(), self._t0, self._t1)

    def _flush(self, whole_groups_only: bool) -> None:
        if not self._held:
            return
        table = pa.concat_tables(self._held)
        limit = self._held_rows - self._held_rows % self._group_rows if whole_groups_only else self._held_rows
        for start in range(0, limit, self._group_rows):
            # One contiguous chunk a group: page and dictionary borders then depend on the rows alone.
            group = table.slice(start, min(self._group_rows, limit - start)).combine_chunks()
            self._writer.write_table(group, row_group_size=self._group_rows)
            self._file.put()
            self._note(group)
        rest = table.slice(limit)
        self._held, self._held_rows = ([rest] if rest.num_rows else []), rest.num_rows

    def _note(self, group: pa.Table) -> None:
        times = group.column("ts_event")
        if self._t0 is None:
            self._t0 = _ns(times[0])
        self._t1 = _ns(times[-1])
        self._rows += group.num_rows


def footer_of(handle: BinaryIO) -> tuple[int, str]:
    """Return a file's size and the SHA-256 of its Parquet footer, "" where there is none."""
    size = handle.seek(0, io.SEEK_END)
    handle.seek(max(0, size - _TAIL))
    tail = _all_of(handle, min(size, _TAIL))
    if size < 12 or tail[-4:] != b"PAR1":
        return size, ""
    length = int.from_bytes(tail[-8:-4], "little") + 8
    if length > size:
        return size, ""
    if length > len(tail):
        handle.seek(size - length)
        tail = _all_of(handle, length)
    return size, hashlib.sha256(tail[-length:]).hexdigest()


def _all_of(handle: BinaryIO, count: int) -> bytes:
    data = bytearray()
    while len(data) < count and (more := handle.read(count - len(data))):
        data += more
    return bytes(data)


def writer(path: str | Path, kind: str, metadata: dict[str, str]) -> CanonicalWriter:
    """Open `path` for rows of `kind`; `metadata` comes from `schemas.metadata`. Use as a context or close it."""
    return CanonicalWriter(path, schemas.form(kind), metadata)


def _ns(value: pa.Scalar) -> int:
    return value.cast(pa.int64()).as_py()
