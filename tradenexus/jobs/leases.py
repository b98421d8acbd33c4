"""Leases: holding a job for a while by the database's clock, and proving it on every write.

A lease is not a lock: a holder that was stopped past its end may wake up again. So every write that counts names the
token, and a write that meets no row means: stop (LeaseLost).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, models
from django.db.models import F, Value
from django.db.models.expressions import RawSQL

from tradenexus import db
from tradenexus.jobs.errors import LeaseLost
from tradenexus.jobs.models import Job, State

# PostgreSQL's statement clock, not clock_timestamp(): the latter is volatile and keeps an index from being used.
_PG_CLOCK = "(statement_timestamp() + make_interval(secs => %s))"
_FIELDS = Job._meta.concrete_fields
_NAMES = [field.attname for field in _FIELDS]
COLUMNS = ", ".join(connection.ops.quote_name(str(field.column)) for field in _FIELDS)


def clock(plus_s: float = 0) -> models.Expression:
    """Return the database's time, plus some seconds, as an expression."""
    if db.is_sqlite():
        return Value(db.now() + timedelta(seconds=plus_s), output_field=models.DateTimeField())
    return RawSQL(_PG_CLOCK, [plus_s], output_field=models.DateTimeField())  # noqa: S611 - the text is a constant


def claim(kinds: list[str], holder: str, worker_id: UUID | None, heavy: str) -> Job | None:
    """Take the next job in order: one UPDATE ... RETURNING (SQLite). Call it inside db.atomic().

    heavy: `yes` takes whatever is next, `no` passes heavy jobs by, `ask` takes nothing when a heavy one is next. None
    when nothing was taken.
    """
    now = connection.ops.adapt_datetimefield_value(db.now())
    end = connection.ops.adapt_datetimefield_value(db.now() + timedelta(seconds=settings.NEXUS_JOB_LEASE_S))
    places = ", ".join(["%s"] * len(kinds))
    sql = f"""
        UPDATE jobs_job SET state = 'running', token = token + 1, attempts = attempts + 1, error = NULL,
            lease_until = %s, started_at = %s, holder = %s, worker_id = %s, progress = '{{}}'
        WHERE state = 'queued' {"AND NOT heavy" if heavy == "ask" else ""} AND id = (
            SELECT id FROM jobs_job WHERE state = 'queued' {"AND NOT heavy" if heavy == "no" else ""}
                AND run_at <= %s AND kind IN ({places})
            ORDER BY priority DESC, run_at, id LIMIT 1)
        RETURNING {COLUMNS}"""  # noqa: S608 - no value of a user is in the text
    worker = Job._meta.get_field("worker").get_db_prep_value(worker_id, connection)
    arguments = [end, now, holder, worker, now, *kinds]
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        row = cursor.fetchone()
    return None if row is None else job_of(row)


def job_of(row: Sequence[Any]) -> Job:
    """Return the job of a row of COLUMNS."""
    compiler, converters = _reading(connection.vendor)
    values = next(iter(compiler.apply_converters([list(row)], converters)))
    return Job.from_db(connection.alias, _NAMES, values)


@functools.cache
def _reading(_vendor: str) -> tuple[Any, Any]:
    """How this database's values become those of the fields: worked out once, not at each claim."""
    compiler = Job.everyone.all().query.get_compiler(connection.alias)
    return compiler, compiler.get_converters([field.get_col(Job._meta.db_table) for field in _FIELDS])


def peek(kinds: list[str], waiting_s: float = 0) -> bool | None:
    """Tell whether the job at the head of the line is heavy; None when none has been due for `waiting_s`."""
    due = Job.everyone.filter(state=State.QUEUED, run_at__lte=clock(-waiting_s), kind__in=kinds)
    return due.order_by("-priority", "run_at", "id").values_list("heavy", flat=True).first()


def held(job_id: UUID, token: int) -> models.QuerySet[Job]:
    """Return the rows (one or none) that this token still holds."""
    return Job.everyone.filter(pk=job_id, token=token, state=State.RUNNING)


def renew(job_id: UUID, token: int, **fields: Any) -> datetime | None:
    """Prolong the lease, writing the given fields with it; return when a cancel was asked for, if it was."""
    if not held(job_id, token).update(lease_until=clock(settings.NEXUS_JOB_LEASE_S), **fields):
        raise LeaseLost("the job is no longer held by this worker", {"token": token})
    return Job.everyone.filter(pk=job_id).values_list("cancel_requested_at", flat=True).first()


def fence(job_id: UUID, token: int) -> None:
    """Lock the job's row for the rest of the transaction, or raise LeaseLost; the lease starts anew with it."""
    if not held(job_id, token).update(lease_until=clock(settings.NEXUS_JOB_LEASE_S), log_n=F("log_n")):
        raise LeaseLost("the job is no longer held by this worker", {"token": token})


def margin_s() -> float:
    """Return how long before the lease's end its holder stops itself: a sixth of it (10 s of 60)."""
    return settings.NEXUS_JOB_LEASE_S / 6
