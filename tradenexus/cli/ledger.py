"""What this machine was sending: one SQLite row per file and destination in $XDG_STATE_HOME/nexus/transfers.db.

The row is how running the same command again finds the open upload; the server stays the truth about how much
arrived. A lock file per row keeps two runs from sending one file at once; the system drops it when a process dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tradenexus.cli.config import state_dir
from tradenexus.cli.failures import Clash

_TABLE = """CREATE TABLE IF NOT EXISTS transfers (
    identity TEXT PRIMARY KEY, path TEXT NOT NULL, size_bytes INTEGER NOT NULL, server TEXT NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0, upload_id TEXT, upload_url TEXT, dataset_id TEXT, version_id TEXT,
    sha256 TEXT, state TEXT NOT NULL DEFAULT 'open', changed_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)"""
_FIELDS = ("generation", "upload_id", "upload_url", "dataset_id", "version_id", "sha256", "state")


@dataclass
class Entry:
    """One transfer: `state` is open, sent (all bytes there) or done; `generation` counts fresh starts of a file."""

    identity: str
    path: str
    size_bytes: int
    server: str
    generation: int = 0
    upload_id: str | None = None
    upload_url: str | None = None
    dataset_id: str | None = None
    version_id: str | None = None
    sha256: str | None = None
    state: str = "open"

    def key(self, step: str) -> str:
        """Return the Idempotency-Key of a step, the same for every run on this file."""
        return f"cli-{step}-{self.identity[:40]}-{self.generation}"


def identity(server: str, account: str, path: Path, stat: os.stat_result, destination: str) -> str:
    """Return the name of a transfer: who sends which state of which file where."""
    facts = (server, account, str(path.resolve()), stat.st_size, stat.st_mtime_ns, destination)
    return hashlib.sha256("\0".join(map(str, facts)).encode()).hexdigest()


class Ledger:
    """The table of transfers; opens and commits per call, so any number of runs may use it."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or state_dir()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = self.folder / "transfers.db"
        with self._open() as db:
            db.execute(_TABLE)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=30)
        db.row_factory = sqlite3.Row
        try:
            with db:
                yield db
        finally:
            db.close()

    def find(self, identity: str) -> Entry | None:
        """Return the row of an identity."""
        return self._one("identity = ?", identity)

    def find_upload(self, upload_id: str) -> Entry | None:
        """Return the row of an upload of the server."""
        return self._one("upload_id = ?", upload_id)

    def _one(self, where: str, value: str) -> Entry | None:
        columns = ", ".join(("identity", "path", "size_bytes", "server", *_FIELDS))
        with self._open() as db:
            row = db.execute(f"SELECT {columns} FROM transfers WHERE {where}", (value,)).fetchone()  # noqa: S608 - own words
        return Entry(**dict(row)) if row else None

    def save(self, entry: Entry) -> None:
        """Write a row, new or changed."""
        columns = ("identity", "path", "size_bytes", "server", *_FIELDS)
        marks = ", ".join("?" for _ in columns)
        changes = ", ".join(f"{name} = excluded.{name}" for name in _FIELDS)
        with self._open() as db:
            db.execute(
                f"INSERT INTO transfers ({', '.join(columns)}) VALUES ({marks}) "  # noqa: S608 - own words
                f"ON CONFLICT (identity) DO UPDATE SET {changes}, changed_at = CURRENT_TIMESTAMP",
                tuple(getattr(entry, name) for name in columns),
            )

    @contextmanager
    def locked(self, entry: Entry) -> Iterator[None]:
        """Hold the file's lock; Clash when another run has it."""
        with self._lock_file(entry) as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Clash(
                    f"another nexus is sending {entry.path}",
                    code="ALREADY_RUNNING",
                    hint="let it finish, or stop it first",
                ) from None
            stream.truncate(0)
            stream.write(str(os.getpid()))
            stream.flush()
            yield

    def sender(self, entry: Entry) -> int | None:
        """Return the process that is sending this file now, None when there is none."""
        with self._lock_file(entry) as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stream.seek(0)
                told = stream.read()
                return int(told) if told.isdigit() else None
        return None

    def _lock_file(self, entry: Entry) -> TextIO:
        locks = self.folder / "locks"
        locks.mkdir(exist_ok=True, mode=0o700)
        return open(locks / entry.identity[:40], "a+", encoding="utf-8")
