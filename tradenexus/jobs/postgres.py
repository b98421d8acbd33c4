"""The two steps that every job takes, as one statement each, so one round trip and one commit (PostgreSQL).

The statements are functions of migration 0003. Each also writes the attempt, the audit entry and the event; the ids of
the last two are given, as everywhere, by us.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from tradenexus import ids
from tradenexus.jobs import leases
from tradenexus.jobs.models import Job, LogLine

_CLAIM = f"SELECT {leases.COLUMNS} FROM nexus_job_claim(%s::text[], %s, %s, %s, %s, %s::uuid[])"  # noqa: S608 - our names
_SUCCEED = f"""SELECT {leases.COLUMNS} FROM nexus_job_succeed(
    %s, %s, %s::jsonb, %s::jsonb, %s, %s::jsonb, %s, %s::text[], %s, %s, %s, %s::uuid[])"""  # noqa: S608 - our names


def claim(kinds: list[str], holder: str, worker_id: UUID | None, heavy: str) -> Job | None:
    """Take the next job in order, counted and announced; None when nothing is due.

    heavy: `yes` takes whatever is next, `no` passes heavy jobs by, `ask` returns a heavy one as it is, still queued.
    """
    arguments: list[Any] = [kinds, holder, worker_id, settings.NEXUS_JOB_LEASE_S, heavy, _new_ids(2)]
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, arguments)
        row = cursor.fetchone()
    return None if row is None else leases.job_of(row)


def succeed(
    job: Job,
    result: dict[str, Any],
    columns: dict[str, Any],
    lines: Sequence[LogLine],
    kinds: list[str],
    holder: str,
    worker_id: UUID | None,
) -> tuple[bool, Job | None]:
    """End a running job well, announced; with a holder, take the next light job for it in the same statement.

    columns: progress and log_n, when they are to be written. Returns whether the token still held the job (if not,
    nothing was changed), and the job taken.
    """
    progress = json.dumps(columns["progress"]) if "progress" in columns else None
    told = json.dumps([_plain(line) for line in lines]) if lines else None
    row: list[Any] = [job.pk, job.token, json.dumps(result), progress, columns.get("log_n"), told]
    taker: list[Any] = [bool(holder), kinds, holder, worker_id, settings.NEXUS_JOB_LEASE_S, _new_ids(4)]
    with connection.cursor() as cursor:
        cursor.execute(_SUCCEED, [*row, *taker])
        following = cursor.fetchone()
    if following is None:
        return False, None
    return True, None if following[0] is None else leases.job_of(following)


def _plain(line: LogLine) -> dict[str, Any]:
    shown = {name: getattr(line, name) for name in ("n", "attempt", "level", "stage", "text")}
    return {**shown, "at": line.at.isoformat()}


def _new_ids(count: int) -> list[UUID]:
    return [ids.uuid7() for _ in range(count)]
