"""Entries about many subjects: each once, newest first, at a cost that does not grow with the trail."""

import random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tradenexus import db
from tradenexus.audit import about, chain
from tradenexus.audit.models import Entry

pytestmark = pytest.mark.django_db
SUBJECTS = [f"dsv_{number}" for number in range(12)]


@pytest.fixture
def trail(owner, stranger):
    """400 entries: some subjects have many, some one, some none, and some entries are about others or by others."""
    chance = random.Random(7)
    weights = [100, 50, 20, 10, 5, 2, 2, 1, 1, 0, 0, 0]
    with db.atomic():
        for number in range(400):
            subject = chance.choices([*SUBJECTS, "other"], [*weights, 40])[0]
            chain.record(owner.actor, "test.happened", subject, new=str(number))
        for subject in SUBJECTS:
            chain.record(stranger.actor, "test.happened", subject)
    return owner


def plainly(person, subjects, before=None):
    rows = Entry.of(person.tenant.id).filter(subject__in=subjects)
    return [row.seq for row in rows.order_by("-seq") if before is None or row.seq < before]


@pytest.mark.parametrize("most", [1, 2, 7, 51, 201])
def test_pages_hold_every_entry_once_newest_first(trail, most):
    seen, before = [], None
    while page := about.newest(trail.tenant.id, SUBJECTS, before, most):
        seen += [entry.seq for entry in page]
        before = page[-1].seq
    assert seen == plainly(trail, SUBJECTS)


@pytest.mark.parametrize("chosen", [SUBJECTS[:1], SUBJECTS[5:9], SUBJECTS[9:], [], [*SUBJECTS[:2], *SUBJECTS[:2]]])
def test_only_the_subjects_that_are_asked_for_are_told(trail, chosen):
    for before in (None, 400, 200, 10, 1, 0):
        found = [entry.seq for entry in about.newest(trail.tenant.id, chosen, before, 9)]
        assert found == plainly(trail, chosen, before)[:9]


def test_a_page_takes_three_queries_by_the_index_of_subjects(trail):
    with CaptureQueriesContext(connection) as asked:
        about.newest(trail.tenant.id, SUBJECTS, None, 51)
    assert len(asked) == 3
    if db.is_sqlite():
        for query in asked.captured_queries[:2]:
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
                steps = [row[3] for row in cursor.fetchall() if "audit_entry" in row[3]]
            assert steps
            assert all("INDEX audit_of_subject (tenant_id=? AND subject=? AND seq<?)" in step for step in steps), steps


@pytest.mark.parametrize("number", [-1, 2**63, "7", 1.5])
def test_a_number_that_no_entry_can_have_is_refused(trail, number):
    with pytest.raises(ValueError, match="number of an entry"):
        about.newest(trail.tenant.id, SUBJECTS, number, 5)
