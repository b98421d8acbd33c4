"""What the database says about itself becomes an error that names it, on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from django.db import OperationalError

from tradenexus.rest.errors import problem_of


def from_sqlite(code: int) -> Exception:
    cause = sqlite3.OperationalError("said by the database")
    cause.sqlite_errorcode = code
    return cause


@pytest.mark.parametrize(
    ("cause", "name", "status"),
    [
        (from_sqlite(sqlite3.SQLITE_FULL), "DATABASE_FULL", 507),
        (from_sqlite(sqlite3.SQLITE_IOERR_SHMSIZE), "DATABASE_FULL", 507),
        (psycopg.errors.DiskFull(), "DATABASE_FULL", 507),
        (from_sqlite(sqlite3.SQLITE_IOERR_FSYNC), "DATABASE_FAILED", 503),
        (psycopg.errors.IoError(), "DATABASE_FAILED", 503),
        (from_sqlite(sqlite3.SQLITE_BUSY), "DATABASE_BUSY", 503),
        (psycopg.errors.LockNotAvailable(), "DATABASE_BUSY", 503),
        (None, "DATABASE_BUSY", 503),
    ],
)
def test_a_database_in_trouble_is_named(cause, name, status):
    trouble = OperationalError("said by the database")
    trouble.__cause__ = cause
    problem = problem_of(trouble)
    assert (problem.code, problem.status) == (name, status)
    assert ("retryAfterSeconds" in problem.details) == (name == "DATABASE_BUSY")
