"""What differs between SQLite and PostgreSQL: the clock, waiting one's turn, the write-ahead log; many queries at once.

On SQLite writers queue at a file lock before BEGIN IMMEDIATE (the turnstile): SQLite's own busy handler polls with
sleeps, which lets late-comers pass and makes a waiting writer's worst case long.
"""

from __future__ import annotations

import fcntl
import functools
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection, connections, transaction
from django.db.models import F, Field, Model, QuerySet
from django.db.models.expressions import DatabaseDefault

_local = threading.local()
_held: sqlite3.Connection | None = None
_TOGETHER = 100  # selects in one statement; SQLite takes 500


def is_sqlite() -> bool:
    """Tell whether the default database is SQLite."""
    return connection.vendor == "sqlite"


def now() -> datetime:
    """Return the database's clock, aware, UTC: the one time all workers of one database agree on."""
    if is_sqlite():
        return datetime.now(UTC)  # SQLite has no clock but this host's, and every writer is on this host
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0].astimezone(UTC)


def insert(row: Model) -> None:
    """Insert a new row by one plain statement: a save without its signals, its savepoint and its building of a query.

    Columns whose value the database makes are left to it, and not read back.
    """
    here = connections[connection.alias]  # not through its proxy, which looks itself up at each access
    fields = [field for field in row._meta.concrete_fields if _is_ours(getattr(row, field.attname), field)]
    sql = _insertion(row._meta.db_table, tuple(str(field.column) for field in fields))
    with here.cursor() as cursor:
        cursor.execute(sql, [field.get_db_prep_save(field.pre_save(row, True), here) for field in fields])
    row._state.adding, row._state.db = False, here.alias


@functools.lru_cache(200)
def _insertion(table: str, columns: tuple[str, ...]) -> str:
    names = ", ".join(connection.ops.quote_name(column) for column in columns)
    places = ", ".join(["%s"] * len(columns))
    return f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - names of our own


def _is_ours(value: Any, field: Field[Any, Any]) -> bool:
    return not isinstance(value, DatabaseDefault) and not (field.primary_key and value is None)


def counted(queries: Sequence[QuerySet[Any]]) -> list[int]:
    """Return how many rows each query finds; one statement for 100 of them."""
    found = [0] * len(queries)
    for number, count in _together([query.order_by() for query in queries], "COUNT(*)"):
        found[number] = count
    return found


def keys_of(queries: Sequence[QuerySet[Any]]) -> list[set[Any]]:
    """Return the primary keys that each query of one model finds; one statement for 100 of them.

    A query may be cut (`rows[:n]`): the first n for each of many things, which the ORM can ask of one at a time only.
    """
    found: list[set[Any]] = [set() for _ in queries]
    if queries:
        key = queries[0].model._meta.pk
        assert key is not None
        for number, value in _together(queries, "own.key_asked"):
            found[number].add(key.to_python(value))
    return found


def _together(queries: Sequence[QuerySet[Any]], wanted: str) -> Iterator[tuple[int, Any]]:
    for start in range(0, len(queries), _TOGETHER):
        parts: list[str] = []
        values: list[Any] = []
        for number, query in enumerate(queries[start : start + _TOGETHER], start):
            try:
                sql, given = query.annotate(key_asked=F("pk")).values_list("key_asked").query.sql_with_params()
            except EmptyResultSet:  # none can match, and the ORM says so itself
                continue
            parts.append(f"SELECT {number}, {wanted} FROM ({sql}) AS own")  # noqa: S608 - the ORM's own text
            values += given
        if parts:
            with connection.cursor() as cursor:
                cursor.execute(" UNION ALL ".join(parts), values)
                yield from cursor.fetchall()


def hold_log() -> None:
    """Keep SQLite's write-ahead log for the life of this process; nothing on PostgreSQL.

    Whoever closes the last connection folds the log into the database, syncs twice and deletes it, and the next one
    makes it anew: connections that end with their requests would do so at each request. This one reads once and rests.
    """
    global _held
    if not is_sqlite() or not _turnstile_path() or _held:
        return
    _held = sqlite3.connect(str(settings.DATABASES["default"]["NAME"]), check_same_thread=False)
    with suppress(sqlite3.Error):  # a database that cannot be read is told of by who needs it
        _held.execute("PRAGMA journal_mode=WAL")
        _held.execute("SELECT count(*) FROM sqlite_master").fetchone()


def drop_broken() -> None:
    """Close this thread's connection if a statement failed on it: the next one opens a new one.

    For threads that ask all the time and live as long as their process. `close_old_connections` would end a sound
    connection at each call, as NEXUS_CONN_MAX_AGE=0 says for threads that end with their request.
    """
    if connection.errors_occurred and not connection.in_atomic_block:
        connection.close()


@contextmanager
def atomic() -> Iterator[None]:
    """Open a write transaction; inside another one, a savepoint."""
    if not is_sqlite() or connection.in_atomic_block or not _turnstile_path():
        with transaction.atomic():
            yield
        return
    with _turnstile(), transaction.atomic():
        yield


def _turnstile_path() -> Path | None:
    name = str(settings.DATABASES["default"]["NAME"])
    return None if ":memory:" in name or "mode=memory" in name else Path(settings.NEXUS_HOME) / "run" / "turnstile"


@contextmanager
def _turnstile() -> Iterator[None]:
    if getattr(_local, "held", False):
        yield
        return
    path = _turnstile_path()
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _local.held = True
        yield
    finally:
        _local.held = False
        os.close(descriptor)
