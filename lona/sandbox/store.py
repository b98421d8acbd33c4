"""The sandbox's memory: one SQLite file and a folder of CSV files, nothing of the platform's database.

Rows are agents, invites, strategies, symbols and reports; every user-owned row carries `owner` (the agent id, or NULL
for global data). All calls come from the event loop's thread, so a check followed by a write is one step.
WAL with synchronous=FULL: what was answered survives kill -9 and a power cut.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS agent (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL, token_hash TEXT NOT NULL,
    created_at TEXT NOT NULL, expires_at TEXT) STRICT;
CREATE TABLE IF NOT EXISTS invite (
    code_hash TEXT PRIMARY KEY, agent_id TEXT NOT NULL, address TEXT NOT NULL, created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL, used_at TEXT) STRICT;
CREATE TABLE IF NOT EXISTS strategy (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, name TEXT NOT NULL, code TEXT NOT NULL,
    description TEXT NOT NULL, explanation TEXT NOT NULL, version TEXT NOT NULL, language TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS symbol (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT, name TEXT NOT NULL, description TEXT NOT NULL,
    file_name TEXT NOT NULL, file_key TEXT NOT NULL, rows INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
    start_timestamp TEXT NOT NULL, end_timestamp TEXT NOT NULL, frequency TEXT NOT NULL, metadata TEXT NOT NULL,
    created_at TEXT NOT NULL, ready_at TEXT NOT NULL, deleted_at TEXT) STRICT;
CREATE TABLE IF NOT EXISTS report (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, owner TEXT NOT NULL, strategy_id TEXT NOT NULL,
    name TEXT NOT NULL, description TEXT NOT NULL, request TEXT NOT NULL, status TEXT NOT NULL,
    progress REAL, runs INTEGER NOT NULL DEFAULT 0, total_stats TEXT, result TEXT, error TEXT, stderr TEXT,
    forced_failure TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS symbol_listed ON symbol (owner, n) WHERE deleted_at IS NULL;  -- GET /symbols, name clashes
CREATE INDEX IF NOT EXISTS strategy_listed ON strategy (owner, n);  -- GET /strategies
CREATE INDEX IF NOT EXISTS report_open ON report (n) WHERE status IN ('PENDING', 'EXECUTING', 'PROCESSING');
"""


class Store:
    """An open sandbox home: `files` holds symbol CSVs by id, `scratch` holds what is being received."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.files = home / "symbols"
        self.scratch = home / "incoming"
        for folder in (self.files, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
        for leftover in self.scratch.iterdir():  # half-received uploads of a process that was killed
            leftover.unlink()
        self._connection = sqlite3.connect(home / "sandbox.sqlite3", isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA busy_timeout=5000")
        self._connection.execute("PRAGMA cache_size=-512")  # KiB: the process is to rest small
        self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one write transaction, rolled back when it raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def write(self, sql: str, values: Sequence[object] = ()) -> int:
        """Execute one statement; return the number of rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def one(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Row | None:
        """Return the first row or None."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """Return every row."""
        return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        """Close the database file (checkpoints the WAL)."""
        self._connection.close()


def new_id() -> str:
    """Return an id of the shape Lona gives: a random UUID."""
    return str(uuid.uuid4())


def timestamp(moment: datetime | None = None) -> str:
    """Return a moment (default now) as sortable ISO 8601 UTC text with microseconds and Z."""
    return (moment or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
