"""A consistent copy of the database while others write to it, and the way back into an empty one.

SQLite: its online backup. PostgreSQL: `pg_dump` and `pg_restore`, of the client package on this host, in the format
`custom`; rows are read in the very snapshot that is dumped.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from datasets.storage import blobs
from tradenexus import db
from tradenexus.errors import Unavailable


class DumpFailed(Unavailable):
    """The database could not be copied or restored; the message has the words of the program that failed. On PostgreSQL
    `pg_dump` and `pg_restore` of the server's version must be installed where the command runs."""

    code = "DATABASE_DUMP_FAILED"


@contextmanager
def taken(folder: Path) -> Iterator[tuple[Path, Any]]:
    """Copy the database into a folder -> the file, and a cursor that sees exactly what was copied; DumpFailed."""
    if db.is_sqlite():
        path = folder / "database.sqlite3"
        with closing(_copy(path)) as copy:
            yield path, copy.cursor()
        return
    path = folder / "database.dump"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        _run("pg_dump", "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={path}")
        yield path, cursor


def is_empty() -> bool:
    """Tell whether the database has no tables yet."""
    if db.is_sqlite():
        path = Path(str(settings.DATABASES["default"]["NAME"]))
        return not path.exists() or path.stat().st_size == 0
    return not connection.introspection.table_names()


def put_back(path: Path) -> None:
    """Fill the empty database from a copy; DumpFailed. On SQLite it appears whole, by a rename."""
    if db.is_sqlite() != (path.suffix == ".sqlite3"):
        raise DumpFailed(f"the backup holds {path.name}, this installation's database is {connection.vendor}")
    if not db.is_sqlite():
        name = str(settings.DATABASES["default"]["NAME"])
        _run("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={name}", str(path))
        return
    target = Path(str(settings.DATABASES["default"]["NAME"]))
    half = target.with_name(f"{target.name}.restoring")
    with path.open("rb") as source, half.open("wb") as copy:
        shutil.copyfileobj(source, copy, blobs.BLOCK_BYTES)
        copy.flush()
        os.fsync(copy.fileno())
    half.rename(target)
    blobs.sync_folder(target.parent)


def _copy(path: Path) -> sqlite3.Connection:
    """Copy the database in one step: readers of the log hold up no writer."""
    copy = sqlite3.connect(path)
    try:
        with closing(sqlite3.connect(str(connection.settings_dict["NAME"]))) as source:
            source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, no log beside it
        fault = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        copy.close()
        raise DumpFailed(f"SQLite could not copy the database: {error}") from error
    if fault != "ok":
        copy.close()
        raise DumpFailed(f"the database is not sound: {fault}")
    return copy


def _run(program: str, *words: str) -> None:
    given = connection.settings_dict
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    environment = {**os.environ, **{name: str(given[key]) for name, key in names.items() if given.get(key)}}
    try:
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            [program, *words], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise DumpFailed(f"{program} is not installed here; install the PostgreSQL client package") from None
    if done.returncode:
        raise DumpFailed(f"{program} failed: {done.stderr.strip()[-2000:]}")
