"""A step costs the same however long the line is, and whatever the planner last heard of it."""

import json

import pytest
from django.db import connection

from tradenexus.jobs import postgres, states
from tradenexus.jobs.models import Job

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no functions"),
]

DEPTH, CALLS = 20_000, 8
MANY = """INSERT INTO jobs_job SELECT copied.* FROM jobs_job, generate_series(1, %s) AS n,
    LATERAL jsonb_populate_record(jobs_job, jsonb_build_object('id', md5(n::text)::uuid)) AS copied"""
STEP = f"""EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
    {postgres._SUCCEED.replace("%s, %s, %s::jsonb", "%s, %s, '{}'::jsonb", 1)}"""


def pages(job: Job) -> int:
    """End the job, take the next, and return how many pages of the database were looked at."""
    arguments = [job.pk, job.token, None, None, None, True, [job.kind], "here:1:1", None, 60, postgres._new_ids(4)]
    with connection.cursor() as cursor:
        cursor.execute(STEP, arguments)
        told = cursor.fetchone()[0]
    plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def test_a_step_looks_at_few_pages_with_the_statistics_of_an_empty_queue(submit):
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobs_job")
    submit("test.plain")
    with connection.cursor() as cursor:
        cursor.execute(MANY, [DEPTH])
    seen = []
    job = states.claim("here:1:1")
    for _ in range(CALLS):
        seen.append(pages(job))
        job = Job.everyone.get(state="running")
    assert Job.everyone.filter(state="succeeded").count() == CALLS
    assert min(seen) < 200, seen  # a claim that sorts the line, or walks it for an id, looks at all of it
